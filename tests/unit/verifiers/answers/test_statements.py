"""`The answer is 5`: what a completion states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.answers.statements import is_denied, questions, stated


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("The answer is 5.", "5"),
        ("Final answer: 5", "5"),
        ("**Answer:** 5", "5"),
        ("Answer = 5", "5"),
        ("The final answer is: $\\frac{1}{2}$.", "$\\frac{1}{2}$"),
        ("So the correct answer would be 3.5 cm.", "3.5 cm"),
        ("The answer to this question is therefore 5", "5"),
        ("The answer is 5, because 5 > 4.", "5"),
        ("The answer is 5 since 5 > 4", "5"),
        ("The answer is 5 which is odd.", "5"),
        ("The answer is $x = 5$. It is odd.", "$x = 5$"),
        ("The answer is 4. Wait. The answer is 5.", "5"),
        ("### Final Answer\n\n5", "5"),
        ("**Answer**\n\n$5$\n\nBye", "$5$"),
        ("The answers are 4 and 9.", "4 and 9"),
        ("The solutions of it are 4 and 9.", "4 and 9"),
        ("The correct option is (B).", "(B)"),
        ('{"answer": "5"}', "5"),
        ("答案是5。", "5"),
        ("最终答案：5", "5"),
        ("故选B。", "B"),
        ("The answer is Monday.", "Monday"),
        ("The answer (in cm) is 5.", "5"),
    ],
)
def test_last_statement_is_taken_up_to_its_end(text, statement):
    assert stated(text) == statement


@pytest.mark.parametrize(
    "text",
    [
        "It is 5.",
        "The answer is not 5.",
        "The answer isn't 5.",
        "I do not think the answer is 5.",
        "If the answer is 5, x is 4.",
        "The answer is",
        "The answer is something that nobody could find out in all this time.",
        "answers vary",
        "",
    ],
)
def test_what_states_nothing_is_no_statement(text):
    assert stated(text) is None


def test_earlier_statement_counts_where_the_last_one_says_nothing():
    assert stated("The answer is 5. I hope the answer is right for you and for all of them.") == "5"


def test_statement_that_runs_into_the_end_of_a_text_that_was_cut_off_does_not_count():
    assert stated("The answer is 12", truncated=True) is None
    assert stated("The answer is 12. And", truncated=True) == "12"
    assert stated("The answer is 12\nAnd", truncated=True) == "12"
    assert stated("The answer is 5. The answer is 12", truncated=True) == "5"


def test_denial_is_looked_for_in_the_same_sentence():
    assert is_denied("I do not think that it is ", 25)
    assert not is_denied("I do not think so. It is ", 25)


@pytest.mark.parametrize(
    "line",
    [
        "Question: What",
        "Q: What",
        "## Problem 2. What",
        "Human: What",
        "**Question**: What",
        "问题：5",
    ],
)
def test_line_that_asks_a_next_question_is_found(line):
    assert list(questions(f"The answer is 5.\n{line}")) == [17]


def test_questions_inside_of_a_line_are_none():
    assert list(questions("That is the question: what is 5?\nSo a question remains.")) == []


HOSTILE = [
    "the answer is ",
    "answer: ",
    "答案",
    "not ",
    "$",
    "\\(",
    "the ",
    "answer\n",
    "**",
    " " * 10,
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("ending", ["", "The answer is 5."])
def test_hostile_text_costs_what_its_length_says(piece, ending):
    text = piece * (100_000 // len(piece))
    stated(text + ending)
    list(questions(text))


@given(st.lists(st.sampled_from([*HOSTILE, "is", "5", ".", "\n", "if", "}", "("]), max_size=20))
def test_statement_is_a_part_of_the_text(pieces):
    text = "".join(pieces)
    assert (stated(text) or "") in text


def test_neither_alone_is_an_answer():
    assert stated("**Answer:** neither") == "neither"
    assert stated("The answer is neither 5 nor 6.") is None
