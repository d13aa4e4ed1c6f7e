"""`rlsys benchmarks list` and `check`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import DataError
from rlsys.evaluation.catalog import names
from tests.helpers.repository_tree import GOLD, instance, make_clone, needs_bwrap


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["benchmarks", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def write(path: Path, *rows: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_list_names_every_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    _, output = run(monkeypatch, "list")
    listed = {line.split()[0] for line in output.splitlines()[1:] if line.strip()}
    assert listed >= set(names())


def test_check_says_that_a_row_has_no_gold_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tests = {"inputs": ["1 2\n"], "outputs": ["3\n"]}
    rows = {"problem": "Read two numbers and print their sum.", "tests": tests}
    write(tmp_path / "codeforces" / "code_contests_test.jsonl", rows)
    code, output = run(monkeypatch, "check", "codecontests", "--data", str(tmp_path))
    assert "no row brings a gold answer; 0 of 1 empty ones are right" in output
    assert code == 0


@pytest.mark.long
@needs_bwrap
def test_check_grades_the_patch_of_a_swebench_row_in_its_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkouts = tmp_path / "swebench" / "checkouts"
    checkouts.mkdir(parents=True)
    _, base = make_clone(checkouts)
    row = instance(base) | {"problem_statement": "pop takes the oldest item.", "patch": GOLD}
    write(tmp_path / "swebench" / "test.jsonl", row)
    code, output = run(monkeypatch, "check", "swebench", "--data", str(tmp_path))
    assert "1 of 1 gold answers are right, 0 of 1 empty ones" in output
    assert code == 0


def test_swebench_without_its_checkouts_is_one_error(tmp_path: Path) -> None:
    write(tmp_path / "swebench" / "test.jsonl", {"repo": "a/b"})
    with pytest.raises(DataError, match=r"benchmark swebench: no .*checkouts, which its verifier"):
        CliRunner().invoke(
            app,
            ["benchmarks", "check", "swebench", "--data", str(tmp_path)],
            catch_exceptions=False,
        )


def test_a_file_of_rows_in_the_place_of_a_benchmark_is_told_what_it_lacks(tmp_path: Path) -> None:
    rows = tmp_path / "test.jsonl"
    rows.write_text('{"question": "1+1=?", "answer": "2"}\n')
    error = str(CliRunner().invoke(app, ["benchmarks", "check", str(rows)]).exception)
    assert f"{str(rows)!r} holds rows" in error
    assert "FILE.py" in error
