"""Training rows by measured pass rate: which are left, what is said, what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.data import DataConfig, validate
from rlsys.data.load import RunRows
from rlsys.data.rates import read_rates, within_pass_rate
from rlsys.errors import ConfigError, DataError
from tests.helpers.candidates import asked

ROWS = [asked(number).row for number in range(5)]


def rates(folder: Path, *lines: dict[str, Any]) -> str:
    file = folder / "rates.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def measured(folder: Path) -> str:
    """0, 1/16, 1/2, none of the fourth, and all of the fifth."""
    shares = [0.0, 0.0625, 0.5, None, 1]
    return rates(folder, *({"prompt_id": f"p{i}", "pass_rate": r} for i, r in enumerate(shares)))


def left(folder: Path, limits: list[float]) -> tuple[list[str], str]:
    config = DataConfig(pass_rate=limits, rates=measured(folder))
    found = within_pass_rate(RunRows(ROWS, [ROWS[0]], ("a note",)), config)
    assert found.held_out == [ROWS[0]]
    assert found.notes[0] == "a note"
    return [row.prompt_id for row in found.train], found.notes[-1]


def test_rows_outside_and_rows_without_a_rate_are_left_out_and_counted(tmp_path: Path) -> None:
    kept, note = left(tmp_path, [0.1, 0.9])
    assert kept == ["p2"]
    assert note.startswith("data.pass_rate=[0.1,0.9]: 1 of 5 training rows are left: ")
    assert "2 below, 1 above, 1 without a rate in " in note


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ([0.0625, 0.5], ["p1", "p2"]),
        ([0.0, 1.0], ["p0", "p1", "p2", "p4"]),
        ([1.0, 1.0], ["p4"]),
    ],
)
def test_both_limits_are_included(tmp_path: Path, limits: list[float], wanted: list[str]) -> None:
    assert left(tmp_path, limits)[0] == wanted


def test_without_limits_nothing_is_read() -> None:
    rows = RunRows(ROWS, [], ())
    assert within_pass_rate(rows, DataConfig()) is rows


def test_no_row_left_is_one_error_with_the_counts(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        left(tmp_path, [0.6, 0.7])
    assert "[0.6,0.7] leaves none of 5 training rows: 3 below, 1 above, 1 without" in str(
        caught.value
    )
    assert "other prompts" not in str(caught.value)


def test_rates_of_other_rows_are_told_as_that(tmp_path: Path) -> None:
    file = rates(tmp_path, {"prompt_id": "other", "pass_rate": 0.5})
    config = DataConfig(pass_rate=[0.1, 0.9], rates=file)
    with pytest.raises(DataError, match="whose 1 rates are of other prompts"):
        within_pass_rate(RunRows(ROWS, [], ()), config)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"prompt_id": "p0"}, "row 2, column pass_rate: expected a share .* no such column"),
        ({"prompt_id": "p0", "pass_rate": 1.5}, r"row 2, column pass_rate: .* got 1\.5"),
        ({"prompt_id": "p0", "pass_rate": "0.5"}, r"row 2, column pass_rate: .* got '0\.5'"),
        ({"prompt_id": "p0", "pass_rate": True}, "row 2, column pass_rate: .* got True"),
        ({"pass_rate": 0.5}, "row 2, column prompt_id: expected a text"),
    ],
)
def test_a_file_of_something_else_is_refused_by_row_and_column(
    tmp_path: Path, line: dict[str, Any], fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        read_rates(rates(tmp_path, {"prompt_id": "p9", "pass_rate": 0.5}, line))


def test_a_runs_folder_and_a_file_that_is_not_there_name_the_nearest(tmp_path: Path) -> None:
    file = measured(tmp_path)
    with pytest.raises(DataError, match=f"is a folder; nearest valid: {file}"):
        read_rates(str(tmp_path))
    with pytest.raises(DataError, match=f"nearest existing: {file}"):
        read_rates(str(tmp_path / "rate.jsonl"))


@pytest.mark.parametrize(
    ("limits", "file", "nearest"),
    [
        ([0.1, 0.9], "", "nearest valid: data.rates=RUN/rates.jsonl"),
        ([], "rates.jsonl", r"nearest valid: data.pass_rate=\[0.1,0.9\]"),
        ([0.9, 0.1], "rates.jsonl", r"nearest valid: \[0.1, 0.9\]"),
        ([0.5], "rates.jsonl", r"nearest valid: \[0.1, 0.9\]"),
        ([0.1, 0.5, 0.9], "rates.jsonl", r"nearest valid: \[0.1, 0.9\]"),
    ],
)
def test_limits_that_cannot_work_are_refused(limits: list[float], file: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=nearest):
        validate(DataConfig(pass_rate=limits, rates=file))
