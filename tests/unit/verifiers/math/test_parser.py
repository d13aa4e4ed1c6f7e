"""From tokens to trees."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verifiers.math.cursor import MAX_DEPTH, ParseError
from verifiers.math.notation import canonical, tokens_of
from verifiers.math.parser import parse
from verifiers.math.tree import nested, show

PIECES = (
    *(
        "0",
        "1",
        "25",
        "1,234",
        ".5",
        "2.5",
        "x",
        "y",
        "n",
        "e",
        "i",
        "ab",
        "ABC",
        "cm",
        "m",
        "dozen",
    ),
    *(
        "+",
        "-",
        "*",
        "/",
        "^",
        "_",
        "!",
        "%",
        "=",
        "<",
        ">",
        ":",
        "|",
        "'",
        ",",
        ";",
        ".",
        "$",
        "&",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        r"\{",
        r"\}",
        r"\le",
        r"\in",
        r"\cup",
        r"\pm",
        r"\to",
        r"\infty",
    ),
    *(
        r"\frac",
        r"\sqrt",
        r"\binom",
        r"\log",
        r"\sin",
        r"\pi",
        r"\theta",
        r"\overline",
        r"\text{ or }",
    ),
    *(
        r"\begin{pmatrix}",
        r"\end{pmatrix}",
        r"\begin",
        r"\end",
        r"\\",
        r"\circ",
        r"\bmod",
        r"\ldots",
    ),
    *(
        r"\mathbb{R}",
        r"\emptyset",
        r"\text{",
        r"\lfloor",
        r"\rfloor",
        "...",
        "and",
        "st",
        "to",
        " ",
    ),
)
ANSWERS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def tree_of(text, letter_units=True):
    return parse(tokens_of(canonical(text)), letter_units)[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2+3*4", "2 + 3*4"),
        ("(2+3)*4", "(2 + 3)*4"),
        ("-x^2", "-x^2"),
        ("2^3^2", "2^3^2"),
        ("2^10", "2^10"),
        ("x^2y", "x^2*y"),
        (r"\frac12", "1/2"),
        (r"\frac{1}{2}x", "(1/2)*x"),
        ("a/b/c", "(a/b)/c"),
        (r"2\frac12", "5/2"),
        (r"2\frac{x}{2}", "2*(x/2)"),
        (r"\sqrt2x", "sqrt(2)*x"),
        (r"\sqrt[3]{8}", "root(8, 3)"),
        ("√12", "sqrt(12)"),
        (r"\sin 2x", "sin(2*x)"),
        (r"\sin x \cos y", "sin(x)*cos(y)"),
        (r"\sin^2 x", "sin(x)^2"),
        (r"\sin^{-1} x", "arcsin(x)"),
        (r"\log_2 8", "log(8, 2)"),
        (r"\binom{5}{2}", "binom(5, 2)"),
        ("|x-|y||", "abs(x + -abs(y))"),
        (r"17 \bmod 5", "17 mod 5"),
        (r"1 \pm \sqrt 2", "1 ± sqrt(2)"),
        ("5!", "5!"),
        (r"5\%", "5%"),
        (r"30^\circ", "30°"),
        ("16 m", "16 m"),
        ("16 m/s", "16 m / s"),
        ("16 apples", "16 apples"),
        ("17 dozen", "17*12"),
        ("x_{n+1}", "x_n+1"),
        ("f(3)", "f(3)"),
        ("x = 5", "x = 5"),
        (r"x<y\le3", "x < y <= 3"),
        ("1, 2 and 3", "1, 2, 3"),
        ("x=1 or x=2", "x = 1 or x = 2"),
        ("n = 2, 3", "n = 2, 3"),
        (r"\{1,2\}", "{1, 2}"),
        (r"\{x | x > 3\}", "x > 3"),
        ("[1, 2)", "[1, 2)"),
        (r"[1,2]\cup(3,\infty)", "[1, 2] ∪ (3, inf)"),
        (r"\mathbb{R}\setminus\{0\}", "reals \\ {0}"),
        ("3:4", "3:4"),
        ("40_9", "40 in base 9"),
        (r"0.1\overline{6}", "1/6"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[[1, 2], [3, 4]]"),
        (r"\overline{AB}", r"\overline(AB)"),
        (r"\text{no solution}", "no solution"),
        ("twelve", "12"),
    ],
)
def test_answer_is_read_as_this_tree(text, shown):
    assert show(tree_of(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "1 +",
            "(1",
            "1)",
            "[1, 2",
            "{",
            r"\frac{1}",
            r"\sqrt",
            "^2",
            "1 2",
            ",,",
            "=",
            "< 3",
        ),
        *(r"\int x", r"\unknown", r"\begin{pmatrix}1", r"\begin{tikz}1\end{tikz}", "|x", "x''''1'"),
        *(r"\text{Evelyn} + 1", r"\{1,2\} \cdot 3", "1 + (2, 3)", "40_1", "40_99", "(1, 2]5"),
    ],
)
def test_what_is_no_answer_is_refused(text):
    with pytest.raises(ParseError):
        tree_of(text)


def test_letters_behind_a_number_are_units_or_factors():
    assert show(tree_of("16 m")) == "16 m"
    assert show(tree_of("16 m", letter_units=False)) == "16*m"
    assert tree_of("16 m").op == "unit"
    assert tree_of("16m").op == "mul"


@given(ANSWERS)
@example("(" * 3000)
@example("x^{" * 900)
@example(r"\frac" * 900)
@example("-" * 3000)
@example("|" * 3000)
@example("1:" * 200 + "1")
@example(r"\sin" * 900)
@example(r"\text{" * 900)
@example("x_" * 900)
@example(r"\begin{" * 900)
@settings(max_examples=300)
def test_any_text_is_a_tree_or_refused(text):
    try:
        made = tree_of(text)
    except ParseError:
        return
    show(made)
    nested(made)


@pytest.mark.parametrize(
    "opening", ["(", "{", r"\sqrt{", "x^{", r"\frac{1}{", "[", "|", "-", r"\sin("]
)
def test_nesting_is_bounded(opening):
    closing = {"(": ")", "{": "}", "[": "]", "|": "|", "-": ""}.get(opening[-1], "}")
    shallow, deep = 10, 20 * MAX_DEPTH
    show(tree_of(opening * shallow + "1" + closing * shallow))
    with pytest.raises(ParseError):
        tree_of(opening * deep + "1" + closing * deep)
