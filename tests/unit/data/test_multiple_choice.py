"""Rows with options, as MMLU, ARC and AQuA write them."""

import pytest

from rlsys.config.data import DataConfig
from rlsys.data.read import read_rows
from rlsys.errors import DataError


def read(path):
    return read_rows(path, DataConfig())


@pytest.mark.parametrize(
    ("columns", "letter"),
    [
        ({"choices": ["3", "4"], "answer": 1}, "B"),
        ({"options": ["A)3", "B)4"], "correct": "B"}, "B"),
        ({"choices": {"label": ["A", "B"], "text": ["3", "4"]}, "answerKey": "B"}, "B"),
        ({"options": ["3", "4"], "answer": "4"}, "B"),
    ],
)
def test_the_options_stand_in_the_prompt_and_the_answer_is_a_letter(write_rows, columns, letter):
    row = read(write_rows({"question": "2+2?"} | columns)).rows[0]
    assert row.messages[0]["content"] == "2+2?\n(A) 3\n(B) 4"
    assert row.expected == letter
    assert row.info["options"] == {"A": "3", "B": "4"}
    assert row.source == "multiple_choice"


def test_answer_that_is_no_option_is_an_error_with_its_column(write_rows):
    with pytest.raises(DataError, match=r"row 1, column answer: .* none of the options"):
        read(write_rows({"question": "2+2?", "choices": ["3", "5"], "answer": "4"}))
