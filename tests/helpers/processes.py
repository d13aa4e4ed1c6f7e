"""What is left of a driver's processes, and waiting for what must come."""

import time
from collections.abc import Callable

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    """All that a process has started, and what they have."""
    return psutil.Process(pid).children(recursive=True)


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)
