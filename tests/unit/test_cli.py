"""What the command line makes of an error that ends a command."""

import json
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from rlsys import cli
from rlsys.errors import ConfigError


def test_a_bug_below_groups_of_tasks_is_told_by_its_own_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        try:
            raise KeyError("the bug")
        except KeyError as bug:
            raise ExceptionGroup("tasks", [ExceptionGroup("tasks", [bug])]) from bug

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(KeyError, match="the bug") as caught:
        cli.main()
    told = "".join(traceback.format_exception(caught.value))
    assert 'raise KeyError("the bug")' in told
    assert "ExceptionGroup" not in told


def test_an_error_of_ours_is_a_line_and_exit_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise ConfigError("loop.steps=0: must be at least 1")

    monkeypatch.setattr(cli, "app", refused)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "ConfigError: loop.steps=0: must be at least 1\n"


def test_what_the_system_refuses_is_a_line_and_a_bug_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "app", lambda: Path("x" * 300).stat())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("OSError: [Errno 36] File name too long: 'xxx")
    monkeypatch.setattr(cli, "app", lambda: Path("not there").stat())
    with pytest.raises(FileNotFoundError):
        cli.main()


def test_a_working_directory_that_was_deleted_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "the working directory is not there any more" in capsys.readouterr().err


def test_a_command_whose_streams_a_shell_has_closed_does_its_work(tmp_path: Path) -> None:
    board = tmp_path / "board.json"
    done = subprocess.run(
        ["bash", "-c", '"$0" -m rlsys dashboard --out "$1" <&- >&- 2>&-', sys.executable, board],
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(board.read_text())["panels"]
