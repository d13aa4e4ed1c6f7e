"""Named waits with deadlines: nothing in the driver waits without saying for whom."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from rlsys.errors import StallError

T = TypeVar("T")
_STACKS_S = 20.0


@dataclass(eq=False, slots=True)
class _Wait:
    """One open wait."""

    name: str
    since: float
    """On the event loop's clock."""
    task: asyncio.Task[Any]
    cancelling: int
    """How often its task was asked to end before this wait began."""
    late: bool = False
    """Whether its deadline is past, so that its task has been woken."""


class Waits:
    """What the driver waits for now, and since when.

    All waits have the same time, so the one that began first is due first: a single timer watches
    any number of them.
    """

    def __init__(self, timeout_s: float, setting: str = "loop.stall_timeout_s") -> None:
        self.timeout_s, self.setting = timeout_s, setting
        self.stacks: Callable[[], Awaitable[str]] = _no_stacks
        """Where everybody stands, for the report of a stall."""
        self._report: asyncio.Task[str] | None = None
        self._open: dict[_Wait, None] = {}
        """In the order of their beginning."""
        self._of_task: dict[asyncio.Task[Any], _Wait] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def on(self, name: str, work: Awaitable[T], detail: Callable[[], str] = lambda: "") -> T:
        """Await `work`; past the deadline, raise StallError saying who waits for whom."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        wait = _Wait(name, loop.time(), task, task.cancelling())
        around = self._of_task.get(task)
        self._open[wait] = None
        self._of_task[task] = wait
        if self._timer is None:
            self._timer = loop.call_at(wait.since + self.timeout_s, self._wake_late)
        try:
            return await work
        except asyncio.CancelledError as error:
            # As asyncio.timeout: somebody else's wish to end the task goes before the deadline.
            if not wait.late or task.uncancel() > wait.cancelling:
                raise
            message = (
                f"waited {self.timeout_s:.0f} s for {name} ({self.setting}). "
                f"{detail()}\nAll waits: {self.describe()}"
            )
            raise StallError(f"{message}\n{await self._read_stacks()}".rstrip()) from error
        finally:
            del self._open[wait]
            if around is None:
                del self._of_task[task]
            else:
                self._of_task[task] = around

    def _wake_late(self) -> None:
        """Wake the tasks whose waits are past their deadline, and come back for the next one."""
        loop = asyncio.get_running_loop()
        self._timer = None
        for wait in self._open:
            if wait.late:
                continue
            if wait.since + self.timeout_s > loop.time():
                self._timer = loop.call_at(wait.since + self.timeout_s, self._wake_late)
                return
            wait.late = True
            wait.task.cancel()

    def of(self, task: asyncio.Task[Any] | None) -> str | None:
        """What a task waits for now."""
        wait = None if task is None else self._of_task.get(task)
        return None if wait is None else wait.name

    async def _read_stacks(self) -> str:
        """Once for all waits that end together."""
        if self._report is None:
            self._report = asyncio.create_task(_in_time(self.stacks()), name="read stacks")
        return await self._report

    def describe(self) -> str:
        """Every open wait with its age, the longest first, equal names counted."""
        ages: dict[str, list[float]] = {}
        for wait in self._open:
            now = wait.task.get_loop().time()
            ages.setdefault(wait.name, []).append(now - wait.since)
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
