"""Expected answers that nothing can match are refused in every format, by row and column."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.data import DataConfig
from rlsys.data.expected import flaw
from rlsys.data.read import read_rows
from rlsys.errors import DataError

UNMATCHABLE = [
    math.nan,
    math.inf,
    -math.inf,
    "",
    " \n",
    "\u200b",
    True,
    False,
    [],
    {},
    [""],
    [None],
    [[]],
    ["4", math.nan],
    {"numbers": []},
    {"a": None, "b": [{"c": ""}]},
    {"numbers": [], "target": 7},
    {"numbers": [1, None], "target": 7},
    {"numbers": [1, 2], "target": None},
    {"numbers": [1, 2], "target": math.nan},
]
FINE = [
    0,
    0.0,
    -1,
    "nan",
    "None",
    "no",
    "0",
    "[]",
    [0],
    ["1/2", "0.5"],
    {"numbers": [1, 2], "target": 3},
    {"inputs": ["", "1"], "outputs": ["", "2"]},
    {"ok": 0},
]


@pytest.mark.parametrize("answer", UNMATCHABLE)
def test_what_nothing_can_match_has_a_flaw(answer):
    assert flaw(answer)


@pytest.mark.parametrize("answer", FINE)
def test_all_else_has_none(answer):
    assert flaw(answer) == ""


def test_a_flaw_says_which_part_it_is_in():
    assert flaw(["4", ""]) == "item 2 is blank"
    assert flaw({"numbers": [1, None], "target": 3}) == "item 2 of numbers is null"
    assert flaw({"numbers": [], "target": 3}) == "numbers is empty"


def rows_of(answer):
    """The answer in each format that has one, and the column that holds it."""
    prompt = [{"role": "user", "content": "P"}]
    return [
        ({"question": "Q", "answer": answer}, "answer"),
        ({"problem": "Q", "answer": answer}, "answer"),
        ({"prompt": "Q", "answer": answer}, "answer"),
        ({"prompt": "Q", "ground_truth": answer}, "ground_truth"),
        ({"prompt": "Q", "solution": answer}, "solution"),
        ({"prompt": "Q", "label": answer}, "label"),
        ({"input": "Q", "label": answer}, "label"),
        ({"prompt": prompt, "reward_model": {"ground_truth": answer}}, "reward_model.ground_truth"),
    ]


@pytest.mark.parametrize("answer", [math.nan, "", " ", True, [], {}, [""]])
@pytest.mark.parametrize("layout", range(8))
def test_every_format_names_row_and_column(write_rows, answer, layout):
    (row, column), (good, _) = rows_of(answer)[layout], rows_of("4")[layout]
    path = write_rows(good, row, good)
    with pytest.raises(DataError, match=rf"row 2, column {column}: expected .*; data\.skip_unread"):
        read_rows(path, DataConfig())
    reading = read_rows(path, DataConfig(skip_unreadable_rows=True))
    assert [row.number for row in reading.rows] == [1, 3]
    assert [(error.number, error.column) for error in reading.unreadable] == [(2, column)]


def test_a_truth_value_is_refused_with_what_to_write_instead(write_rows):
    with pytest.raises(DataError, match=r'got True \(bool\): .* is written as text, such as "yes"'):
        read_rows(write_rows({"question": "Q", "answer": True}), DataConfig())


def test_missing_values_of_a_parquet_file_are_refused(tmp_path):
    path = str(tmp_path / "rows.parquet")
    for column in (pa.array([1.5, math.nan]), pa.array(["1", None]), pa.array([["1"], []])):
        pq.write_table(pa.table({"question": ["P", "Q"], "answer": column}), path)
        with pytest.raises(DataError, match="row 2, column answer"):
            read_rows(path, DataConfig())


def test_a_number_that_is_missing_is_no_difficulty(write_rows):
    path = write_rows({"question": "Q", "answer": "4", "difficulty": math.nan})
    assert read_rows(path, DataConfig()).rows[0].difficulty is None
