"""`rlsys train`: what is said before and after the run itself."""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from rlsys.cli import app
from rlsys.config.load import load, to_yaml
from rlsys.errors import ResourceError, ResumeError
from rlsys.run import checkpoint
from rlsys.run.checkpointer import FOLDER
from rlsys.run.folder import SUMMARY, held


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(f"loop: {{steps: 6}}\nrun: {{directory: {tmp_path / 'runs'}}}\n")
    return path


@pytest.fixture
def finished(config: Path, tmp_path: Path) -> Path:
    """The folder of a run that has done its six steps."""
    folder = tmp_path / "runs" / "small"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(load(config)))
    (folder / SUMMARY).write_text(json.dumps({"steps": 6}))

    async def save(into: Path) -> None:
        (into / "policy").touch()

    asyncio.run(checkpoint.write(folder / FOLDER, 6, {"loop": {"version": 6}}, save, keep=1))
    return folder


def refusal_of_a_resume(folder: Path, *overrides: str) -> Any:
    done = CliRunner().invoke(app, ["train", "--resume", str(folder), *overrides])
    assert "loading the libraries" not in done.output
    return done.exception


def test_a_finished_run_is_not_resumed_and_that_is_said_before_anything_is_loaded(
    finished: Path,
) -> None:
    error = refusal_of_a_resume(finished)
    assert isinstance(error, ResumeError)
    assert "has done all of its 6 steps; for more, add loop.steps=N" in str(error)
    assert isinstance(refusal_of_a_resume(finished, "cluster.num_cpus=2"), ResumeError)


def test_a_run_that_goes_on_is_not_resumed_and_that_is_said_before_anything_is_loaded(
    finished: Path,
) -> None:
    with held(finished):
        assert "is still running: process" in str(refusal_of_a_resume(finished))


def ends_with(monkeypatch: pytest.MonkeyPatch, config: Path, begins: bool) -> str:
    """The output of a run that ends with an error, before or after its folder is there."""

    def run_stage(settings: Any, name: str, *_: Any, **__: Any) -> NoReturn:
        if begins:
            (Path(settings.run.directory) / name).mkdir(parents=True)
        raise ResourceError("the fleet does not fit")

    monkeypatch.setitem(sys.modules, "actors.drivers.stage", SimpleNamespace(run_stage=run_stage))
    done = CliRunner().invoke(app, ["train", "--config", str(config)])
    assert isinstance(done.exception, ResourceError)
    return done.output


def test_a_run_that_ends_before_it_has_a_folder_is_said_not_to_have_begun(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    assert "run small has not begun: " in ends_with(monkeypatch, config, begins=False)
    assert "has not begun" not in ends_with(monkeypatch, config, begins=True)
