"""ReadyGroups: scored groups until the learner takes them, oldest admissible first.

Staleness is bounded by construction. A group admitted when workers held version a must be trained
at version a + max_staleness at the latest. A batch is handed out only if, after it, every living
group can still meet its deadline at groups_per_step groups a step (the feasibility test of
earliest-deadline-first scheduling); otherwise the taker waits for the groups that stand in the
way. So a long answer is waited for in time, and never thrown away or overtaken for ever.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class ReadyGroup:
    """A scored group: metadata and refs only. Arrays are [G]."""

    group_id: int
    prompt_id: str
    oldest_version: int
    refs: tuple[Any, ...]
    """Refs of the message's rollouts, scores and reference batches, as the fleet knows them."""
    row: int
    """Where the group's rows begin in those batches."""
    rewards: np.ndarray
    """float64, NaN for rows without a reward."""
    correct: np.ndarray
    """bool."""
    num_tokens: np.ndarray
    """int, answer tokens."""
    truncated: np.ndarray
    """bool, cut off at the token limit."""
    kl: np.ndarray | None
    """float64, nats: log-ratio of sampler to reference summed over each answer; None without a
    reference."""
    components: dict[str, np.ndarray]
    difficulty: float


class ReadyGroups:
    """The buffer between scoring and learning, aware of every living group's age."""

    def __init__(self, groups_per_step: int, max_staleness: int) -> None:
        self.groups_per_step = groups_per_step
        self.max_staleness = max_staleness
        self._admitted: dict[int, int] = {}
        self._ready: dict[int, ReadyGroup] = {}
        self._changed = asyncio.Event()

    def admit(self, group_id: int, version: int) -> None:
        """A group begins its life while workers hold `version`."""
        self._admitted[group_id] = version

    def admitted_version(self, group_id: int) -> int:
        """What the workers held when a living group was admitted."""
        return self._admitted[group_id]

    def put(self, group: ReadyGroup) -> None:
        """A group has been scored."""
        self._ready[group.group_id] = group
        self._changed.set()

    def drop(self, group_id: int) -> None:
        """A living group ended without becoming ready."""
        self._admitted.pop(group_id)
        self._ready.pop(group_id, None)
        self._changed.set()

    def __len__(self) -> int:
        return len(self._ready)

    async def take(self, version: int) -> list[ReadyGroup]:
        """Wait for groups_per_step groups to train at `version`, and take them."""
        while (batch := self.admissible(version)) is None:
            self._changed.clear()
            await self._changed.wait()
        for group in batch:
            del self._ready[group.group_id]
            del self._admitted[group.group_id]
        return batch

    def admissible(self, version: int) -> list[ReadyGroup] | None:
        """The batch that may be trained at `version` now, or None: too few, or it would let a
        group that is not ready grow too old."""
        oldest_first = sorted(
            self._ready.values(), key=lambda g: (self._admitted[g.group_id], g.group_id)
        )
        batch = oldest_first[: self.groups_per_step]
        if len(batch) < self.groups_per_step:
            return None
        taken = {group.group_id for group in batch}
        left = Counter(a for group_id, a in self._admitted.items() if group_id not in taken)
        due = 0
        for admitted_version in sorted(left):
            due += left[admitted_version]
            steps_left = admitted_version + self.max_staleness - version
            if due > steps_left * self.groups_per_step:
                return None
        return batch

    def blocking(self, version: int) -> str:
        """Whom a taker at `version` waits for, in words, for a stall's report."""
        missing = sorted(set(self._admitted) - set(self._ready))
        ages = Counter(version - self._admitted[g] for g in missing)
        return (
            f"{len(self._ready)} of {self.groups_per_step} groups ready; unfinished by age in "
            f"versions: {dict(sorted(ages.items()))}; oldest unfinished groups {missing[:5]}"
        )
