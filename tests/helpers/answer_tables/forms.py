"""The form that a question asks for, and spellings of special fields: what stands in a box."""

from tests.helpers.answer_tables.table import Kind

FORMS = (
    Kind(
        "copies inside something",
        "A copy stays one in a list, in brackets, over 1 or beside a unit. What the question says "
        "in words only may be answered by its expression.",
        {
            "17": ("17", "[17]", "3*4+5 = 17", "17/1"),
            "17, 3": ("17, 3", "[3, 17]", "3*4+5 = 17, 1+2 = 3"),
        },
        {
            "17": (
                "[3*4+5]",
                "(3*4+5)/1",
                r"\frac{3*4+5}{1}",
                "(3*4+5)^1",
                "--(3*4+5)",
                r"\{3*4+5\}",
                r"3*4+5 \text{ apples}",
            ),
            "17, 3": ("3*4+5, 1+2", "17, 1+2", r"\{3*4+5, 3\}", "[3*4+5, 3]"),
        },
        prompt="Work out 3*4+5 and 1+2.",
        one_way=True,
    ),
    Kind(
        "factored",
        "Where the question asks to factor, a product of as many factors is paid, and no sum.",
        {
            "(x+2)(x+3)": (
                "(x+3)(x+2)",
                r"(2+x)\cdot(x+3)",
                "(-x-2)(-x-3)",
                "x^2+5x+6 = (x+2)(x+3)",
            ),
            "(x-1)(x+1)(x^2+1)": ("(x^2+1)(x+1)(x-1)",),
            "(2x-1)^2": ("(1-2x)^2", r"4(x-\frac12)^2", "(2x-1)(2x-1)"),
            "x(x+5)": ("(x+5)x",),
        },
        {
            "(x+2)(x+3)": (
                "x(x+5)+6",
                "x^2+5x+6",
                "x(x+2)+3(x+2)",
                "(x^2+5x+6)/1",
                "x(x+5+6/x)",
                "(x+2)(x+3)+0x",
                "(x+2)(x-3)",
            ),
            "(x-1)(x+1)(x^2+1)": ("(x^2-1)(x^2+1)", "x^4-1"),
            "(2x-1)^2": ("4x(x-1)+1", "4x^2-4x+1"),
            "x(x+5)": ("x^2+5x",),
        },
        prompt="Factor it completely.",
        one_way=True,
    ),
    Kind(
        "expanded",
        "Where it asks to expand, no product of sums is left.",
        {"x^2-x-6": ("-6-x+x^2", "x^2+2x-3x-6"), r"\frac{x+1}{2}": (r"\frac{1}{2}x+\frac12",)},
        {
            "x^2-x-6": ("x(x-1)-6", "(x+2)x-3(x+2)", "(x+2)(x-3)/1", "x^2+x-6"),
            r"\frac{x+1}{2}": (r"\frac12(x+1)",),
        },
        prompt="Expand the product.",
        one_way=True,
    ),
    Kind(
        "product of primes",
        "Where it asks for the factorization of a number, its primes are paid.",
        {
            r"2^3 \cdot 3^2 \cdot 5": (
                r"5 \cdot 3^2 \cdot 2^3",
                r"2\times2\times2\times3\times3\times5",
                r"360 = 2^3\cdot3^2\cdot5",
            )
        },
        {r"2^3 \cdot 3^2 \cdot 5": ("360", r"8\cdot9\cdot5", r"2^2\cdot3^2\cdot5", r"36\cdot10")},
        prompt="Find the prime factorization of 360.",
        one_way=True,
    ),
    Kind(
        "congruences",
        "A remainder may have its modulus and its name; a modulus that is expected must be it.",
        {
            "5": (
                r"5 \pmod 7",
                "5 (mod 7)",
                r"x \equiv 5 \pmod{7}",
                "x ≡ 5 (mod 7)",
                r"x \equiv 5\ (\bmod\ 7)",
                r"5\ (\text{mod } 7)",
                r"12 \bmod 7",
                r"n \equiv 5",
            ),
            r"x \equiv 5 \pmod 7": (r"5 \pmod 7", r"x \equiv 12 \pmod 7", "5", "x = 5"),
            "1, 4": (r"x \equiv 1, 4 \pmod 5",),
            "2": (r"2^{2005} \equiv 2 \pmod 7",),
        },
        {
            "5": (
                r"12 \pmod 7",
                r"x \equiv 12 \pmod 7",
                r"5 \pmod 3",
                r"x \not\equiv 5 \pmod 7",
                r"2x \equiv 5 \pmod 7",
                r"13 \equiv 5 \pmod 7",
                r"6 \pmod 7",
            ),
            r"x \equiv 5 \pmod 7": (r"x \equiv 5 \pmod 8", r"x \equiv 6 \pmod 7", "x = 6"),
            "1, 4": (r"x \equiv 1, 3 \pmod 5",),
            "2": (r"2^{2005} \equiv 3 \pmod 7",),
        },
        one_way=True,
    ),
    Kind(
        "letters of choice",
        "The C of an integral and the letter that a function is written with may be others.",
        {
            "x^2+C": ("C+x^2", "x^2+c", "x^2+K", r"x^2+\text{const}", r"\int 2x\,dx = x^2+C"),
            "f(x)=2x+1": ("f(t)=2t+1", "2x+1"),
        },
        {
            "x^2+C": ("x^2", "x^2+Cx", "x^3+c", "x^2+x", "cx^2"),
            "f(x)=2x+1": ("f(t)=2x+1", "f(t)=2t-1", "g(t)=2t+1", "2t+1"),
        },
        one_way=True,
    ),
    Kind(
        "names of values",
        "A value may be named by what asks for it, even where that is not read itself.",
        {
            "3.5": (
                "E[X] = 3.5",
                r"a_1+a_2+\cdots+a_n = 3.5",
                r"\operatorname{Var}(X)=3.5",
                r"\sigma^2 = 3.5",
                r"P(A \mid B) = 3.5",
                r"\lim_{x\to0} f(x) = 3.5",
                r"\sin x = 3.5",
                r"\frac{dy}{dx} = 3.5",
                r"\frac{m}{n} = \frac72",
                "|A| = 3.5",
                "[ABC] = 3.5",
            )
        },
        {
            "3.5": (
                "E[X] = 2.5",
                r"a_1+\cdots+a_n = 2.5",
                r"\lim_{x\to3.5} f(x) = 3",
                "|x| = 3.5",
                r"2\sin x = 3.5",
                r"\lfloor x\rfloor = 3.5",
                "x^2 = 3.5",
            )
        },
        one_way=True,
    ),
    Kind(
        "hyperbolic functions",
        "They are what they are made of: powers of e.",
        {
            r"\frac12 + \frac12 e^{-2x^2}": (r"e^{-x^2}\cosh(x^2)", r"\frac{1+e^{-2x^2}}{2}"),
            r"\sinh(2x)": (r"2\sinh x\cosh x", r"\frac{e^{2x}-e^{-2x}}{2}"),
            "1": (r"\cosh^2 x - \sinh^2 x",),
        },
        {
            r"\frac12 + \frac12 e^{-2x^2}": (r"e^{-x^2}\sinh(x^2)", r"e^{x^2}\cosh(x^2)"),
            r"\sinh(2x)": (r"\sinh x\cosh x", r"2\sinh^2 x", r"\cosh(2x)"),
            "1": (r"\cosh^2 x + \sinh^2 x",),
        },
    ),
    Kind(
        "vectors",
        "A vector is a column, a row, a list in any brackets, or a sum of unit vectors.",
        {
            r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}": (
                "(1, -2)",
                r"\langle 1, -2\rangle",
                r"\left<1, -2\right>",
                "[1, -2]^T",
                r"\mathbf{i}-2\mathbf{j}",
                r"\hat{i}-2\hat{j}",
            ),
            "(1, 2, 3)": (r"\vec{i}+2\vec{j}+3\vec{k}",),
        },
        {
            r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}": (
                "(1, 2)",
                r"-2\mathbf{i}+\mathbf{j}",
                "1-2i",
            ),
            "(1, 2, 3)": (r"\vec{i}+2\vec{j}-3\vec{k}", "1+2i+3k"),
        },
        one_way=True,
    ),
    Kind(
        "systems",
        "Lines of a system are a list; lines that go on with a sign are one chain.",
        {
            "x=3, y=-2": (
                r"\begin{cases}x=3\\y=-2\end{cases}",
                r"\left\{\begin{array}{l}x=3\\y=-2\end{array}\right.",
            ),
            "7": (r"\begin{aligned} x &= 3+4 \\ &= 7 \end{aligned}",),
        },
        {
            "x=3, y=-2": (r"\begin{cases}x=-2\\y=3\end{cases}",),
            "7": (
                r"\begin{aligned} x &= 3+5 \\ &= 7 \end{aligned}",
                r"\begin{aligned} x &= 3+4 \\ &= 8 \end{aligned}",
            ),
        },
        one_way=True,
    ),
)
