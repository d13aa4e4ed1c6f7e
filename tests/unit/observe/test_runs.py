import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.errors import ConfigError, DataError
from rlsys.evaluation.curve import Curve
from rlsys.evaluation.heldout import HeldOut
from rlsys.observe.runs import State, read_run, runs_in
from rlsys.run.folder import failure_recorded, held


def make_run(
    folder: Path,
    metrics: list[dict[str, Any]],
    steps: int = 40,
    done: int | None = None,
    checks: dict[int, float] | None = None,
) -> Path:
    """A run's folder as a driver leaves it.

    Args:
        done: with the summary of so many steps.
        checks: pass@1 by step.
    """
    folder.mkdir()
    (folder / "config.yaml").write_text(f"loop:\n  steps: {steps}\n")
    (folder / "lock").write_text("process 1 on host\n")
    lines = "".join(json.dumps(line) + "\n" for line in metrics)
    (folder / "metrics.jsonl").write_text(lines)
    for step, pass_at_1 in (checks or {}).items():
        Curve(folder).add(
            HeldOut(step, pass_at_1, 0.0, 1.0, 8, 1, 9.0, 0.0, versions=(step, step), rates={})
        )
    if done is not None:
        content = {"steps": done, "pass_at_1_after": 0.75}
        (folder / "summary.json").write_text(json.dumps(content))
    return folder


def drive_until_killed(folder: Path, driving: object) -> None:
    with held(folder), failure_recorded(folder):
        driving.set()  # type: ignore[attr-defined]
        multiprocessing.Event().wait()


def test_a_run_is_running_while_its_driver_lives_and_stopped_once_that_is_killed(
    tmp_path: Path,
) -> None:
    folder = make_run(tmp_path / "a", [{"step": 1}])
    context = multiprocessing.get_context("spawn")
    driving = context.Event()
    driver = context.Process(target=drive_until_killed, args=(folder, driving))
    driver.start()
    assert driving.wait(60)
    running = read_run(folder)
    assert (running.state, running.step, running.steps) == (State.RUNNING, 1, 40)
    assert running.remark.startswith(f"process {driver.pid} on ")
    driver.kill()
    driver.join()
    assert read_run(folder).state is State.STOPPED


def test_an_error_is_a_failure_with_its_first_line_until_the_run_is_taken_up_again(
    tmp_path: Path,
) -> None:
    folder = make_run(tmp_path / "a", [])
    with pytest.raises(ValueError, match="no room"), failure_recorded(folder):
        raise ValueError("no room\nfree now: 0 CPUs")
    run = read_run(folder)
    assert (run.state, run.step, run.remark) == (State.FAILED, 0, "ValueError: no room")
    with failure_recorded(folder):
        pass
    assert read_run(folder).state is State.STOPPED


def test_a_failure_below_groups_of_tasks_is_its_cause(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [])
    with pytest.raises(ExceptionGroup), failure_recorded(folder):
        raise ExceptionGroup("tasks", [ExceptionGroup("tasks", [KeyError("the bug")])])
    assert read_run(folder).remark == "KeyError: 'the bug'"


def test_an_interrupted_run_is_stopped_and_has_not_failed(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a", [])
    with pytest.raises(KeyboardInterrupt), failure_recorded(folder):
        raise KeyboardInterrupt
    assert read_run(folder).state is State.STOPPED


def test_a_finished_run_that_is_to_do_more_steps_has_not_finished_those(tmp_path: Path) -> None:
    metrics = [{"step": 40}]
    done = read_run(make_run(tmp_path / "a", metrics, steps=40, done=40, checks={30: 0.5}))
    assert (done.state, done.step, done.pass_at_1) == (State.FINISHED, 40, 0.75)
    more = read_run(make_run(tmp_path / "b", metrics, steps=80, done=40, checks={30: 0.5}))
    assert (more.state, more.step, more.pass_at_1) == (State.STOPPED, 40, 0.5)


def test_pass_at_1_is_of_the_last_check_and_half_a_line_is_none(tmp_path: Path) -> None:
    metrics = [{"step": 1}, {"step": 2}, {"step": 3}]
    folder = make_run(tmp_path / "a", metrics, checks={0: 0.125, 2: 0.25})
    for name, half in (("metrics.jsonl", '{"step": 4, "rew'), ("heldout.jsonl", '{"step": 3, "pa')):
        with (folder / name).open("a") as file:
            file.write(half)
    run = read_run(folder)
    assert (run.step, run.pass_at_1) == (3, 0.25)


def test_runs_are_listed_newest_first_and_other_folders_are_left_out(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "old")):
        folder = make_run(tmp_path / name, [])
        for file in folder.iterdir():
            os.utime(file, (time.time() - 7200 * age,) * 2)
    (tmp_path / "eval-local").mkdir()
    (tmp_path / "eval-local" / "config.yaml").write_text("loop: {}\n")
    assert [run.folder.name for run in runs_in(tmp_path)] == ["new", "old"]
    done = CliRunner().invoke(app, ["runs", str(tmp_path)])
    assert done.exit_code == 0
    head, new, old = done.output.splitlines()
    assert head.split() == ["run", "state", "step", "pass@1", "last", "wrote"]
    assert new.split()[:3] == ["new", "stopped", "0/40"]
    assert old.split()[-3:] == ["2", "h", "ago"]


def test_a_long_failure_leaves_the_other_columns_whole(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "local", [{"step": 3}])
    with pytest.raises(ValueError, match="word"), failure_recorded(folder):
        raise ValueError("word " * 200)
    head, line = CliRunner().invoke(app, ["runs", str(tmp_path)]).output.splitlines()
    assert head.split() == ["run", "state", "step", "pass@1", "last", "wrote"]
    assert line.split()[:3] == ["local", "failed", "3/40"]
    assert line.endswith("…")


def test_the_version_is_said_without_anything_else() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, "rlsys 0.1.0\n")


HALF = [
    ("summary.json", '{"steps": 4'),
    ("failure.json", '{"error": "Res'),
    ("failure.json", "[]"),
    ("metrics.jsonl", '{"step": 1\n'),
    ("metrics.jsonl", "\udcff\n"),
    ("heldout.jsonl", '{"step": 1}\n'),
    ("config.yaml", "loop: {steps: 4"),
    ("config.yaml", "loop:\n  st"),
]


@pytest.mark.parametrize(("name", "text"), HALF)
def test_a_damaged_run_is_listed_as_such_and_hides_no_other(
    tmp_path: Path, name: str, text: str
) -> None:
    make_run(tmp_path / "whole", [{"step": 2}], done=2, steps=2)
    folder = make_run(tmp_path / "cut", [{"step": 1}])
    (folder / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises((ConfigError, DataError), match=name.replace(".", r"\.")):
        read_run(folder)
    runs = {run.folder.name: run for run in runs_in(tmp_path)}
    assert (runs["whole"].state, runs["cut"].state) == (State.FINISHED, State.DAMAGED)
    assert name in runs["cut"].remark
    shown = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["runs", str(tmp_path)])
    assert shown.exit_code == 0
    assert "damaged" in shown.output
    assert "0/0" not in shown.output
