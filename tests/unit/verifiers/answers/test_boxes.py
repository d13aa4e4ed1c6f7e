"""Boxed answers in every spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.answers.boxes import last_boxed

PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        r"\boxed{",
        "{",
        "}",
        "\\",
        "#### ",
        "7",
        " a\n",
        "$",
        ",",
        "and",
        "box",
    ]
)
BALANCED = st.recursive(
    st.text("ab1+^ ", max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "".join(parts) + "}"),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{5}", "5"),
        (r"\boxed{1} then \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{3} and \boxed{4", "3"),
        (r"\boxed{a \boxed{b}}", "a b"),
        (r"{\boxed {7}", "7"),
        (r"\\boxed{7}", "7"),
        (r"\fbox{7}", "7"),
        (r"boxed{7}", "7"),
        (r"\boxed 7", "7"),
        (r"\boxed 7.", "7"),
        (r"\boxed\frac{1}{2} of it", r"\frac{1}{2}"),
        (r"\boxed\frac12", r"\frac12"),
        (r"\boxed(3, 4)", "(3, 4)"),
        ("no box", None),
        ("a mailbox {7}", None),
        (r"\boxedtext{7}", None),
        (r"\unboxed{7}", None),
        ("unboxed{7}", None),
    ],
)
def test_last_box_is_taken_in_any_spelling(text, content):
    assert last_boxed(text) == content


@pytest.mark.parametrize(
    "quoted",
    [r"\boxed{}", r"\boxed{ }", r"\boxed{...}", r"\boxed{\ldots}", r"\boxed{answer}", r"\boxed{?}",
     r"\boxed{your answer here}", r"\boxed{\text{final answer}}", r"\boxed{____}"],
)  # fmt: skip
def test_box_that_holds_nothing_or_the_instruction_does_not_count(quoted):
    assert last_boxed(quoted) is None
    assert last_boxed(rf"\boxed{{5}} in the form {quoted}") == "5"
    assert last_boxed(rf"{quoted} is \boxed{{5}}") == "5"


@pytest.mark.parametrize(
    "between", [" and ", ", ", " or ", "$ or $", r" \text{ or } ", "；", "和", ", x = "]
)
def test_boxes_that_only_a_word_parts_are_one_answer(between):
    assert last_boxed(rf"$\boxed{{4}}{between}\boxed{{9}}$") == "4, 9"
    assert last_boxed(rf"\boxed{{1}}{between}\boxed{{4}}{between}\boxed{{9}}") == "1, 4, 9"


@pytest.mark.parametrize("between", [". So ", " is wrong: ", "\n\nFinally ", ""])
def test_boxes_with_more_between_are_several_answers(between):
    assert last_boxed(rf"\boxed{{4}}{between}\boxed{{9}}") == "9"


@given(st.lists(PIECES, max_size=25).map("".join).filter(lambda text: text[-1:] != "\\"), BALANCED)
def test_box_is_found_after_any_text(before, content):
    assert last_boxed(f"{before}. So \\boxed{{5{content}}}") == f"5{content}"


@pytest.mark.parametrize(
    "piece", [r"\boxed{", r"\boxed{1} and ", r"\boxed ", "{", "box", r"\boxed\frac{"]
)
def test_hostile_text_costs_one_pass(piece):
    last_boxed(piece * (100_000 // len(piece)))


def test_what_stands_between_boxes_may_join_or_deny_them():
    assert last_boxed(r"\boxed{4} + \boxed{9}") == "(4) + (9)"
    assert last_boxed(r"\boxed{4}, and not \boxed{9}") == "4"
