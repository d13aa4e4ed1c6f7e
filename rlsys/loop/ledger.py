"""The ledger of groups: each admitted group is in exactly one state, and the sum must close."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rlsys.errors import RlsysError


class State(StrEnum):
    """The life of a group."""

    ADMITTED = "admitted"
    SAMPLED = "sampled"
    GRADED = "graded"
    READY = "ready"
    TRAINED = "trained"
    DROPPED = "dropped"


_NEXT = {
    State.ADMITTED: {State.SAMPLED, State.DROPPED},
    State.SAMPLED: {State.GRADED, State.DROPPED},
    State.GRADED: {State.READY, State.DROPPED},
    State.READY: {State.TRAINED, State.DROPPED},
}


class LedgerError(RlsysError):
    """A group moved in a way that no group may: trained twice, or lost."""


@dataclass
class Events:
    """Groups that were admitted or ended, in order, since the last look."""

    admitted: list[tuple[int, str]] = field(default_factory=list)
    """Group and prompt id."""
    trained: list[int] = field(default_factory=list)
    dropped: list[tuple[int, str]] = field(default_factory=list)
    """Group and reason."""


@dataclass
class Ledger:
    """Counts of ended groups, and the state of each living one."""

    admitted: int = 0
    trained: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    living: dict[int, State] = field(default_factory=dict)
    events: Events | None = None
    """Set by whoever writes a history and takes them; None: nobody does."""

    def admit(self, group_id: int, prompt_id: str) -> None:
        """A new group."""
        if group_id in self.living:
            raise LedgerError(f"group {group_id} was admitted twice")
        self.admitted += 1
        self.living[group_id] = State.ADMITTED
        if self.events is not None:
            self.events.admitted.append((group_id, prompt_id))

    def move(self, group_id: int, state: State) -> None:
        """A living group's next state."""
        now = self.living.get(group_id)
        if now is None or state not in _NEXT[now]:
            raise LedgerError(f"group {group_id} cannot go from {now or 'ended'} to {state}")
        if state is State.TRAINED:
            del self.living[group_id]
            self.trained += 1
            if self.events is not None:
                self.events.trained.append(group_id)
        else:
            self.living[group_id] = state

    def drop(self, group_id: int, reason: str) -> None:
        """End a living group without training on it."""
        self.move(group_id, State.DROPPED)
        del self.living[group_id]
        self.dropped[reason] += 1
        if self.events is not None:
            self.events.dropped.append((group_id, reason))

    def take_events(self) -> Events:
        """What happened since the last call, which from now on is collected."""
        taken, self.events = self.events or Events(), Events()
        return taken

    @property
    def alive(self) -> int:
        """Groups that have not ended."""
        return len(self.living)

    def check(self) -> None:
        """Raise LedgerError unless admitted = trained + dropped + alive."""
        ended = self.trained + sum(self.dropped.values())
        if self.admitted != ended + self.alive:
            raise LedgerError(f"the ledger does not close: {self.line()}")

    def line(self) -> str:
        """`admitted A = trained T + dropped D (reason n, ...) + alive L`."""
        reasons = ", ".join(f"{r} {n}" for r, n in sorted(self.dropped.items()))
        detail = f" ({reasons})" if reasons else ""
        return (
            f"admitted {self.admitted} = trained {self.trained} + dropped "
            f"{sum(self.dropped.values())}{detail} + alive {self.alive}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For summary.json and checkpoints."""
        return {
            "admitted": self.admitted,
            "trained": self.trained,
            "dropped": dict(sorted(self.dropped.items())),
            "alive": self.alive,
        }

    @classmethod
    def restored(cls, counts: dict[str, Any], living: dict[int, State]) -> "Ledger":
        """A ledger that goes on where `to_dict` was taken.

        Raises:
            LedgerError: it does not close with these living groups.
        """
        ledger = cls(counts["admitted"], counts["trained"], Counter(counts["dropped"]), living)
        ledger.check()
        return ledger
