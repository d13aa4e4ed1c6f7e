"""Named waits with deadlines: nothing in the driver waits without saying for whom."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from rlsys.errors import StallError

T = TypeVar("T")
_STACKS_S = 20.0


class Waits:
    """What the driver waits for now, and since when."""

    def __init__(self, timeout_s: float, setting: str = "loop.stall_timeout_s") -> None:
        self.timeout_s, self.setting = timeout_s, setting
        self.stacks: Callable[[], Awaitable[str]] = _no_stacks
        """Where everybody stands, for the report of a stall."""
        self._report: asyncio.Task[str] | None = None
        self._open: dict[int, tuple[str, float]] = {}
        self._count = 0
        self._of_task: dict[asyncio.Task[Any] | None, str] = {}

    async def on(self, name: str, work: Awaitable[T], detail: Callable[[], str] = lambda: "") -> T:
        """Await `work`; past the deadline, raise StallError saying who waits for whom."""
        self._count += 1
        ticket = self._count
        self._open[ticket] = (name, time.monotonic())
        task = asyncio.current_task()
        around = self._of_task.get(task)
        self._of_task[task] = name
        try:
            async with asyncio.timeout(self.timeout_s) as deadline:
                return await work
        except TimeoutError as error:
            if not deadline.expired():
                raise
            message = (
                f"waited {self.timeout_s:.0f} s for {name} ({self.setting}). "
                f"{detail()}\nAll waits: {self.describe()}"
            )
            raise StallError(f"{message}\n{await self._read_stacks()}".rstrip()) from error
        finally:
            del self._open[ticket]
            if around is None:
                del self._of_task[task]
            else:
                self._of_task[task] = around

    def of(self, task: asyncio.Task[Any] | None) -> str | None:
        """What a task waits for now."""
        return self._of_task.get(task)

    async def _read_stacks(self) -> str:
        """Once for all waits that end together."""
        if self._report is None:
            self._report = asyncio.create_task(_in_time(self.stacks()), name="read stacks")
        return await self._report

    def describe(self) -> str:
        """Every open wait with its age, the longest first, equal names counted."""
        now = time.monotonic()
        ages: dict[str, list[float]] = {}
        for name, since in self._open.values():
            ages.setdefault(name, []).append(now - since)
        parts = [
            f"{name} {max(a):.1f} s" + (f" (x{len(a)})" if len(a) > 1 else "")
            for name, a in sorted(ages.items(), key=lambda item: -max(item[1]))
        ]
        return ", ".join(parts) or "nothing"


async def _no_stacks() -> str:
    return ""


async def _in_time(reading: Awaitable[str]) -> str:
    """What is read of stuck processes must not be waited for, either."""
    try:
        async with asyncio.timeout(_STACKS_S):
            return await reading
    except TimeoutError:
        return f"The stacks could not be read within {_STACKS_S:g} s."
