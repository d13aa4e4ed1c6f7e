"""What the command line makes of an error that ends a command."""

import traceback

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
