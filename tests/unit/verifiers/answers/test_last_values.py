"""Answers that a completion does not mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.answers.last_numbers import last_number
from verifiers.answers.last_values import bold, formula, formulas, option, said


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("first 3, then 12.", "12"),
        ("that is $1,234.50 of it", "$1,234.50"),
        ("it fell to -5 degrees", "-5 degrees"),
        ("it is 16 cm long", "16 cm"),
        ("it covers 16 square feet", "16 square feet"),
        ("10-5", "10-5"),
        ("so 3/4 of it", "3/4"),
        ("by 15%.", "15%"),
        ("10^6 of them", "10^6"),
        ("it is 10^{-7}", "10^{-7}"),
        (r"so \frac{1}{2} of it", r"\frac{1}{2}"),
        ("it takes 17 dozen", "17 dozen"),
        ("so 2√3", "2√3"),
        ("x = 5", "x = 5"),
        ("at 3:45", "3:45"),
        ("so (3, 4)", "(3, 4)"),
        ("12 of them\n\nConfidence: 90", "12"),
        ("none at all", None),
        ("more than 12", None),
        ("it is not 12", None),
        ("twice 12", None),
    ],
)
def test_last_number_is_taken_with_all_that_belongs_to_it(text, number):
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"So it is $2\sqrt{3}$.", r"2\sqrt{3}"),
        (r"\(a+1\) is less than \(a+2\).", None),
        (r"\[ x = 5 \]", "x = 5"),
        ("$$\n12\n$$", "12"),
        ("It is $5$ dozen eggs.", "5 dozen"),
        ("It is $5$ (see page 7).", "5"),
        ("It is $5$, or 6.", None),
        ("It costs $5 and then $6 more.", None),
        ("Let $x$ be it.", None),
        ("It is 5.", None),
    ],
)
def test_last_formula_is_taken_whole(text, value):
    assert formula(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It is **12**.", "12"),
        ("**11** and **12 apples**", "12 apples"),
        ("It is __12__ or so", "12"),
        ("<b>12</b>", "12"),
        (r"\textbf{12}", "12"),
        ("It is **red**.", "red"),
        ("**12** of 13", None),
        ("**Step 2**", None),
        ("**Step 2:** add", None),
        ("**Note**: 5", None),
        ("It is 12.", None),
    ],
)
def test_last_bold_value_is_taken(text, value):
    assert bold(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so\n(B)", "(B)"),
        ("so\nB", "B"),
        ("so\n**B) 12 cm**", "B) 12 cm"),
        ("Thus option B is correct.", "B"),
        ("Option A or option B.", None),
        ("(B)\nor not", None),
        ("Bob", None),
        ("", None),
    ],
)
def test_last_line_may_name_an_option(text, value):
    assert option(text) == value


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("So there is no solution.", True),
        ("It holds for all real numbers.", True),
        ("There is no solution. But wait.", False),
        ("There is no solution below 5.", False),
        ("It is solved.", False),
    ],
)
def test_last_sentence_may_say_that_there_is_none_or_all(text, is_said):
    assert bool(said(text)) is is_said


def test_formulas_of_a_question_are_found_in_and_outside_of_dollars():
    found = formulas(r"What is $3 \cdot 4$, or 2 + 5, or \(x^2\)?")
    assert [text.strip() for text in found] == [r"3 \cdot 4", "x^2", "2 + 5"]


HOSTILE = [
    "1",
    "1 ",
    "1+",
    "(1",
    "[1",
    "$",
    "$1",
    "**",
    "** 1",
    "\\(",
    "{1",
    "\\frac{",
    "a ",
    "x_",
    "1,",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_only_the_end_of_a_hostile_text_is_looked_at(piece):
    text = piece * (100_000 // len(piece))
    for find in (option, bold, said, formula, last_number):
        find(text)


@given(st.lists(st.sampled_from([*HOSTILE, "no solution", ".", "\n", "B)", "not "]), max_size=20))
def test_number_is_a_part_of_the_text(pieces):
    text = "".join(pieces)
    assert (last_number(text) or "") in text
