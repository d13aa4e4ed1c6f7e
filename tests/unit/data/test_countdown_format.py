"""Countdown puzzles as the hub has them: rows of numbers and a target."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data.countdown import MAX_NUMBERS, is_unsolvable, solve
from rlsys.data.read import read_rows
from rlsys.data.rows import PromptKind
from rlsys.errors import DataError
from verifiers.base import Completion
from verifiers.math.countdown import CountdownVerifier

ROW = {"nums": [44, 19, 35], "target": 98}


def read(path, **settings):
    return read_rows(path, DataConfig(**settings))


def test_a_puzzle_of_numbers_and_a_target_is_a_question_with_that_answer(write_rows):
    reading = read(write_rows(ROW | {"difficulty": 2, "from": "a game"}))
    [row] = reading.rows
    assert reading.formats == ("countdown",)
    assert (row.source, row.kind) == ("countdown", PromptKind.QUESTION)
    assert row.expected == {"numbers": [44, 19, 35], "target": 98}
    assert "equals 98, of the numbers 44, 19, 35." in row.text
    assert (row.info["from"], row.difficulty) == ("a game", 2.0)


def test_the_columns_of_real_puzzles_alone_make_rows_that_the_verifier_grades(benchmark, tmp_path):
    """TinyZero's rows hold the hub's two columns beside what it made of them."""
    whole = benchmark("countdown/countdown_test.parquet")
    hub = tmp_path / "puzzles.parquet"
    pq.write_table(pq.read_table(whole, columns=["target", "nums"]), hub)
    reading, made = read(hub), read(whole)
    assert (len(reading.rows), reading.formats, reading.unreadable) == (2001, ("countdown",), ())
    assert [row.expected for row in reading.rows] == [row.expected for row in made.rows]
    for row in reading.rows[:5]:
        expression = solve(row.expected["numbers"], row.expected["target"])
        answer = Completion(row.text, f"<answer>{expression}</answer>", row.expected, row.info)
        assert CountdownVerifier().verify(answer).reward == 1


def test_a_prompt_that_a_puzzle_has_of_its_own_is_kept(write_rows):
    reading = read(write_rows(ROW | {"prompt": "Reach 98 with 44, 19 and 35:"}))
    [row] = reading.rows
    assert reading.formats == ("countdown",)
    assert (row.kind, row.text) == (PromptKind.TEXT, "Reach 98 with 44, 19 and 35:")
    assert row.expected["target"] == 98


@pytest.mark.parametrize("column", ["answer", "label", "ground_truth", "solution"])
def test_a_prompt_and_its_answer_are_no_puzzle_whatever_numbers_stand_beside_them(
    write_rows, column
):
    path = write_rows(ROW | {"prompt": "How much is it?", column: "7"})
    assert read(path).rows[0].expected == "7"
    [named] = read(path, format=RowFormat.countdown).rows
    assert named.expected["target"] == 98


def test_puzzles_in_csv_files_have_numbers_too(tmp_path):
    path = tmp_path / "puzzles.csv"
    path.write_text('nums,target\n"[44, 19, 35]",98\n')
    assert read(path).rows[0].expected == {"numbers": [44, 19, 35], "target": 98}


def test_whole_numbers_that_pandas_made_floats_of_are_whole_numbers(tmp_path):
    path = tmp_path / "puzzles.parquet"
    pq.write_table(pa.table({"nums": [[44.0, 19.0]], "target": [63.0]}), path)
    expected = read(path).rows[0].expected
    assert json.dumps(expected) == '{"numbers": [44, 19], "target": 63}'


@pytest.mark.parametrize(
    ("fault", "column"),
    [
        ({"nums": []}, "nums"),
        ({"nums": "44 19"}, "nums"),
        ({"nums": [44, None]}, "nums"),
        ({"nums": [44, 1.5]}, "nums"),
        ({"nums": [True, 2]}, "nums"),
        ({"target": None}, "target"),
        ({"target": "ninety"}, "target"),
        ({"target": 9.5}, "target"),
    ],
)
def test_a_puzzle_without_whole_numbers_is_an_error_with_its_place(write_rows, fault, column):
    with pytest.raises(DataError, match=rf"row 2, column {column}: expected .*whole number"):
        read(write_rows(ROW, ROW | fault))


@pytest.mark.parametrize(
    ("numbers", "target"), [([3], -3), ([2, 5], -10), ([2, 3, 4], -24), ([7, 2], -5)]
)
def test_a_negative_target_is_reached_by_signs_where_the_verifier_takes_them(numbers, target):
    puzzle = {"numbers": numbers, "target": target}
    answer = Completion("", f"<answer>{solve(numbers, target)}</answer>", puzzle)
    assert CountdownVerifier().verify(answer).reward == 1


def test_a_puzzle_has_no_solution_only_where_all_expressions_were_tried():
    assert is_unsolvable({"numbers": [2, 2], "target": 3})
    assert not is_unsolvable({"numbers": [2, 1], "target": 3})
    assert not is_unsolvable({"numbers": [1] * (MAX_NUMBERS + 1), "target": 999})
    assert not is_unsolvable({"numbers": [], "target": 3})
    assert not is_unsolvable("3")
