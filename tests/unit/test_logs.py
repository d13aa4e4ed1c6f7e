"""A process's log in the run's folder, and the error that a log tells of."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from rlsys.logs import Since, exception_at_the_end, killed_by, last_error

BEGIN = "Traceback (most recent call last):"
FAILED = "See root cause above. Failed core proc(s): {{'EngineCore': {}}}"
VLLM = """\
(EngineCore pid=272) WARNING 11-29 03:12:01 [cpu_worker.py:114] libiomp is not found.
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510] EngineCore failed to start.
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510]   File "core.py", line 1482, in run
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510]     engine_core = EngineCoreProc()
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510]                   ^^^^^^^^^^^^^^^^
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510] ValueError: No available memory for
(EngineCore pid=272) ERROR 11-29 03:12:02 [core.py:1510] the cache blocks.
"""


def test_vllms_own_error_is_found_without_the_marks_of_its_lines() -> None:
    later = "(MainProcess pid=271) WARNING 11-29 03:12:02 [vllm.py:1703] another line\n"
    for end in ("", later):
        assert last_error(VLLM + end) == "ValueError: No available memory for the cache blocks."


def test_the_last_of_several_tracebacks_counts() -> None:
    plain = "Traceback (most recent call last):\n  File\n\n    f()\nOSError: gone\n\n"
    assert last_error(VLLM + plain + "[W1129] a warning\n") == "OSError: gone"


def test_an_end_without_a_traceback_shows_the_last_lines() -> None:
    assert last_error("one\ntwo\n\nthree\nterminate called\n") == "two | three | terminate called"
    assert last_error("") == ""


def test_only_the_newest_process_of_a_log_is_asked_for_its_exception(tmp_path: Path) -> None:
    path = tmp_path / "rollout-0.log"
    path.write_text(f"--- process 1\n{VLLM}")
    assert exception_at_the_end(path) == "ValueError: No available memory for the cache blocks."
    path.write_text(f"--- process 1\n{VLLM}--- process 2\nkilled\n")
    assert exception_at_the_end(path) == ""
    assert exception_at_the_end(tmp_path / "elsewhere.log") == ""


def test_a_traceback_that_is_cut_short_shows_what_there_is() -> None:
    assert last_error("Traceback (most recent call last):\n  File\n").endswith("|   File")


WRITER = """
import os, subprocess, sys
from pathlib import Path
from rlsys.logs import Since, write_to
print("before", file=sys.stderr)
print(write_to(Path(sys.argv[1])))
since = Since()
print("by Python")
subprocess.run(["sh", "-c", "echo by a child; echo its error >&2"], check=True)
assert since.text() == "by Python\\nby a child\\nits error\\n", since.text()
"""


def written(path: Path) -> str:
    """Run the writer; returns what it wrote elsewhere."""
    command = [sys.executable, "-u", "-c", WRITER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_process_and_its_children_write_to_the_file_and_a_successor_after_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "logs" / "verifier-0.log"
    elsewhere = written(path)
    assert elsewhere.splitlines() == ["before", f"rlsys: what follows is in {path}"]
    written(path)
    lines = path.read_text().splitlines()
    assert lines[1:5] == [str(path), "by Python", "by a child", "its error"]
    assert [i for i, line in enumerate(lines) if line.startswith("--- process ")] == [0, 5]


def test_where_the_file_cannot_be_written_the_log_stays_what_it_was(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    program = (
        "import pathlib, sys, rlsys.logs as logs; print(logs.write_to(pathlib.Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, str(blocked / "verifier-0.log")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ":pipe:" in done.stdout


def test_an_error_that_points_above_is_not_the_cause():
    """An engine that dies at its first answer tells it twice, in its own process and outside."""
    dead = "EngineDeadError: EngineCore encountered an issue. See above for the root cause."
    cause = "RuntimeError: Unsupported CPU attention configuration: head_dim=16"
    inner, outer = "(EngineCore pid=2) ERROR 11-29 13:59:00 [core.py:1] ", "(MainProcess pid=1) "
    begin = "Traceback (most recent call last):"
    log = [inner + begin, inner + cause, outer + begin, outer + dead]
    assert last_error("\n".join(log)) == cause
    assert last_error("\n".join(log[2:])) == dead


@pytest.mark.parametrize(
    ("said", "error", "is_dead", "by"),
    [
        ("a warning", FAILED.format(-9), False, "SIGKILL"),
        ("a warning", "EngineCore encountered an issue.", True, "a signal"),
        ("a warning", "See root cause above. Failed core proc(s): {}", False, "a signal"),
        ("a warning", FAILED.format(-40), False, "signal 40"),
        (f"{BEGIN}\nRuntimeError: See root cause above.", FAILED.format(-6), False, "SIGABRT"),
        # It ended by itself, and said why.
        (f"{BEGIN}\nValueError: no such layer", FAILED.format(-9), True, ""),
        ("a warning", FAILED.format(1), False, ""),
        ("a warning", "no such option", False, ""),
    ],
)
def test_an_engine_that_was_killed_is_told_from_one_that_failed(
    said: str, error: str, is_dead: bool, by: str
) -> None:
    log = SimpleNamespace(text=lambda: said)
    assert killed_by(RuntimeError(error), cast(Since, log), is_dead) == by
