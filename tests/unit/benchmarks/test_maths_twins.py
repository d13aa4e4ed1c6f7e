"""The referee of wrong maths answers knows what is surely different, and no twin is right."""

import pytest
from latex_values import surely_differ, values
from maths_spellings import SPELLINGS
from maths_twins import KINDS, wrong_twin

GOLDS = [
    "18",
    "-3",
    "0",
    "1,200",
    r"10,\!000",
    r"\frac{5}{8}",
    r"-\frac12",
    r"3\sqrt{7}",
    r"18\pi",
    r"\left( 3, \frac{\pi}{2} \right)",
    r"(-\infty, -2) \cup (7, \infty)",
    r"\begin{pmatrix} 1 & 0 \\ 0 & 3 \end{pmatrix}",
    "4x^2 + 18",
    "5 - 11i",
    "y = -2x + 1",
    r"\sqrt{2}, -\sqrt{2}",
    r"\text{(C)}",
    r"\text{Thursday}",
    r"10\text{ cm}",
    r"150^\circ",
    r"\$30",
    r"6\%",
    "776_8",
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\frac12", "0.5"),
        (r"\frac{1}{2}", r"50\%"),
        ("3, 5", "5,3"),
        ("776_8", "776"),
        ("x = 5", "5"),
        ("x + y = 3", "2x + 2y = 6"),
        (r"6\frac{1}{6}\text{ feet}", r"\frac{37}{6}"),
        (r"\sqrt{2}", r"\frac{2}{\sqrt 2}"),
        (r"2 \sin b \cos a", r"2\cos a\sin b"),
        (r"180^\circ", r"\pi"),
        (r"\text{(C)}", r"\text{C}"),
        (r"\text{A, B}", r"\text{B, A}"),
        (r"\text{three}", "3"),
        (r"\unknown{3}", "4"),
        ("0", "-0"),
    ],
)
def test_answers_that_can_be_taken_for_each_other_do_not_surely_differ(one, other):
    assert not surely_differ(one, other)
    assert not surely_differ(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1200", "1201"),
        (r"18\pi", "18"),
        ("4x + 18", "4y + 18"),
        ("x + y = 3", "x + y = 4"),
        (r"(-\infty, 5)", r"(-\infty, 6)"),
        ("776_8", "777_8"),
        (r"\sqrt{2}, -\sqrt{2}", r"\sqrt{2}, \sqrt{2}"),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 \\ 3 \end{pmatrix}"),
        (r"\text{(C)}", r"\text{(D)}"),
        (r"\text{odd}", "3"),
    ],
)
def test_answers_of_different_value_surely_differ(one, other):
    assert surely_differ(one, other)
    assert surely_differ(other, one)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"2^{10} - \frac{8}{2}", 1020),
        (r"\sqrt[3]{27} + 2 \cdot 3!", 15),
        (r"-2^2", -4),
        (r"\cos^2 0 + 3i", 1 + 3j),
        ("1011_2", 11),
        (r"\frac34", 0.75),
        ("12/5", 2.4),
        (r"\$32,\!348", 32348),
    ],
)
def test_expressions_have_the_value_that_arithmetic_gives_them(text, value):
    assert values(text)[0][0] == pytest.approx(value)


@pytest.mark.parametrize("name", SPELLINGS)
def test_each_right_completion_has_a_wrong_twin(name):
    written = 0
    for row in range(len(GOLDS)):
        right = SPELLINGS[name](GOLDS[row], row)
        if right is not None:
            text, kind = wrong_twin(GOLDS, row, SPELLINGS[name])
            assert text != right
            assert kind in KINDS
            written += 1
    assert written >= 6


def test_a_spelling_is_left_out_where_nobody_writes_the_answer_so():
    assert SPELLINGS["decimal"](r"\frac{1}{3}", 0) is None
    assert SPELLINGS["named"]("3, 5", 0) is None
    assert SPELLINGS["with_unit"](r"3\sqrt{7}", 0) is None
    assert SPELLINGS["unicode"]("18", 0) is None


def test_a_multiplied_number_stands_in_the_twin_as_it_does_in_running_text():
    found = {wrong_twin(["18"] * 60, row, SPELLINGS["bold"]) for row in range(60)}
    assert (
        "There are 7 cases, and each of them gives the same.\n\n**18 hundred**",
        "unit",
    ) in found
