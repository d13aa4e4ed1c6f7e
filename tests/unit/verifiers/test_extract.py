"""Where the final answer of a completion stands."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.extract import FinalAnswer, Marker, after_hashes, final_answer, graded_scope

OPEN = "User: 2+2?\nAssistant: <think>"
PIECES = (
    *(
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        r"\boxed{",
        "{",
        "}",
        "\\",
        "#### ",
        "7",
        " a\n",
    ),
    *("The answer is ", "**", "$", "Question: ", "(B)", "no solution", ". ", ", ", "\n\n"),
)
MARKED_UP = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@given(MARKED_UP, st.booleans(), st.sampled_from(["", OPEN]))
def test_a_final_answer_is_a_part_of_the_text(text, truncated, prompt):
    found = final_answer(text, prompt, truncated)
    left = text.replace("<think>", "").replace("</think>", "")
    # Boxes that are parts of one answer, and a formula with its words, are put together; a box
    # within a box is its content.
    parts = [] if found is None else found.text.replace(", ", " ").split()
    assert all(_unboxed(part) in _unboxed(left) for part in parts)


def _unboxed(text):
    return re.sub(r"\\boxed|[{}]", "", text)


@given(MARKED_UP, st.sampled_from(["", OPEN]))
def test_cutting_off_makes_no_answer_where_there_was_none(text, prompt):
    found = final_answer(text, prompt, truncated=True)
    if found is not None:
        assert found.marked
        assert final_answer(text, prompt, truncated=False) is not None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("#### 1\n#### 2 dollars\nbye", "2 dollars"),
        ("####7", "7"),
        ("#### Step 3: add\nthe sum is 5", None),
        ("#### 3. Add them\nthe sum is 5", None),
        ("#### Monday", "Monday"),
        ("#### Now we add all of them", None),
        ("no marker", None),
        ("####", None),
    ],
)
def test_line_after_the_last_hashes_is_taken(text, line):
    assert after_hashes(text) == line


def test_line_that_was_cut_off_is_not_taken():
    assert after_hashes("#### 7", truncated=True) is None
    assert after_hashes("#### 7\n", truncated=True) == "7"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"\boxed{1} <answer>2</answer>", FinalAnswer("2", Marker.ANSWER)),
        (r"<answer>so \boxed{2}</answer>", FinalAnswer("2", Marker.BOXED)),
        ("<answer>1</answer><answer>2</answer>", FinalAnswer("2", Marker.ANSWER)),
        ("<think>\\boxed{1}</think> it is 2", FinalAnswer("2", Marker.NUMBER)),
        ("<think>1</think>\n#### 2", FinalAnswer("2", Marker.HASHES)),
        ("<answer></answer>", FinalAnswer("", Marker.ANSWER)),
        (r"#### 1" "\n" r"\boxed{2}", FinalAnswer("2", Marker.BOXED)),
        (r"\boxed{2}, or else #### 1", FinalAnswer("2", Marker.BOXED)),
        ("#### 2\nThe answer is 1.", FinalAnswer("2", Marker.HASHES)),
        ("The answer is 2. **1**", FinalAnswer("2", Marker.STATED)),
        ("**1**\n\n(B)", FinalAnswer("(B)", Marker.CHOICE)),
        ("Of $x+1$ we know **2**.", FinalAnswer("2", Marker.BOLD)),
        ("With $x+y$ there is no solution.", FinalAnswer("no solution", Marker.SAID)),
        ("With 1 it is $x+2$.", FinalAnswer("x+2", Marker.FORMULA)),
        ("With $x+1$ it is 2.", FinalAnswer("2", Marker.NUMBER)),
        ("The answer is 2.\n\nQuestion: 3?\nThe answer is 3.", FinalAnswer("2", Marker.STATED)),
        ("Question: 2?\nThe answer is 2.", FinalAnswer("2", Marker.STATED)),
        ("<think>the answer is 2", None),
        ("", None),
    ],
)
def test_marks_have_their_order(text, found):
    assert final_answer(text) == found


@pytest.mark.parametrize(
    ("marker", "marked"), [("boxed", True), ("stated", True), ("number", False), ("bold", False)]
)
def test_some_rules_are_marks_and_others_guesses(marker, marked):
    assert FinalAnswer("7", Marker(marker)).marked is marked


def test_unmarked_number_of_a_cut_off_completion_is_no_answer():
    assert final_answer("3 * 4 = 12, so", truncated=True) is None
    assert final_answer("3 * 4 = 12, so", truncated=False) == FinalAnswer(
        "3 * 4 = 12", Marker.NUMBER
    )


def test_scope_is_the_last_answer_or_all_but_the_thinking():
    assert graded_scope("<think>1</think>2").strip() == "2"
    assert graded_scope("1 <answer>2</answer> 3") == "2"
    assert graded_scope("1</think>2", OPEN).strip() == "2"


HOSTILE = [
    *(*PIECES, "\\boxed", "<", "[1", "(1", "1 ", "1,", "x^{", "\\frac{", "_", "a [1] ", ", not 5"),
    *(
        "- 5\n",
        "is a ",
        "one ",
        "October 30 ",
        "in 1999 ",
        "at x = ",
        "x &= 5 \\\\",
        "【答案】",
        "\n选",
    ),
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("truncated", [False, True])
def test_hostile_text_of_any_length_has_an_answer_or_none(piece, truncated):
    final_answer(piece * (100_000 // len(piece)), "", truncated)
