"""`rlsys stacks` beside drivers that answer, that cannot, and that are gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rlsys.cli import app
from rlsys.commands import stacks as command
from rlsys.errors import ConfigError, NotRunningError
from rlsys.run import wish
from rlsys.run.folder import LOCK
from rlsys.run.wish import Wish
from rlsys.watch.trace import FILE
from tests.helpers.places import CONFIGS

ANSWERS = """
import sys, time
from pathlib import Path
from rlsys.run import wish
from rlsys.run.folder import STACKS, held
from rlsys.run.wish import Wish
folder = Path(sys.argv[1])
with held(folder):
    print("ready", flush=True)
    while not wish.is_open(folder, Wish.stacks):
        time.sleep(0.05)
    (folder / STACKS).write_text("the driver waits for [nobody]\\n")
    wish.close(folder, Wish.stacks)
    time.sleep(600)
"""
CANNOT = """
import re, sys
from pathlib import Path
from rlsys.run.folder import held
from rlsys.watch import stacks
def look_for_it():
    re.match(r"(a+)+$", "a" * 64 + "!")
stacks.register()
with held(Path(sys.argv[1])):
    print("ready", flush=True)
    look_for_it()
"""
TRACE = "2026-11-29 13:02:21 waits 10 s for driver: learner; owing: learner-0 10 s"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text((CONFIGS / "local.yaml").read_text())
    (tmp_path / LOCK).write_text("process 1 on elsewhere\n")
    (tmp_path / FILE).write_text(f"{TRACE}\n")
    return tmp_path


@contextmanager
def driver(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-c", program, str(folder)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def stacks(folder: Path) -> Result:
    return CliRunner().invoke(app, ["stacks", str(folder)])


def test_what_the_driver_answers_is_shown_as_it_is(folder: Path) -> None:
    with driver(ANSWERS, folder):
        shown = stacks(folder)
    assert (shown.exit_code, shown.stdout) == (0, "the driver waits for [nobody]\n\n")


def test_a_driver_that_cannot_answer_is_read_by_a_signal(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_FIRST_S", 0.5)
    with driver(CANNOT, folder) as process:
        shown = stacks(folder)
        assert f"process {process.pid}" in shown.stdout
    assert shown.exit_code == 0
    assert "in look_for_it" in shown.stdout
    assert TRACE in shown.stdout
    assert not wish.is_open(folder, Wish.stacks)


def test_a_driver_that_is_stopped_is_said_to_be_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_FIRST_S", 0.5)
    with driver(ANSWERS, folder) as process:
        os.kill(process.pid, signal.SIGSTOP)
        shown = stacks(folder)
    assert "does not answer" in shown.stdout


def test_a_silent_driver_on_another_host_is_an_error_that_names_the_host(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_FIRST_S", 0.5)
    with driver(CANNOT, folder):
        (folder / LOCK).write_text("process 1 on elsewhere\n")
        error = stacks(folder).exception
    assert isinstance(error, NotRunningError)
    assert "process 1 on elsewhere, does not answer" in str(error)
    assert TRACE in str(error)


def test_a_run_without_a_driver_is_one_error_with_the_newest_waits(folder: Path) -> None:
    error = stacks(folder).exception
    assert isinstance(error, NotRunningError)
    first, heading, last = str(error).splitlines()
    assert first == f"{folder} is not running: stopped"
    assert heading == f"The newest lines of {folder / FILE}:"
    assert last == TRACE
    assert not wish.is_open(folder, Wish.stacks)


def test_a_driver_that_dies_while_it_is_asked_is_the_same_error(folder: Path) -> None:
    dying = ANSWERS.replace("(folder / STACKS)", "import os; os._exit(9); (folder / STACKS)")
    with driver(dying, folder):
        error = stacks(folder).exception
    assert isinstance(error, NotRunningError)
    assert "is not running: stopped" in str(error)
    assert not wish.is_open(folder, Wish.stacks)


def test_a_name_of_no_run_names_the_nearest(folder: Path) -> None:
    error = stacks(folder / "nowhere").exception
    assert isinstance(error, ConfigError)
