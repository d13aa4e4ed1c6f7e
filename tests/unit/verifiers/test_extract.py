"""Where the final answer of a completion stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.extract import (
    FinalAnswer,
    Marker,
    after_hashes,
    final_answer,
    last_boxed,
    last_number,
)

OPEN = "User: 2+2?\nAssistant: <think>"
PIECES = st.sampled_from(
    [
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
    ]
)
MARKED_UP = st.lists(PIECES, max_size=25).map("".join)
UNTAGGED = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), max_size=40)
BALANCED = st.recursive(
    st.text("ab1+^_ ", max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "".join(parts) + "}"),
    max_leaves=8,
)


@given(MARKED_UP, st.booleans(), st.sampled_from(["", OPEN]))
def test_a_final_answer_is_a_part_of_the_text(text, truncated, prompt):
    found = final_answer(text, prompt, truncated)
    assert found is None or found.text in text.replace("<think>", "").replace("</think>", "")


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{1} then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{3} and \boxed{4", "3"),
        (r"\boxed{a \boxed{b}}", "b"),
        (r"{\boxed {7}", "7"),
        (r"\\boxed{7}", None),
        (r"\boxed 7", None),
        ("no box", None),
    ],
)
def test_last_balanced_box_is_taken(text, content):
    assert last_boxed(text) == content


@given(MARKED_UP.filter(lambda text: "\\" not in text[-1:]), BALANCED)
def test_box_is_found_after_any_text(before, content):
    assert last_boxed(f"{before} \\boxed{{{content}}}") == content


def test_unbalanced_boxes_cost_one_pass():
    assert last_boxed(r"\boxed{" * 200_000) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("#### 1\n#### 2 dollars\nbye", "2 dollars"),
        ("#### Step 3: add\nthe sum is 5", None),
        ("#### 3. Add them", None),
        ("no marker", None),
        ("####", None),
    ],
)
def test_line_after_the_last_hashes_is_taken(text, line):
    assert after_hashes(text) == line


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("first 3, then 12.", "12"),
        ("that is $1,234.50 in all", "$1,234.50"),
        ("it fell to -5 degrees", "-5"),
        ("10-5", "5"),
        ("so 3/4 of it", "3/4"),
        ("by 15%.", "15%"),
        ("room B12", "12"),
        ("１２ or none", None),
    ],
)
def test_last_number_is_taken_as_written(text, number):
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"\boxed{1} <answer>2</answer>", FinalAnswer("2", Marker.ANSWER)),
        (r"<answer>so \boxed{2}</answer>", FinalAnswer("2", Marker.BOXED)),
        ("<think>\\boxed{1}</think> it is 2", FinalAnswer("2", Marker.NUMBER)),
        ("<think>1</think>\n#### 2", FinalAnswer("2", Marker.HASHES)),
        ("<answer></answer>", FinalAnswer("", Marker.ANSWER)),
        ("<think>the answer is 2", None),
        ("", None),
    ],
)
def test_final_answer_is_looked_for_after_the_reasoning(text, found):
    assert final_answer(text) == found


def test_unmarked_number_of_a_cut_off_completion_is_no_answer():
    assert final_answer("3 * 4 = 12, so", truncated=True) is None
    assert final_answer("3 * 4 = 12, so", truncated=False) == FinalAnswer("12", Marker.NUMBER)
