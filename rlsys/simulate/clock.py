"""An event loop whose clock jumps to the next timer: hours of latency take milliseconds."""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Asked to wait, lets the time until the next timer have passed; nothing else can happen."""

    def __init__(self, jump: Callable[[bool], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[Any]:
        self._jump(timeout is None)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run, and then jumps; a deadlock is an error.

    For work inside one thread: results of other threads and of sockets are never looked for. It
    keeps its own timers, since asyncio's compares them in Python: a tenth of a simulation's time.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        super().__init__(_JumpingSelector(self._advance))

    def time(self) -> float:
        return self._now

    def call_at(  # type: ignore[override]  # typeshed's has type variables for the arguments
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def _advance(self, idle: bool) -> None:
        """Make ready what is due; when nothing can run, what is next, at its time."""
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if idle:
            if not timers:
                raise RuntimeError("deadlock: nothing can run and no timer is set")
            self._now = max(self._now, timers[0][0])
        while timers and timers[0][0] <= self._now:
            self._add_callback(heapq.heappop(timers)[2])  # type: ignore[attr-defined]


def run(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run under virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
