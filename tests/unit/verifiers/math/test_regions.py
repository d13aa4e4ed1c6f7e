"""Intervals and inequalities as pieces of the line."""

import pytest

from verifiers.math.reading import read_answer
from verifiers.math.regions import is_region, region_of
from verifiers.math.tree import show


def pieces(text):
    """The set as text, each piece with its brackets."""
    tree = read_answer(text).tree
    region = None if tree is None else region_of(tree)
    if region is None:
        return None
    return " ∪ ".join(
        f"{'[' if piece.low_closed else '('}{show(piece.low)}, {show(piece.high)}"
        f"{']' if piece.high_closed else ')'}"
        for piece in region.pieces
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(3, 8)", "(3, 8)"),
        (r"[2, \infty)", "[2, inf)"),
        ("3 < x < 8", "(3, 8)"),
        ("8 > x > 3", "(3, 8)"),
        (r"x \ge 2", "[2, inf)"),
        (r"2 \le x", "[2, inf)"),
        ("x < 2", "(-inf, 2)"),
        (r"x \in [1, 2)", "[1, 2)"),
        (r"x > 3 \text{ and } x \le 8", "(3, 8]"),
        (r"x < 1 \text{ or } x > 2", "(-inf, 1) ∪ (2, inf)"),
        ("x > 3, x < 8", "(3, 8)"),
        ("x < 1, x > 2", "(-inf, 1) ∪ (2, inf)"),
        ("|x| < 3", "(-3, 3)"),
        (r"|x| \ge 3", "(-inf, -3] ∪ [3, inf)"),
        (r"x \ne 2", "(-inf, 2) ∪ (2, inf)"),
        (r"\mathbb{R} \setminus \{2\}", "(-inf, 2) ∪ (2, inf)"),
        (r"\mathbb{R} \setminus [0, 1)", "(-inf, 0) ∪ [1, inf)"),
        (r"(0,2) \cup [1,3]", "(0, 3]"),
        (r"(0,1) \cup [1,3]", "(0, 3]"),
        (r"(0,1) \cup (1,3)", "(0, 1) ∪ (1, 3)"),
        (r"(4,5) \cup (1,2)", "(1, 2) ∪ (4, 5)"),
        (r"[0,2] \cap (1,3)", "(1, 2]"),
        (r"[0,1] \cap [1,2]", "[1, 1]"),
        (r"[0,1) \cap [1,2]", ""),
        (r"(0,1) \cup \{2\}", "(0, 1) ∪ [2, 2]"),
        (r"\mathbb{R}", "(-inf, inf)"),
        (r"\{x \mid x \le 5\}", "(-inf, 5]"),
        (r"(\sqrt{2}, \pi]", "(sqrt(2), pi]"),
    ],
)
def test_set_is_read_as_its_pieces(text, shown):
    assert pieces(text) == shown


@pytest.mark.parametrize("text", ["5", "x = 5", "1, 2", "(1, 2, 3)", "x + y", "x < y, z > 1"])
def test_other_answers_are_no_set_of_the_line(text):
    assert pieces(text) is None


def test_pair_in_round_brackets_may_be_a_point():
    trees = [read_answer(text).tree for text in ("(1, 2)", "[1, 2)", r"(1, \infty)", "1 < x")]
    assert [is_region(tree) for tree in trees] == [False, True, True, True]
