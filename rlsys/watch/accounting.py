"""Where a fleet member's time goes: busy, or waiting for something that has a name.

It is always in exactly one state, so busy plus the named waits is wall time by construction.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rlsys.watch.course import Course, Parts

BUSY = "busy"
"""A member's state in no named wait."""
TURN = "turn"
"""What a member waits for while another has the GPU that they have by turns."""


@dataclass(frozen=True)
class Times:
    """Seconds of one or more members of a role, added up."""

    busy_s: float = 0.0
    wall_s: float = 0.0
    waits: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: "Times") -> "Times":
        names = sorted({*self.waits, *other.waits})
        waits = {n: self.waits.get(n, 0.0) + other.waits.get(n, 0.0) for n in names}
        return Times(self.busy_s + other.busy_s, self.wall_s + other.wall_s, waits)

    def __sub__(self, other: "Times") -> "Times":
        negative = Times(-other.busy_s, -other.wall_s, {n: -s for n, s in other.waits.items()})
        return self + negative


@dataclass(frozen=True)
class Lately:
    """A member's time between two looks at it."""

    times: Times = field(default_factory=Times)
    parts: Parts = field(default_factory=dict)
    """How it went, part by part; empty where nobody was there to tell."""


class Accounting:
    """The state of one process. Calls may overlap: it is busy while any call runs. It may be read
    from another thread.

    Args:
        idle: what it waits for while no call runs; None: it is busy whenever it is in no named
            wait.
    """

    def __init__(self, idle: str | None, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._started = self._since = now()
        self._idle = idle
        self._calls = 0
        self._held: list[str] = []
        self._busy = 0.0
        self._waits: dict[str, float] = {}
        self._course = Course()
        self._lock = threading.Lock()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Busy until the block ends."""
        with self._lock:
            self._book()
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._book()
                self._calls -= 1

    @contextmanager
    def waiting(self, name: str) -> Iterator[None]:
        """A named wait inside busy time, such as sampling held up by a weight update."""
        with self._lock:
            self._book()
            self._held.append(name)
        try:
            yield
        finally:
            with self._lock:
                self._book()
                self._held.remove(name)

    def times(self) -> Times:
        """The sums so far."""
        with self._lock:
            self._book()
            return self._times()

    def look(self) -> tuple[Times, Parts]:
        """The sums so far, and how the time since the look before went, which is told but once."""
        with self._lock:
            self._book()
            course, self._course = self._course, Course()
            return self._times(), course.parts()

    def _times(self) -> Times:
        return Times(self._busy, self._since - self._started, dict(self._waits))

    def _book(self) -> None:
        """Book the time since the last change of state."""
        now = self._now()
        passed, self._since = now - self._since, now
        idle = None if self._calls else self._idle
        name = self._held[-1] if self._held else idle
        self._course.book(BUSY if name is None else name, passed)
        if name is None:
            self._busy += passed
        else:
            self._waits[name] = self._waits.get(name, 0.0) + passed
