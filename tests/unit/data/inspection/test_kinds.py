"""What kind of thing an expected answer is."""

import time

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.inspection.kinds import kind_of
from rlsys.data.read import read_rows


def kind(write_rows, row):
    return kind_of(read_rows(write_rows(row), DataConfig()).rows[0])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (7, "whole number"),
        ("-7", "whole number"),
        ("1,080", "whole number"),
        ("$12$", "whole number"),
        (0.5, "decimal"),
        ("1,080.25", "decimal"),
        ("1e-5", "decimal"),
        ("1/2", "fraction"),
        ("\\frac{1}{2}", "fraction"),
        ("-\\dfrac12", "fraction"),
        ("18 dollars", "number with a unit"),
        ("50\\%", "number with a unit"),
        ("\\$ 5", "number with a unit"),
        ("B", "choice letter"),
        ("(c)", "choice letter"),
        ("\\text{(A)}", "choice letter"),
        ("True", "yes or no"),
        ("\\sqrt{2}", "LaTeX"),
        ("x^2", "LaTeX"),
        ("2x + 3 = y", "expression"),
        ("[2, 5)", "expression"),
        ("Paris", "word"),
        ("nan", "word"),
        ("New York is a city", "text"),
        ("\\frac{1}{2} " * 50, "text"),
        (["1/2", "0.5"], "list of alternatives"),
        ({"numbers": [1, 2], "target": 3}, "countdown puzzle"),
        ({"rubric": "be brief"}, "struct"),
    ],
)
def test_kinds_of_expected_answers(write_rows, answer, expected):
    assert kind(write_rows, {"question": "Q", "answer": answer}) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "A poem."}, "none"),
        ({"problem": "Add.", "tests": {"inputs": ["1"], "outputs": ["1"]}}, "inputs and outputs"),
        ({"text": "Add.", "code": "x", "test_list": ["assert f()"]}, "tests of a function"),
    ],
)
def test_rows_that_are_graded_otherwise(write_rows, row, expected):
    assert kind(write_rows, row) == expected


@pytest.mark.parametrize(
    "text", ["1 " * 99 + "?~", "a1" * 99 + "~", "(" * 199 + "~", " " * 198 + "~"]
)
def test_no_text_takes_long(write_rows, text):
    began = time.perf_counter()
    kind(write_rows, {"question": "Q", "answer": text})
    assert time.perf_counter() - began < 0.5
