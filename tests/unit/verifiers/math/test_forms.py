"""Whether an equal answer has the form that a question asks for."""

import pytest

from verifiers.math.forms import is_in_asked_form
from verifiers.math.reading import read_answer


def is_asked(answer, expected, question):
    return is_in_asked_form(*(read_answer(text).tree for text in (answer, expected)), question)


@pytest.mark.parametrize(
    ("question", "expected", "answer", "is_form"),
    [
        ("Factor $x^2-1$.", "(x-1)(x+1)", "(x+1)(x-1)", True),
        ("Factor $x^2-1$.", "(x-1)(x+1)", "x^2-1", False),
        ("Factorise $x^2-1$.", "(x-1)(x+1)", "x(x+0)-1", False),
        ("分解因式 $x^2-1$", "(x-1)(x+1)", "x^2-1", False),
        ("Multiply $x-1$ by $x+1$.", "(x-1)(x+1)", "x^2-1", True),
        ("What is the greatest common factor of 4x and 6x?", "2x", "2x", True),
        ("By which factor of 6 is it larger?", "x(x+1)", "x^2+x", True),
        ("Expand $(x-1)(x+1)$.", "x^2-1", "x(x+1)-(x+1)", False),
        ("Expand $(x-1)(x+1)$.", "x^2-1", "-1+x^2", True),
        ("Expand it in powers of $x-1$.", "(x-1)^2+2", "2+(x-1)^2", True),
        ("Write 12 as a product of primes.", r"2^2\cdot3", r"2\cdot2\cdot3", True),
        ("Write 12 as a product of primes.", r"2^2\cdot3", "12", False),
        ("What is the largest prime factor of 12?", "3", "3", True),
        ("", "(x-1)(x+1)", "x^2-1", True),
    ],
)
def test_form_counts_where_the_question_asks_for_it(question, expected, answer, is_form):
    assert is_asked(answer, expected, question) is is_form
