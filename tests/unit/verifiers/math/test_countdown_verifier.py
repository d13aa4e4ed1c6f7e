"""Countdown puzzles and their small parser."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.errors import VerifierError
from verifiers.base import Completion, Status
from verifiers.math.countdown import CountdownVerifier, ExpressionError, evaluate

PUZZLE = {"numbers": [44, 19, 35], "target": 98}
LEAVES = st.integers(0, 20).map(lambda n: (str(n), Fraction(n), [n]))


def combine(operator, left, right):
    (a_text, a, a_used), (b_text, b, b_used) = left, right
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else None}[operator]
    return (f"({a_text}) {operator} ({b_text})", value, a_used + b_used)


TREES = st.recursive(
    LEAVES,
    lambda inner: st.builds(combine, st.sampled_from("+-*/"), inner, inner).filter(
        lambda tree: tree[1] is not None
    ),
    max_leaves=8,
)


def grade(answer, expected=PUZZLE):
    return CountdownVerifier().verify(
        Completion("", f"<think>t</think><answer>{answer}</answer>", expected)
    )


@pytest.mark.parametrize(
    "answer",
    [
        "44 + 19 + 35",
        "(44+19)+35 = 98",
        "35+(19+44)",
        "$44 + 19 + 35$",
        r"\boxed{44 + 19 + 35}",
        "-(-44-19)+35",
    ],
)
def test_expression_that_uses_every_number_once_is_correct(answer):
    assert grade(answer).status is Status.CORRECT


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("98", Status.WRONG),
        ("44 + 19 - 35", Status.WRONG),
        ("44 + 19", Status.WRONG),
        ("44 + 44 + 10", Status.WRONG),
        ("44 + 19 + 35 + 0", Status.WRONG),
        ("44 + 19 + 35 = 99", Status.WRONG),
        ("98 = 44 + 19 + 35", Status.WRONG),
        ("44 + 19 + 35 = 98 = 98", Status.UNPARSABLE),
        ("44 + 19 + 35 or 98", Status.UNPARSABLE),
        ("44 + 19 + 3 5", Status.UNPARSABLE),
        ("44 19 35", Status.UNPARSABLE),
        ("44 ** 19 ** 35", Status.UNPARSABLE),
        ("44 / (19 - 19) + 35", Status.UNPARSABLE),
        ("(44 + 19 + 35", Status.UNPARSABLE),
        ("44 + 19 + 35)", Status.UNPARSABLE),
        ("４４ + 19 + 35", Status.UNPARSABLE),
        ("4_4 + 19 + 35", Status.UNPARSABLE),
        ("44.0 + 19 + 35", Status.UNPARSABLE),
        ("__import__('os').abort()", Status.UNPARSABLE),
        ("(" * 200 + "44" + ")" * 200, Status.UNPARSABLE),
        ("-" * 400 + "44", Status.UNPARSABLE),
        ("9" * 400, Status.UNPARSABLE),
        ("1+" * 5000 + "1", Status.REJECTED),
        ("", Status.UNPARSABLE),
    ],
)
def test_anything_else_gets_nothing(answer, status):
    verdict = grade(answer)
    assert (verdict.reward, verdict.status) == (0.0, status)


def test_division_is_exact():
    assert grade("8 / (3 - 8 / 3)", {"numbers": [3, 3, 8, 8], "target": 24}).reward == 1.0
    assert grade("7 × 2 ÷ 2", {"numbers": [7, 2, 2], "target": 7}).reward == 1.0
    assert grade(r"7 \times 2 \div 2", {"numbers": [7, 2, 2], "target": 7}).reward == 1.0


def test_answer_must_be_marked():
    text = "44 + 19 + 35"
    assert CountdownVerifier().verify(Completion("", text, PUZZLE)).reward == 0.0


@given(TREES)
def test_parser_agrees_with_the_tree_it_was_written_from(tree):
    text, value, used = tree
    assert evaluate(text) == (value, used)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.data())
def test_precedence_is_that_of_arithmetic(numbers, data):
    operators = data.draw(
        st.lists(st.sampled_from("+-*"), min_size=len(numbers) - 1, max_size=len(numbers) - 1)
    )
    text = str(numbers[0]) + "".join(
        f" {o} {n}" for o, n in zip(operators, numbers[1:], strict=True)
    )
    assert evaluate(text)[0] == eval(text)


@given(st.text(st.sampled_from("0123456789+-*/() "), max_size=60))
def test_parser_accepts_or_refuses_and_nothing_else(text):
    try:
        value, used = evaluate(text)
    except ExpressionError:
        return
    assert isinstance(value, Fraction)
    assert used


@pytest.mark.parametrize("expected", [None, "98", {"numbers": [1]}, [44, 19]])
def test_unreadable_expected_answer_is_an_error_and_no_verdict(expected):
    with pytest.raises(VerifierError, match="numbers and target"):
        grade("1", expected)


@pytest.mark.parametrize(
    ("numbers", "target", "said"),
    [
        ([-4, 19], 15, r"numbers \[-4, 19\] are not a list of whole numbers from 0 on"),
        ([4.5, 19], 15, "numbers"),
        (["x", 19], 15, "numbers"),
        ([True, 19], 20, "numbers"),
        ([], 15, "numbers"),
        (4, 4, "numbers"),
        ([4, 19], None, "target 'None' is not a number"),
        ([4, 19], float("inf"), "target"),
        ([4, 19], "fifteen", "target"),
    ],
)
def test_a_puzzle_that_no_expression_can_solve_by_its_kinds_of_numbers_is_an_error(
    numbers, target, said
):
    with pytest.raises(VerifierError, match=said):
        grade("19 - 4", {"numbers": numbers, "target": target})


def test_numbers_may_be_texts_and_a_target_negative():
    assert grade("4 - 19", {"numbers": ["4", 19.0], "target": "-15"}).reward == 1.0
