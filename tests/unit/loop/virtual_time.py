"""An event loop whose clock jumps to the next timer: hours of latency take milliseconds."""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run, and then jumps; a deadlock is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        timers = self._scheduled
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1
        if not self._ready:
            if not timers:
                raise RuntimeError("deadlock: nothing can run and no timer is set")
            self.now = max(self.now, timers[0].when())
        super()._run_once()


def run(work: Coroutine[Any, Any, T]) -> T:
    """asyncio.run under virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
