"""The question's own expression as an answer."""

import pytest

from verifiers.math.copied import copied_from
from verifiers.math.reading import read_answer


def copied(answer, question, expected="17"):
    trees = [read_answer(text).tree for text in (answer, expected)]
    return copied_from(*trees, question)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 3 * 4 + 5?", "3*4+5"),
        ("What is 3 * 4 + 5?", "5 + 4*3"),
        ("What is 3 * 4 + 5?", "12 + 5"),
        ("What is $3 \\times 4 + 5$?", "x = 3*4+5"),
        ("Compute $\\frac{6}{8}$.", r"\frac{6}{8}"),
        ("Compute $\\binom{6}{2}$.", r"\binom{6}{2}"),
        ("Compute 7!.", "7!"),
        ("Simplify $\\sqrt{50}$.", r"\sqrt{50}"),
        ("Expand $(x+2)(x-3)$.", "(x-3)(x+2)"),
        ("What is 2^10?", "2^{10}"),
    ],
)
def test_what_the_question_says_is_a_copy(question, answer):
    assert copied(answer, question)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is 3 * 4 + 5?", "17"),
        ("What is 3 * 4 + 5?", "2^4 + 1 = 17"),
        ("What is 3 * 4 + 5?", "x = 17"),
        ("What is 3 * 4 + 5?", "17 apples"),
        ("How many subsets have ten things?", "2^{10}"),
        ("In how many ways can six stand in a row?", "6!"),
        ("Compute $\\frac{6}{8}$.", r"\frac{3}{4}"),
        ("Add $\\frac{1}{4}$ and $\\frac{1}{2}$.", r"\frac{3}{4}"),
        ("", "3*4+5"),
    ],
)
def test_what_is_worked_out_or_not_in_the_question_is_none(question, answer):
    assert not copied(answer, question)


def test_expected_expression_may_stand_in_the_question():
    question = "Is it $(x-1)(x+1)$ or $x^2+1$? Factor $x^2-1$."
    assert not copied("(x-1)(x+1)", question, expected="(x-1)(x+1)")
    assert copied("x^2-1", question, expected="(x-1)(x+1)")
