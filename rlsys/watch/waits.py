"""Named waits with deadlines: nothing in the driver waits without saying for whom."""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

from rlsys.errors import StallError
from rlsys.watch.remaining import duration

T = TypeVar("T")
_LOOK_S = 20.0
"""Seconds for a look at the members of the fleet, of whatever kind."""
_MEMBER = re.compile(r"^([a-z]+)-\d+:")
"""Whose a wait is, at the beginning of its name."""


class OpenWait(NamedTuple):
    """What somebody waits for now."""

    key: object
    """Which wait it is; several may have one name."""
    name: str
    age_s: float
    last_s: float | None = None
    """What it took when it was last done; None: nobody knows."""


@dataclass(eq=False, slots=True)
class _Wait:
    """One open wait."""

    name: str
    since: float
    """On the event loop's clock."""
    due: float
    """When it is late; moves on while sampling does, if that is what it waits for."""
    task: asyncio.Task[Any]
    cancelling: int
    """How often its task was asked to end before this wait began."""
    for_completions: bool
    last_s: float | None
    """What it took when it was last done."""
    late: bool = False
    """Whether its deadline is past, so that its task has been woken."""


async def _no_stacks() -> str:
    return ""


async def _unknown() -> float:
    return math.inf


@dataclass(frozen=True)
class Observer:
    """Whom the driver tells what happens to its work, and asks when nothing does."""

    notice: Callable[[str], None] = lambda line: None
    """Told of what people should know: completions given up, verdicts missing, waits prolonged."""
    stacks: Callable[[], Awaitable[str]] = _no_stacks
    """Where everybody stands, for the report of a stall."""
    samplers_still_s: Callable[[], Awaitable[float]] = _unknown
    """For how long the stillest of the samplers that owe completions has sampled nothing."""


