"""Sets, lists, matrices, options and words: kinds of what stands in a box, paid and not."""

from tests.helpers.answer_tables.table import Kind

OPTIONS = "Which is prime?\n(A) 9\n(B) 11\n(C) 15"

GROUPS = (
    Kind(
        "intervals and inequalities",
        "An interval, an inequality and a union of either are the same set of numbers, or not.",
        {
            "(3, 8.5)": (
                "3 < x < 8.5",
                r"x \in (3, 8.5)",
                "8.5 > x > 3",
                r"x > 3 \text{ and } x < \frac{17}{2}",
            ),
            r"[2, \infty)": (
                r"x \ge 2",
                r"2 \le x",
                r"[2,+\infty)",
                r"2 \leqslant t",
                r"[2, 5] \cup (4, \infty)",
            ),
            r"(-\infty, 0) \cup (1, \infty)": (
                r"x < 0 \text{ or } x > 1",
                r"(1,\infty)\cup(-\infty,0)",
                r"\mathbb{R} \setminus [0, 1]",
            ),
            r"-3 < x < 3": ("|x| < 3", "(-3, 3)"),
            r"x \ne 2": (r"(-\infty, 2) \cup (2, \infty)", r"\mathbb{R}\setminus\{2\}"),
            r"[0, 5]": (r"\{x \mid 0 \le x \le 5\}", r"[0, 7] \cap [-1, 5]", r"0 \le y \le 5"),
        },
        {
            "(3, 8.5)": (
                "[3, 8.5]",
                "(3, 8)",
                "3 < x",
                "x > 8.5",
                "(8.5, 3)",
                r"3 \le x < 8.5",
                "5",
            ),
            r"[2, \infty)": ("x > 2", r"(2, \infty)", r"x \le 2", r"[2, 100)", "2"),
            r"(-\infty, 0) \cup (1, \infty)": (
                r"(-\infty, 0) \cap (1, \infty)",
                "(0, 1)",
                r"x < 0 \text{ or } x \ge 1",
                r"x > 1",
            ),
            r"-3 < x < 3": ("|x| > 3", "x < 3", r"|x| \le 3"),
            r"x \ne 2": ("x = 2", "2", r"x \ne 3"),
            r"[0, 5]": ("(0, 5)", r"\{0, 5\}", "[0, 7]", "5"),
            "y < 2": ("x < 2",),
        },
    ),
    Kind(
        "lists and sets",
        "A list or a set is the same in any order; all of it must be there, and nothing else.",
        {
            "1, -2": (
                "-2, 1",
                r"\{1, -2\}",
                r"1 \text{ and } -2",
                "x = 1, x = -2",
                r"x=1 \text{ or } x=-2",
                "-2; 1",
            ),
            r"\{1, 2, 3\}": (r"\{3, 1, 2\}", "1, 2, 3", r"\{1, 2, 2, 3\}"),
            r"\sqrt{2}, \frac{1}{2}": (r"0.5, \sqrt2", r"\{\frac12,\frac{2}{\sqrt2}\}"),
            "1, 2, \\ldots, n": (r"1,2,\dots,n",),
        },
        {
            "1, -2": ("1", "-2", "1, 2", "1, -2, 3", "-1", "-1, 2", r"1 \cdot -2"),
            r"\{1, 2, 3\}": (r"\{1, 2\}", r"\{1, 2, 3, 4\}", "6", "123"),
            "7": ("7, 8", "7 or 8", r"\{7, 8\}", "6, 7"),
            r"\sqrt{2}, \frac{1}{2}": (r"\sqrt{2}, 2", r"\sqrt2"),
            "1, 2, \\ldots, n": (r"1,2,\ldots,n-1", "1, 2, n"),
        },
    ),
    Kind(
        "pairs, points and nesting",
        "A pair or a nested list keeps its order and brackets; coordinates may be named.",
        {
            "(3, -4)": (
                r"\left(3,-4\right)",
                "(6/2, -4)",
                "3, -4",
                "(x, y) = (3, -4)",
                "x = 3, y = -4",
            ),
            r"\left(3, \frac{\pi}{2}\right)": (r"(3, \pi/2)", r"(3,\dfrac{\pi}{2})"),
            "(1, 2), (3, 4)": ("(3, 4), (1, 2)", r"\{(1,2),(3,4)\}"),
            "[[1, 2], [3]]": ("[[1,2],[3]]",),
            r"\langle 1, 2, 3\rangle": (r"(1, 2, 3)", r"\begin{pmatrix}1\\2\\3\end{pmatrix}"),
        },
        {
            "(3, -4)": (
                "(-4, 3)",
                "(3, 4)",
                "3",
                "(3, -4, 0)",
                "[3, -4]",
                r"\{3, -4\}",
                "x = -4, y = 3",
            ),
            r"\left(3, \frac{\pi}{2}\right)": (r"(3, \pi)", r"(\frac{\pi}{2}, 3)"),
            "(1, 2), (3, 4)": ("(1, 3), (2, 4)", "(1, 2)", "(2, 1), (4, 3)", "1, 2, 3, 4"),
            "[[1, 2], [3]]": ("[[1], [2, 3]]", "[1, 2, 3]", "[[1,2,3]]"),
            r"\langle 1, 2, 3\rangle": ("(3, 2, 1)", "(1, 2)", "6"),
        },
    ),
    Kind(
        "plus-minus",
        r"± is two values, and both must be there.",
        {
            r"\pm 5": (
                "5, -5",
                "-5, 5",
                "+5, -5",
                r"\{5, -5\}",
                r"x = \pm 5",
                r"x = 5 \text{ or } x = -5",
                "±5",
            ),
            r"1 \pm \sqrt{19}": (r"1+\sqrt{19}, 1-\sqrt{19}", r"\frac{2 \pm \sqrt{76}}{2}"),
        },
        {
            r"\pm 5": ("5", "-5", r"\pm 6", "5, -6", "25"),
            r"1 \pm \sqrt{19}": (
                r"1+\sqrt{19}",
                r"-1\pm\sqrt{19}",
                r"\pm\sqrt{19}",
                r"1 \pm \sqrt{17}",
            ),
            "5": (r"\pm 5", "5, -5"),
        },
    ),
    Kind(
        "matrices",
        "Matrices are compared entry by entry; kinds of brackets do not matter.",
        {
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}": (
                r"\begin{bmatrix}1&2\\3&4\end{bmatrix}",
                r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]",
                r"\begin{pmatrix}1&\frac42\\3&2^2\\\end{pmatrix}",
                r"2\begin{pmatrix}0.5&1\\1.5&2\end{pmatrix}",
            ),
            r"\begin{pmatrix} -2 \\ 14 \end{pmatrix}": (
                r"\begin{bmatrix}-2\\14\end{bmatrix}",
                "(-2, 14)",
            ),
        },
        {
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}": (
                r"\begin{pmatrix}1&3\\2&4\end{pmatrix}",
                r"\begin{pmatrix}1&2\\3&5\end{pmatrix}",
                r"\begin{vmatrix}1&2\\3&4\end{vmatrix}",
                r"\begin{pmatrix}1&2&3&4\end{pmatrix}",
                "1, 2, 3, 4",
                "-2",
            ),
            r"\begin{pmatrix} -2 \\ 14 \end{pmatrix}": (
                r"\begin{pmatrix}14\\-2\end{pmatrix}",
                "14",
            ),
        },
    ),
    Kind(
        "options",
        "The letter of an option, with or without its brackets and its text.",
        {
            "B": (
                "(B)",
                r"\text{B}",
                r"\textbf{(B)}",
                "B) 11",
                "(B) 11",
                r"\text{(B) } 11",
                "B.",
                "b",
                "Option B",
            ),
            "(C) 15": ("C", "(C)", "C) 15", r"\textbf{(C)}"),
            r"\text{(A)}": ("A",),
        },
        {
            "B": ("A", "(A) 11", "A, B", "AB", "C) 11", "not B", "A or B"),
            "(C) 15": ("(B) 15", "(C) 16", "B"),
            r"\text{(A)}": ("D", "a + b"),
        },
        prompt=OPTIONS,
        one_way=True,
    ),
    Kind(
        "words",
        "Names and other words, in any case, with or without an article.",
        {
            r"\text{Evelyn}": ("Evelyn", r"\text{evelyn}", r"\textbf{Evelyn}", r"\mathrm{Evelyn}"),
            "Monday": (r"\text{Monday}", "monday", "Monday."),
            r"\text{a regular hexagon}": ("regular hexagon", "Regular hexagon"),
            "even": ("Even", r"\text{even}"),
            "New York": ("new york", r"\text{New York}"),
        },
        {
            r"\text{Evelyn}": ("Debra", "Eve", "Evelyn and Debra", "E"),
            "Monday": ("Sunday", "Mon", "not Monday"),
            "even": ("odd", "not even", "uneven", "event"),
            "New York": ("York", "New Jersey"),
            "yes": ("no", "yes and no"),
        },
    ),
    Kind(
        "no solution, all, infinity",
        "No solution is the empty set, all real numbers is the whole line; infinity has a sign.",
        {
            r"\text{no solution}": (
                r"\emptyset",
                r"\text{No solutions}",
                r"\{\}",
                "no real solution",
                "none",
                "∅",
            ),
            r"\infty": (r"+\infty", r"\text{infinity}", "∞"),
            r"\text{all real numbers}": (r"\mathbb{R}", r"(-\infty, \infty)", r"\text{all reals}"),
            r"\text{does not exist}": ("DNE", r"\text{DNE}"),
        },
        {
            r"\text{no solution}": (
                "0",
                r"\{0\}",
                r"\{\emptyset\}",
                r"\infty",
                "one solution",
                r"\text{infinitely many}",
            ),
            r"\infty": (r"-\infty", "0", "1000000", "8", r"\text{undefined}"),
            r"\text{all real numbers}": (
                r"(0, \infty)",
                r"\mathbb{Z}",
                r"\text{all positive numbers}",
                r"x \ge 0",
            ),
            r"\text{does not exist}": ("0", "exists"),
            "0": (r"\text{no solution}", r"\emptyset"),
        },
    ),
    Kind(
        "alternatives",
        "Of a list of expected answers any one is right.",
        {
            ("4", "7"): ("4", "7", "x = 7"),
            ("New York", "NYC"): ("NYC", "new york"),
            ("12 cm", "A"): ("A", "12"),
        },
        {
            ("4", "7"): ("4, 7", "47", "11"),
            ("New York", "NYC"): ("NY",),
            ("12 cm", "A"): ("B", "21"),
        },
    ),
    Kind(
        "solutions as expected",
        "Of an expected solution, what stands after `####` or in its last box.",
        {
            "3 * 4 = 12\n#### 12": ("12", "12 eggs"),
            r"So $x = \boxed{\frac{1}{2}}$, as said.": ("0.5", r"\frac12"),
            "#### 70,000": ("70000", r"\$70,000"),
        },
        {
            "3 * 4 = 12\n#### 12": ("3", "4", "13"),
            r"So $x = \boxed{\frac{1}{2}}$, as said.": ("1", "2"),
            "#### 70,000": ("70", "7000"),
        },
        one_way=True,
    ),
)
