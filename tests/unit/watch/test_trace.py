import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlsys.watch import trace
from rlsys.watch.trace import FILE, WaitTrace, newest_lines
from rlsys.watch.waits import OpenWait

BEGAN = 1_000_000_000.0


def told(folder: Path) -> list[str]:
    """The lines without their first, which names the process, and without dates."""
    lines = newest_lines(folder, 1000)
    assert f"process {os.getpid()} on " in lines[0]
    return [" ".join(line.split(" ")[2:]) for line in lines[1:]]


def quiet_trace(folder: Path, **more: int) -> WaitTrace:
    return WaitTrace(folder, lambda: "verifier-0 12 s", lambda line: None, **more)


def look(waiting: WaitTrace, after_s: float, *waits: tuple[object, str, float]) -> None:
    """waits: key, name, and how long after BEGAN it began."""
    waiting.look(
        [OpenWait(key, name, after_s - began_s) for key, name, began_s in waits], BEGAN + after_s
    )


def test_a_short_wait_leaves_no_line(tmp_path: Path) -> None:
    waiting = quiet_trace(tmp_path)
    look(waiting, 9.0, (1, "driver: learner", 0.0))
    look(waiting, 10.5)
    assert told(tmp_path) == []


def test_a_long_wait_is_told_while_it_lasts_at_doubled_ages_and_when_it_has_ended(
    tmp_path: Path,
) -> None:
    waiting = quiet_trace(tmp_path)
    for second in range(45):
        look(waiting, second, (1, "driver: learner", 0.0))
    look(waiting, 45.0)
    look(waiting, 46.0)
    since = f"since {trace.stamp(BEGAN)}"
    assert told(tmp_path) == [
        f"waits 10 s for driver: learner, {since}",
        "owing a reply: verifier-0 12 s",
        f"waits 20 s for driver: learner, {since}",
        "owing a reply: verifier-0 12 s",
        f"waits 40 s for driver: learner, {since}",
        "owing a reply: verifier-0 12 s",
        f"waited 45 s for driver: learner, {since}",
    ]


def test_waits_of_one_name_share_a_line_and_others_do_not(tmp_path: Path) -> None:
    waiting = quiet_trace(tmp_path)
    verifiers = [(n, "driver: verifier", n * 0.1) for n in range(3)]
    look(waiting, 12.0, *verifiers, (7, "driver: learner", 1.0), (8, "driver: verifier", 11.0))
    look(waiting, 13.0, (8, "driver: verifier", 11.0))
    since = trace.stamp(BEGAN)
    assert told(tmp_path) == [
        f"waits 12 s for driver: verifier (x3), since {since}",
        f"waits 11 s for driver: learner, since {trace.stamp(BEGAN + 1)}",
        "owing a reply: verifier-0 12 s",
        f"waited 13 s for driver: verifier (x3), since {since}",
        f"waited 12 s for driver: learner, since {trace.stamp(BEGAN + 1)}",
    ]


def test_a_full_file_is_put_aside_once_and_the_newest_lines_are_read_over_both(
    tmp_path: Path,
) -> None:
    waiting = quiet_trace(tmp_path, most_bytes=3000)
    for number in range(100):
        look(waiting, 10.0, (number, f"driver: wait {number}", 0.0))
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 3500
    newest = [line for line in newest_lines(tmp_path, 30) if "waits" in line]
    numbers = [int(line.split("wait ")[1].split(",")[0]) for line in newest]
    assert numbers == list(range(90, 100))


def test_a_trace_that_cannot_be_written_says_so_once_and_stops_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / FILE).mkdir()
    waiting = WaitTrace(tmp_path, lambda: "none", said.append)
    for number in range(3):
        look(waiting, 10.0, (number, "driver: learner", 0.0))
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path / FILE} could not be written")


def test_a_killed_process_leaves_what_it_waits_for(tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from rlsys.watch.trace import WaitTrace
from rlsys.watch.waits import OpenWait
trace = WaitTrace(Path(sys.argv[1]), lambda: "learner-0 11 s", lambda line: None)
trace.look([OpenWait(1, "driver: learner", 11.0)], 1e9)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert ended.returncode == -9
    waits, owing = newest_lines(tmp_path, 2)
    assert "waits 11 s for driver: learner" in waits
    assert owing.endswith("owing a reply: learner-0 11 s")


def test_a_run_without_a_trace_has_no_newest_lines(tmp_path: Path) -> None:
    assert newest_lines(tmp_path, 5) == []


@pytest.mark.parametrize("number", [1, 2])
def test_no_more_lines_are_read_than_asked_for(tmp_path: Path, number: int) -> None:
    waiting = quiet_trace(tmp_path)
    for key in range(5):
        look(waiting, 10.0, (key, f"driver: wait {key}", 0.0))
    assert len(newest_lines(tmp_path, number)) == number
