"""The driver's event loop, with an accounting: busy while callbacks run, else in a named wait."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from rlsys.watch.accounting import Accounting


class _WatchedSelector(selectors.DefaultSelector):
    """Books the time in which the event loop has nothing to run."""

    def __init__(self, accounting: Accounting) -> None:
        super().__init__()
        self.accounting = accounting
        self.waiting_for: Callable[[], str | None] = lambda: None

    def select(self, timeout: float | None = None) -> list[Any]:
        with self.accounting.waiting(self.waiting_for() or "unnamed"):
            return super().select(timeout)


class WatchedEventLoop(asyncio.SelectorEventLoop):
    """Knows how long it ran callbacks, and what it waited for otherwise.

    Everything that a driver does passes through its one event loop, so this is the driver's whole
    time: work of all tasks is busy time, and while none can run, the driver waits for whatever
    `waits_are_for` names.
    """

    def __init__(self) -> None:
        self.accounting = Accounting(idle=None)
        self._watched = _WatchedSelector(self.accounting)
        super().__init__(self._watched)

    def waits_are_for(self, waiting_for: Callable[[], str | None]) -> None:
        """From now on `waiting_for()` names what is waited for; None: nothing that has a name."""
        self._watched.waiting_for = waiting_for
