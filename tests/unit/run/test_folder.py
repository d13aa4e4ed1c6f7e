import json
import multiprocessing
import os
from pathlib import Path

import pytest

from rlsys.disk import replace_text
from rlsys.errors import ConfigError, DataError, DiskError, ResumeError
from rlsys.evaluation.curve import Curve
from rlsys.evaluation.heldout import HeldOut
from rlsys.run.folder import check_inputs, cut_back, held, mark, record_inputs, require_mark


def hold_until_killed(folder: Path, holding: object) -> None:
    with held(folder):
        holding.set()  # type: ignore[attr-defined]
        multiprocessing.Event().wait()


def test_a_run_that_is_still_running_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    holding = context.Event()
    other = context.Process(target=hold_until_killed, args=(tmp_path, holding))
    other.start()
    assert holding.wait(60)
    with (
        pytest.raises(ResumeError, match=f"is still running: process {other.pid} on "),
        held(tmp_path),
    ):
        pass
    other.kill()
    other.join()
    with held(tmp_path):
        assert f"process {os.getpid()} on " in (tmp_path / "lock").read_text()


def test_metrics_and_samples_after_the_resumed_step_are_taken_away(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3))
    (tmp_path / "metrics.jsonl").write_text(lines + '{"step": 4, "rew')
    (tmp_path / "members.jsonl").write_text(lines)
    (tmp_path / "samples").mkdir()
    for step in (1, 2, 3, 4):
        (tmp_path / "samples" / f"step-{step:06d}.parquet").write_text("")
    cut_back(tmp_path, 2)
    for name in ("metrics.jsonl", "members.jsonl"):
        assert (tmp_path / name).read_text() == '{"step": 1}\n{"step": 2}\n'
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "step-000001.parquet",
        "step-000002.parquet",
    ]


def test_nothing_is_taken_away_where_a_line_is_damaged(tmp_path: Path) -> None:
    lines = '{"step": 1}\n{"step": 2}\n{"step": 3}\n'
    (tmp_path / "metrics.jsonl").write_text(lines)
    (tmp_path / "members.jsonl").write_text('{"step": 1}\n{"ste{"step": 3}\n')
    with pytest.raises(DataError, match=r"members\.jsonl, line 2: no JSON"):
        cut_back(tmp_path, 2)
    assert (tmp_path / "metrics.jsonl").read_text() == lines


def test_dropped_answers_after_the_resumed_step_are_taken_away(tmp_path: Path) -> None:
    folder = tmp_path / "samples" / "dropped"
    folder.mkdir(parents=True)
    for name in ("step-000002-000007", "step-000003-000012", "step-1000000-000099"):
        (folder / f"{name}.parquet").write_text("")
    (folder / "step-000001-000003.unfinished").write_text("half of it")
    cut_back(tmp_path, 2)
    assert [path.name for path in folder.iterdir()] == ["step-000002-000007.parquet"]


def test_held_out_answers_stay_with_the_checks_that_stand(tmp_path: Path) -> None:
    """The check of step 10 ran beside steps 11 and 12, which a resume from 10 takes back."""
    curve = Curve(tmp_path)
    folder = tmp_path / "samples" / "heldout"
    folder.mkdir(parents=True)
    for step, newest in ((0, 0), (5, 7), (10, 12)):
        curve.add(HeldOut(step, 0.5, 0.4, 0.6, 8, 2, 5.0, 0.0, (step, newest), {"p0": 0.5}))
        (folder / f"step-{step:06d}.parquet").write_text("")
    with curve.path.open("a") as file:
        file.write('{"step": 20, "pass')
    cut_back(tmp_path, 10)
    assert [check.step for check in Curve(tmp_path).checks] == [0, 5]
    assert sorted(path.name for path in folder.iterdir()) == [
        "step-000000.parquet",
        "step-000005.parquet",
    ]


def test_inputs_are_those_that_the_run_began_with(tmp_path: Path) -> None:
    record_inputs(tmp_path, {"/data/a.jsonl": "3 bytes"})
    check_inputs(tmp_path, {"/data/a.jsonl": "3 bytes"})
    with pytest.raises(DataError, match=r"/data/a\.jsonl is not what"):
        check_inputs(tmp_path, {"/data/a.jsonl": "4 bytes"})


def test_a_text_that_cannot_be_replaced_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text"
    replace_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=r"text could not be written: .*No space left"):
        replace_text(path, "new")
    assert path.read_text() == "old"


def test_a_process_that_sees_another_folder_under_the_path_is_refused(tmp_path: Path) -> None:
    """As on a node that does not share the file system, where a run of before left a folder."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    token = mark(here)
    require_mark(here, token, "learner-0", patience_s=0.0)
    with pytest.raises(ConfigError, match=r"run\.directory: learner-9 on b does not see .*/there"):
        require_mark(there, token, "learner-9 on b", patience_s=0.0)
    there.mkdir()
    mark(there)
    with pytest.raises(ConfigError, match="a file system that all nodes share"):
        require_mark(there, token, "learner-9 on b", patience_s=0.05)
