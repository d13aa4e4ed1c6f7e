"""A process's CPU time is what it worked, not what passed."""

import os
import subprocess
import sys
import time

import pytest

from rlsys.sampling.cpu_clock import CpuClock, cpu_clock

IS_THERE = os.path.exists("/proc/self/schedstat")
pytestmark = pytest.mark.skipif(not IS_THERE, reason="no /proc/PID/schedstat: not Linux")

WORK = """
import time
input()
while time.thread_time() < 0.3:
    pass
print("done", flush=True)
input()
"""


def test_a_process_that_works_and_waits_has_worked_so_long() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    clock = CpuClock(process.pid)
    clock.passed()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    worked_s = clock.passed()
    time.sleep(0.2)
    waited_s = clock.passed()
    process.communicate("\n")
    assert worked_s is not None
    assert 0.2 < worked_s < 0.35
    assert waited_s is not None
    assert waited_s < 0.01
    assert clock.passed() is None
    clock.close()


def test_a_process_that_is_not_there_has_no_clock() -> None:
    assert cpu_clock(None) is None
    assert cpu_clock(2**30) is None