class Waits:
    """What the driver waits for now, and since when.

    All waits have the same time, so the one that began first is due first: a single timer watches
    any number of them. A wait for completions is given that time again whenever it is over, as long
    as every sampler that owes some has sampled a token within it: long completions are no stall.

    Args:
        setting: where timeout_s stands, for the error.
    """

    def __init__(
        self,
        timeout_s: float,
        observer: Observer,
        setting: str = "loop.stall_timeout_s",
    ) -> None:
        self.timeout_s, self.observer, self.setting = timeout_s, observer, setting
        self._report: asyncio.Task[str] | None = None
        self._notice_at = -math.inf
        """When there may be another notice."""
        self._looks: set[asyncio.Task[None]] = set()
        self._open: dict[_Wait, None] = {}
        """In the order in which they are due."""
        self._of_task: dict[asyncio.Task[Any], _Wait] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def on(
        self,
        name: str,
        work: Awaitable[T],
        detail: Callable[[], str] = lambda: "",
        for_completions: bool = False,
        last_s: float | None = None,
    ) -> T:
        """Await `work`; past the deadline, raise StallError saying who waits for whom.

        work: a coroutine ends with the wait; a task is somebody else's to end.
        for_completions: it is done when completions have been sampled, however long they are.
        last_s: what it took when it was last done, in seconds; None: nobody knows.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        began = loop.time()
        due = began + self.timeout_s
        wait = _Wait(name, began, due, task, task.cancelling(), for_completions, last_s)
        around = self._of_task.get(task)
        self._open[wait] = None
        self._of_task[task] = wait
        if self._timer is None:
            self._timer = loop.call_at(wait.due, self._wake_late)
        try:
            return await (asyncio.shield(work) if isinstance(work, asyncio.Task) else work)
        except asyncio.CancelledError as error:
            # As asyncio.timeout: somebody else's wish to end the task goes before the deadline.
            if not wait.late or task.uncancel() > wait.cancelling:
                raise
            waited = f"waited {loop.time() - began:.0f} s for {name} ({self.setting})"
            told = ". ".join(filter(None, (waited, detail())))
            message = f"{told}\nAll waits: {self.describe()}"
            assert self._report is not None
            report = await asyncio.shield(self._report)
            raise StallError(f"{message}\n{report}".rstrip()) from error
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
        due = list(takewhile(lambda wait: wait.late or wait.due <= loop.time(), self._open))
        for_completions = [wait for wait in due if wait.for_completions and not wait.late]
        for wait in due:
            if not wait.for_completions:
                self._end(wait)
        for wait in for_completions:
            # At the end, for it is due last now.
            del self._open[wait]
            wait.due = loop.time() + self.timeout_s
            self._open[wait] = None
        if for_completions:
            look = loop.create_task(self._look(for_completions), name="look at samplers")
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)
        following = next((wait for wait in self._open if not wait.late), None)
        if following is not None:
            self._timer = loop.call_at(following.due, self._wake_late)

    async def _look(self, waits: list[_Wait]) -> None:
        """End waits for completions that nobody samples."""
        still_s = await _looked(self.observer.samplers_still_s(), lambda why: math.inf)
        for wait in waits:
            if wait in self._open and still_s >= self.timeout_s:
                self._end(wait)
        now = asyncio.get_running_loop().time()
        if still_s < self.timeout_s and now >= self._notice_at:
            self._notice_at = now + self.timeout_s
            self.observer.notice(f"completions are still being sampled; waiting: {self.describe()}")

    def of(self, task: asyncio.Task[Any] | None) -> str | None:
        """What a task waits for now."""
        wait = None if task is None else self._of_task.get(task)
        return None if wait is None else wait.name

    def _end(self, wait: _Wait) -> None:
        """Wake its task, once; `on` raises there, with the stacks."""
        if wait.late:
            return
        wait.late = True
        # One reading for all waits that end together. It begins before the task is woken, which
        # takes its calls back: then nobody would know any more who owes a reply.
        if self._report is None:
            reading = _looked(
                self.observer.stacks(), lambda why: f"The stacks could not be read{why}."
            )
            self._report = asyncio.create_task(reading, name="read stacks")
        wait.task.cancel()

    def open(self) -> list[OpenWait]:
        """Every open wait; also for another thread, while waits come and go."""
        return [
            OpenWait(wait, wait.name, wait.task.get_loop().time() - wait.since, wait.last_s)
            for wait in list(self._open)
        ]

    def describe(self) -> str:
        """Every open wait with its age, the longest first, and with the time left where it is known
        what they took when they were last done. Of a role's members that wait for the same, the
        longest: `rollout-7 and 62 more: vLLM loads the policy 9.5 s`."""
        alike: dict[str, list[OpenWait]] = {}
        for wait in sorted(self.open(), key=lambda wait: -wait.age_s):
            alike.setdefault(_MEMBER.sub(r"\1:", wait.name), []).append(wait)
        return ", ".join(_told(waits) for waits in alike.values()) or "nothing"


class WaitBoard:
    """The waits that people are shown: those of a fleet that starts, and of the stage on it."""

    def __init__(self) -> None:
        self._shown: tuple[Waits, ...] = ()

    def show(self, *waits: Waits) -> None:
        """From now on these, in place of those before: a fleet started again has its own."""
        self._shown = waits

    def describe(self) -> str:
        """`learner 2.1 s, verifier 0.4 s (x3)`; empty while nothing is waited for. Also for another
        thread."""
        described = (waits.describe() for waits in self._shown)
        return ", ".join(one for one in described if one != "nothing").replace("driver: ", "")


def by_name(waits: Iterable[OpenWait]) -> list[tuple[str, list[float]]]:
    """Names with the ages of their waits, the longest first."""
    ages: dict[str, list[float]] = {}
    for wait in sorted(waits, key=lambda wait: -wait.age_s):
        ages.setdefault(wait.name, []).append(wait.age_s)
    return list(ages.items())


def _told(alike: list[OpenWait]) -> str:
    """Waits that differ in whose they are alone, by the one that began first."""
    longest, others = alike[0], len(alike) - 1
    member, name, counted = _MEMBER.match(longest.name), longest.name, ""
    if others and member:
        name = f"{longest.name[: member.end() - 1]} and {others} more{name[member.end() - 1 :]}"
    elif others:
        counted = f" (x{len(alike)})"
    return f"{name} {longest.age_s:.1f} s{_left(longest.age_s, longest.last_s)}{counted}"


def _left(age_s: float, last_s: float | None) -> str:
    """` (about 9 s left)`; of what takes longer than then ` (last time 12 s)`."""
    if last_s is None:
        return ""
    if age_s < last_s:
        return f" (about {duration(last_s - age_s)} left)"
    return f" (last time {duration(last_s)})"


async def _looked(looking: Awaitable[T], otherwise: Callable[[str], T]) -> T:
    """What a look at stuck processes finds. It is not waited for without end, and its own failure
    does not take the place of the stall that it was to explain.

    Args:
        otherwise: what to say instead, of a reason such as ` within 20 s`.
    """
    try:
        async with asyncio.timeout(_LOOK_S):
            return await looking
    except TimeoutError:
        return otherwise(f" within {_LOOK_S:g} s")
    except Exception as error:  # whatever a member in trouble, or its /proc, makes of a question
        return otherwise(f": {type(error).__name__}: {error}")
