"""A logger on a thread: nothing that it does, or fails to do, holds a step up."""

import threading
from collections.abc import Callable

import pytest

from rlsys.observe.background import Background
from rlsys.observe.loggers import Logger, Loggers, Metrics


class Slow:
    """A logger that takes nothing before it is let."""

    name = "slow"

    def __init__(self) -> None:
        self.let, self.busy = threading.Event(), threading.Event()
        self.seen: list[tuple[str, int]] = []
        self.closed = False

    def step(self, step: int, metrics: Metrics) -> None:
        self.busy.set()
        assert self.let.wait(60)
        self.seen.append(("step", step))

    def later(self, step: int, metrics: Metrics) -> None:
        self.seen.append(("later", step))

    def summary(self, step: int, figures: Metrics) -> None:
        self.seen.append(("summary", step))

    def close(self) -> None:
        self.closed = True


def test_calls_arrive_in_their_order_before_the_end() -> None:
    slow = Slow()
    slow.let.set()
    behind = Background("slow", lambda: slow, pytest.fail)
    behind.step(1, {})
    behind.later(1, {})
    behind.step(2, {})
    behind.summary(2, {})
    behind.close()
    assert slow.seen == [("step", 1), ("later", 1), ("step", 2), ("summary", 2)]
    assert slow.closed


def test_a_full_queue_drops_calls_and_says_so_once_and_how_many_at_the_end() -> None:
    slow, said = Slow(), list[str]()
    behind = Background("slow", lambda: slow, said.append, places=2)
    behind.step(1, {})
    assert slow.busy.wait(60)
    for step in (2, 3, 4, 5):  # two wait; the others find no place
        behind.step(step, {})
    slow.let.set()
    behind.close()
    assert [step for _, step in slow.seen] == [1, 2, 3]
    assert len(said) == 2
    assert said[0].startswith("slow is too slow: 2 calls wait for it, and step 4 and others")
    assert said[1] == "slow is without 2 calls, which it was too slow for"


def opens_never() -> Logger:
    raise ConnectionError("no route to host")


def test_what_it_fails_at_is_told_once_by_loggers_and_steps_go_on() -> None:
    said: list[str] = []
    behind = Background("down", opens_never, pytest.fail)
    behind._thread.join()
    loggers = Loggers([behind], said.append)
    for step in (3, 4):
        loggers.step(step, {})
    loggers.close()
    assert said == [
        "down is left out from step 3 on, since it failed: ConnectionError: no route to host"
    ]


@pytest.mark.parametrize("ends_with", ["close", "summary"])
def test_a_failure_that_nobody_asked_for_is_told_at_the_end(ends_with: str) -> None:
    said: list[str] = []
    behind = Background("down", opens_never, pytest.fail)
    behind._thread.join()
    loggers = Loggers([behind], said.append)
    end: dict[str, Callable[[], None]] = {
        "close": loggers.close,
        "summary": lambda: loggers.summary(1, {}),
    }
    end[ends_with]()
    assert said == [
        "down is left out at the end, since it failed: ConnectionError: no route to host"
    ]


def test_one_that_hangs_does_not_keep_a_run_from_its_end() -> None:
    slow, said = Slow(), list[str]()
    behind = Background("slow", lambda: slow, pytest.fail, patience_s=0.05)
    loggers = Loggers([behind], said.append)
    for step in (1, 2, 3):
        loggers.step(step, {})
    assert slow.busy.wait(60)
    loggers.close()
    assert said == [
        "slow is left out at the end, since it failed: TimeoutError: 3 of its calls are lost, "
        "since they took longer than 0.05 s after the run's end"
    ]
    slow.let.set()
