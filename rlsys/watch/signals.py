"""What signals ask of a run: to stop while there is time to do it well, to stop at once, to save.

SIGINT (Ctrl-C) and SIGTERM: a step that is in the learner is finished, any other is dropped, and a
checkpoint is written, within loop.stop_grace_s. A second one ends the driver at once.
SIGUSR1: a checkpoint after the step that goes on.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM)
SAVES = signal.SIGUSR1
_skips_exit_handlers = threading.Event()


class Terminated(SystemExit):
    """SIGTERM where there is nothing to save: the stack is unwound, so that what was started
    ends with it. The exit status is that of a process which the signal ended."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Signals:
    """Hears signals in an event loop.

    Args:
        at_once: ends this process; told which signal came when one had come already.
    """

    def __init__(self, at_once: Callable[[signal.Signals], None]) -> None:
        self.at_once = at_once
        self.stop: signal.Signals | None = None
        """The first signal that asked for the run's end."""
        self.asked_to_stop = asyncio.Event()
        self.asked_to_save = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """For the block's duration, in the running event loop; one that asks for the end once more
        is obeyed after it, too, while the fleet is ended."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (*STOPS, SAVES)}
        for number in STOPS:
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(SAVES, self._save)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                is_again = self.stop is not None and number in STOPS
                signal.signal(number, self._stop_again if is_again else handler)

    def _stop_again(self, number: int, frame: FrameType | None) -> None:
        self.at_once(signal.Signals(number))

    def _stop(self, number: signal.Signals) -> None:
        if self.stop is not None:
            self.at_once(number)
        self.stop = self.stop or number
        self.asked_to_stop.set()

    def _save(self) -> None:
        self.asked_to_save = True


@contextmanager
def unwinding() -> Iterator[None]:
    """For the block's duration, SIGTERM raises Terminated here, and SIGUSR1 does not end the
    process: there is nothing to save yet."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, SAVES)}
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(SAVES, _nothing_to_save)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _nothing_to_save(number: int, frame: FrameType | None) -> None:
    pass


def skip_exit_handlers() -> None:
    """Let `end_process` leave out what libraries do at exit: one of them would wait in vain."""
    _skips_exit_handlers.set()


def end_process(status: str | int | None) -> NoReturn:
    """As sys.exit, but for `skip_exit_handlers`."""
    if _skips_exit_handlers.is_set() and isinstance(status, int):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
