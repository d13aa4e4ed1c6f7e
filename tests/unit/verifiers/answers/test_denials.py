"""Answers that are denied, bounded, signed or left open, marked or not; and next questions."""

import time

import pytest

from verifiers.extract import final_answer


def text_of(completion: str) -> str | None:
    found = final_answer(completion)
    return None if found is None else found.text


@pytest.mark.parametrize(
    "text",
    [
        "It is not $5$.",
        "It is not **5**.",
        "It cannot be 5.",
        "It isn't 5",
        "It exceeds 5.",
        "At least **5**.",
        "The answer is between 3 and 5.",
        "The answer is at least 5.",
        "The answer is one of 3, 4, 5.",
        "The answer is no longer 5.",
        "This follows from equation (5)",
        "See step 5",
        "1. a\n2. b\n5. c",
        "10 minus 5",
    ],
)
def test_denied_and_bounded_values_are_no_answers(text):
    assert text_of(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("minus $5$", "-5"),
        ("-**5**", "-5"),
        ("- **5**", "5"),
        ("The answer is negative 5.", "-5"),
        ("The answer is:\n\n- **5**", "5"),
        ("The answer is:\n\n-5", "-5"),
        ("**Final Answer**\n- 5 apples", "5 apples"),
        ("The answers are:\n- 3\n- 5", "3, 5"),
    ],
)
def test_minus_is_told_from_a_bullet(text, value):
    assert text_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$6$ or $5$", "6, 5"),
        ("**6** or **5**", "6, 5"),
        ("It is 6 or 5", "6 or 5"),
        ("x = 2 or x = 3", "x = 2 or x = 3"),
        ("The values are 1, 3, 5, 7.", "1, 3, 5, 7"),
        ("The values are $2$ and $3$.", "2, 3"),
        ("We have $a = 2$ and $b = 3$.", "b = 3"),
        ("x ≠ 5", "x ≠ 5"),
    ],
)
def test_values_that_are_left_open_are_taken_together(text, value):
    assert text_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is 5 cm, i.e. 50 mm.", "5 cm"),
        (r"**Answer:** -1, \; -5", r"-1, \; -5"),
        (r"**Answer:** 11,\! 111,\! 100", r"11,\! 111,\! 100"),
        ("**Answer:** (a + b)(a + c)(b + c)", "(a + b)(a + c)(b + c)"),
        ("The answer is\n\\[\n5\n\\]\nDone.", "\\[\n5\n\\]"),
        ("The answer is $\nx+1\n$.", "$\nx+1\n$"),
        ("The answer is $5.\nThe other costs $6.", "$5"),
    ],
)
def test_statement_is_taken_whole(text, value):
    assert text_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("So we get $-i$.", "-i"),
        ("Therefore\n$$n$$", "n"),
        ("We get $ (3, 5] $.", "(3, 5]"),
        (r"So $$\$32,\!348$$", r"\$32,\!348"),
    ],
)
def test_formula_may_be_a_letter_or_hold_spaces_and_dollars(text, value):
    assert text_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is some integer n.\n\nProblem: find n.\n\n\\boxed{7}", "7"),
        ("The answer is x.\n\nInput: 3\nOutput: 7\n\nFinal: \\boxed{7}", "7"),
        ("The answer is 3.\nProblem: that violates n > 3.\nThus \\boxed{7}.", "7"),
        ("\\boxed{5}\n\nProblem: that is wrong. It is \\boxed{6}", "6"),
        ("\\boxed{5}\n\nQuestion: Tom got 5 wrong answers. How many?\n\\boxed{6}", "5"),
        ("The answer is 5.\n\nHuman: What is 5+6?\n\n\\boxed{11}", "5"),
    ],
)
def test_first_answer_stays_unless_it_says_nothing_or_is_taken_back(text, value):
    assert text_of(text) == value


@pytest.mark.parametrize("words", ["answer a ", "the answer to the foo bar in a b c ", "answer: $"])
def test_next_questions_do_not_look_at_the_text_again(words):
    text = words * (100_000 // len(words)) + "\nQuestion: \n" * 20
    begin = time.process_time()
    final_answer(text)
    assert time.process_time() - begin < 3
