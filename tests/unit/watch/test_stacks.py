"""Stacks of processes that are stuck, seen from another one."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rlsys.watch import stacks

# Loops in C code that holds the interpreter; Python code of the process runs no more.
STUCK = """
from rlsys.watch import stacks

def look_for_it():
    import re
    print("ready", flush=True)
    re.match(r"(a+)+$", "a" * 64 + "!")

stacks.register()
look_for_it()
"""
UNREGISTERED = "print('ready', flush=True); import time; time.sleep(600)"


@contextmanager
def started(program: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_process_stuck_in_c_code_shows_its_stack_more_than_once() -> None:
    with started(STUCK) as pid:
        for _ in range(2):
            text = stacks.of_family(pid)
            assert text.count("in look_for_it") == 1


def test_a_descendant_is_shown_too() -> None:
    with started(STUCK) as pid:
        assert f"process {pid}, newest call first" in stacks.of_family(os.getpid())


def test_a_process_that_has_not_registered_is_left_alone() -> None:
    with started(UNREGISTERED) as pid:
        assert stacks.of_family(pid) == f"process {pid} has not registered yet"
        assert stacks.of_family(pid) == f"process {pid} has not registered yet"  # it lives


def test_a_stopped_process_is_said_to_be_stopped() -> None:
    with started(STUCK) as pid:
        os.kill(pid, signal.SIGSTOP)
        assert "no reply within 2 s: it is stopped" in stacks.of_family(pid)


def test_a_process_that_is_gone_is_said_to_be_gone() -> None:
    with started(UNREGISTERED) as pid:
        pass
    assert stacks.of_family(pid) == f"process {pid} is gone"


def test_tasks_are_shown_with_every_coroutine_that_they_wait_in() -> None:
    async def inner() -> None:
        await asyncio.sleep(600)

    async def outer() -> None:
        await inner()

    async def scenario() -> str:
        tasks = [asyncio.create_task(outer(), name="group") for _ in range(3)]
        await asyncio.sleep(0)
        text = stacks.of_tasks(asyncio.get_running_loop())
        for task in tasks:
            task.cancel()
        return text

    (line,) = [line for line in asyncio.run(scenario()).splitlines() if line.startswith("group")]
    assert line.index(" outer > ") < line.index(" inner > ") < line.index(" sleep")
    assert line.endswith("(x3)")


def test_threads_are_shown_in_a_line_each_with_the_innermost_call_last() -> None:
    go_on = threading.Event()

    def wait_for_it() -> None:
        go_on.wait()

    thread = threading.Thread(target=wait_for_it, name="helper")
    thread.start()
    found: list[str] = []
    looking = threading.Thread(target=lambda: found.append(stacks.of_threads()), name="looking")
    looking.start()
    looking.join()
    go_on.set()
    thread.join()
    lines = found[0].splitlines()
    assert lines[0].startswith("MainThread: ... > ")
    (line,) = [line for line in lines if line.startswith("helper: ")]
    assert line.index(" wait_for_it > ") < line.rindex(" wait")
    assert not any(line.startswith("looking: ") for line in lines)
