"""`rlsys grade` on a file of maths answers; programs are graded in tests/adversarial."""

import json
import time

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError, DataError, VerifierError

LIES = """
import os, time
from verifiers.base import Status, Verdict

class Odd:
    name = "odd"
    def __init__(self, reward: float = 0.5):
        self.reward = reward
    def verify(self, completion):
        if completion.text == "die":
            os._exit(1)
        if completion.text == "hang":
            time.sleep(60)
        if completion.text == "raise":
            raise RuntimeError("broken")
        return Verdict(self.reward, Status.WRONG, completion.text)
    def self_test(self):
        from verifiers.base import Completion
        return [(Completion("", "x", None), self.reward)]

VERIFIERS = {"odd": Odd}
"""


def run(tmp_path, rows, *arguments):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    source.write_text("\n".join(lines) + "\n")
    result = CliRunner().invoke(app, ["grade", str(source), "--out", str(out), *arguments])
    written = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return result, written


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(LIES)
    return f"verifiers.plugins=[{path}]"


def test_every_row_gets_its_verdict_in_order_and_a_malformed_one_stops_nothing(tmp_path):
    rows = [
        {
            "id": f"r{i}",
            "completion": f"<answer>1 + {i % 3}</answer>",
            "answer": {"numbers": [1, i], "target": i + 1},
        }
        for i in range(40)
    ]
    rows[5] = "{broken"
    result, written = run(tmp_path, rows, "verifiers.workers=2")
    assert result.exit_code == 1, result.output
    assert [row["id"] for row in written] == [None if i == 5 else f"r{i}" for i in range(40)]
    assert [row["reward"] for row in written[:6]] == [1.0, 1.0, 1.0, 0.0, 0.0, None]
    assert set(written[0]) >= {"id", "reward", "status", "reason", "seconds"}
    assert (written[3]["status"], written[5]["status"]) == ("wrong", "infrastructure")
    assert written[5]["reason"].startswith("row 6: ")
    assert "40 of 40 rows" in result.output
    assert "malformed rows: 1, the first: row 6: Expecting property name" in result.output


def test_all_rows_graded_is_exit_status_zero(tmp_path):
    row = {"id": 1, "completion": "<think>t</think><answer>4</answer>", "verifier": "format"}
    result, written = run(tmp_path, [row])
    assert result.exit_code == 0, result.output
    assert (written[0]["reward"], written[0]["verifier"]) == (1.0, "format")


def test_a_worker_that_dies_or_hangs_is_replaced_and_the_other_rows_are_graded(tmp_path, plugin):
    texts = ["a", "die", "b", "hang", "raise", "c"]
    rows = [{"id": t, "completion": t, "verifier": "odd"} for t in texts]
    began = time.monotonic()
    result, written = run(tmp_path, rows, plugin, "verifiers.workers=2", "verifiers.timeout_s=1")
    assert result.exit_code == 1, result.output
    assert [row["id"] for row in written] == texts
    assert [row["reward"] for row in written] == [0.5, None, 0.5, None, None, 0.5]
    assert written[1]["reason"] == "row 2: odd: the verifier's process ended with status 1"
    hung = written[3]["reason"]
    assert hung.startswith("row 4: odd: no verdict within verifiers.timeout_s=1, at ")
    assert hung.endswith("odd.py:13 in verify")
    assert written[4]["reason"].startswith("row 5: odd: RuntimeError: broken, at ")
    assert time.monotonic() - began < 30


def test_options_come_from_the_config_s_component(tmp_path, plugin):
    row = {"id": 1, "completion": "x", "verifier": "odd"}
    options = "verifiers.rewards=[{name: R_Odd, verifier: odd, options: {reward: 0.25}}]"
    assert run(tmp_path, [row], plugin, options)[1][0]["reward"] == 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verifiers.wrokers=2"], "did you mean 'verifiers.workers'"),
        (["verifiers.plugins=[no.py]"], "no plug-in file no.py"),
    ],
)
def test_a_wrong_setting_is_an_error_before_anything_is_written(tmp_path, arguments, message):
    result, written = run(tmp_path, [], *arguments)
    assert message in str(result.exception)
    assert written == []


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_rows_is_an_error_and_nothing_is_written(tmp_path, content):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(content)
    result = CliRunner().invoke(app, ["grade", str(source), "--out", str(out)])
    assert isinstance(result.exception, DataError)
    assert "in.jsonl: there are no rows to grade" in str(result.exception)
    assert not out.exists()


def test_the_input_is_not_overwritten(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("{}\n")
    result = CliRunner().invoke(app, ["grade", str(path), "--out", str(path)])
    assert "is the file of completions itself" in str(result.exception)
    assert path.read_text() == "{}\n"
    missing = CliRunner().invoke(app, ["grade", str(tmp_path / "no"), "--out", str(path)])
    assert "no file" in str(missing.exception)


def test_verdicts_of_before_stay_until_all_new_ones_are_there(tmp_path, plugin):
    out = tmp_path / "out.jsonl"
    out.write_text("verdicts of before\n")
    source = tmp_path / "in.jsonl"
    needs_a_model = {"id": 2, "completion": "x", "verifier": "fluency"}
    source.write_text('{"id": 1}\n' + json.dumps(needs_a_model) + "\n")
    result = CliRunner().invoke(app, ["grade", str(source), "--out", str(out), plugin])
    assert isinstance(result.exception, VerifierError)
    assert out.read_text() == "verdicts of before\n"
    source.write_text('{"id": 1}\n')
    CliRunner().invoke(app, ["grade", str(source), "--out", str(out), plugin])
    assert json.loads(out.read_text())["id"] == 1
    assert not (tmp_path / "out.jsonl.unfinished").exists()


@pytest.mark.parametrize("out", ["", "no/folder/out.jsonl"])
def test_verdicts_need_a_file_in_a_folder_that_exists(tmp_path, out):
    source = tmp_path / "in.jsonl"
    source.write_text("{}\n")
    result = CliRunner().invoke(app, ["grade", str(source), "--out", str(tmp_path / out)])
    assert isinstance(result.exception, ConfigError)
    assert "nearest valid: --out in-graded.jsonl" in str(result.exception)
