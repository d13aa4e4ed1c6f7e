"""The roster: every seat of the fleet, and the actor that sits on it now."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.member import Identity
from actors.placement import Need
from rlsys.logs import exception_at_the_end
from rlsys.watch.accounting import Lately, Times
from rlsys.watch.course import Parts


class TimeBook:
    """A seat's times over all the actors that sat on it. Between two, it waits for `respawn`."""

    def __init__(self) -> None:
        self._before = Times()
        self._last = Times()
        self._seen_at: float | None = None
        self._told = Times()
        self._parts: Parts = {}
        self.lately = Lately()
        """The seat's time between the newest two that were told."""

    def tell(self, times: Times) -> Times:
        """The seat's times as somebody who asked is told them."""
        self.lately, self._told = Lately(times - self._told, self._parts), times
        self._parts = {}
        return times

    def saw(self, times: Times, parts: Parts) -> Times:
        """The sitting actor's own times, and how the newest went; returns the seat's."""
        self._last, self._seen_at = times, time.monotonic()
        self._parts = parts
        return self._before + times

    def empty(self) -> Times:
        """The seat's times while nobody sits on it; none before the first one."""
        if self._seen_at is None:
            return Times()
        gap = time.monotonic() - self._seen_at
        return self._before + self._last + Times(0.0, gap, {"respawn": gap})

    def taken(self) -> None:
        """A new actor sits down, whose accounting starts at 0."""
        self._before, self._last = self.empty(), Times()
        self._seen_at = time.monotonic()


@dataclass(eq=False)
class Seat:
    """One place of the fleet: a role and a number."""

    need: Need
    index: int
    actor: Any = None
    """Ray's handle."""
    lifeline: Any = None
    """Ref of a call that fails when the actor is gone."""
    identity: Identity | None = None
    ready: bool = False
    """The actor may be given work."""
    asked_at: dict[object, float] = field(default_factory=dict)
    """When each call that it has not answered yet was sent, the oldest first; of time.monotonic().
    Read by other threads, too."""
    incarnation: int = 0
    """Actors that sat here so far."""
    deaths_in_a_row: int = 0
    """Actors that died here since the last call that was answered."""
    times: TimeBook = field(default_factory=TimeBook)

    @property
    def role(self) -> str:
        """As in actors.roles."""
        return self.need.role

    @property
    def name(self) -> str:
        """The actor's name in Ray."""
        return f"{self.need.role}-{self.index}"

    @contextmanager
    def asked(self) -> Iterator[None]:
        """For the block's duration it owes the driver a reply."""
        call = object()
        self.asked_at[call] = time.monotonic()
        try:
            yield
        finally:
            del self.asked_at[call]

    @property
    def owes(self) -> tuple[int, float]:
        """Calls of any kind that it has not answered yet, and the age of the oldest, in seconds."""
        times = list(self.asked_at.values())
        return len(times), time.monotonic() - times[0] if times else 0.0

    @property
    def where(self) -> str:
        """Where its log is, for a person, and the last exception there, where there is one."""
        if self.identity is None:
            return "it had not started"
        log = self.identity.log
        error = exception_at_the_end(Path(log))
        return f"its log: {log}" + (f", with {error}" if error else "")


def seats(needs: list[Need]) -> list[Seat]:
    """A seat per member, role by role."""
    return [Seat(need, index) for need in needs for index in range(need.count)]
