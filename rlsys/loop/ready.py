"""ReadyGroups: scored groups until the learner takes them, oldest admissible first.

Staleness is bounded by construction. A group admitted when workers held version a must be trained
at version a + bound at the latest, its deadline. A batch is handed out only if, after it, every
living group can still meet its deadline at groups_per_step groups a step (the feasibility test of
earliest-deadline-first scheduling); otherwise the taker waits for the groups that stand in the
way. So a long completion is waited for in time, and never thrown away or overtaken for ever.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rlsys.roles import REFERENCE, Annotations


@dataclass(slots=True)
class ReadyGroup:
    """A scored group: metadata and refs only. Arrays are [G]."""

    group_id: int
    prompt_id: str
    oldest_version: int
    annotations: Annotations
    """Of the group's batch, as the fleet knows them."""
    row: int
    """Where the group's rows begin in those batches."""
    rewards: np.ndarray
    """float64, NaN for rows without a reward."""
    correct: np.ndarray
    """bool."""
    num_tokens: np.ndarray
    """int, completion tokens."""
    truncated: np.ndarray
    """bool, cut off at the token limit."""
    log_ratios: dict[str, np.ndarray]
    """By role of a frozen policy; float64, nats: log-ratio of the sampler to that policy, summed
    over each completion."""
    components: dict[str, np.ndarray]
    difficulty: float
    """NaN: unknown."""
    source: str = ""
    """Of the prompt."""
    statuses: tuple[str, ...] = ()
    """Of the verdicts; empty from a fleet that has no statuses."""

    @property
    def kl(self) -> np.ndarray | None:
        """The log-ratios to the reference; None without one."""
        return self.log_ratios.get(REFERENCE)


class Stopped(Exception):
    """No more batches are wanted."""


class ReadyGroups:
    """The buffer between scoring and learning, aware of every living group's age."""

    def __init__(self, groups_per_step: int, max_staleness: int) -> None:
        self.groups_per_step = groups_per_step
        self.bound = max_staleness
        """Of groups that are admitted from now on; those alive keep their deadlines."""
        self._admitted: dict[int, int] = {}
        self._deadline: dict[int, int] = {}
        self._ready: dict[int, ReadyGroup] = {}
        # Living and ready groups by their deadline: the few numbers that the test of feasibility
        # needs, so that it costs the same for any number of groups.
        self._num_living: Counter[int] = Counter()
        self._num_ready: Counter[int] = Counter()
        self._changed = asyncio.Event()
        self._is_closed = False
        self.waited_for_old_s = 0.0
        """For how long, for the last batch, an older group was waited for though enough were
        ready."""
        self.waited_for_any_s = 0.0
        """For how long, for the last batch, too few were ready."""

    def admit(self, group_id: int, version: int, deadline: int | None = None) -> None:
        """A group begins its life while workers hold `version`.

        Args:
            deadline: version at which it must be trained at the latest; None: version + bound.
        """
        self._admitted[group_id] = version
        self._deadline[group_id] = version + self.bound if deadline is None else deadline
        self._num_living[self._deadline[group_id]] += 1

    def admitted_version(self, group_id: int) -> int:
        """What the workers held when a living group was admitted."""
        return self._admitted[group_id]

    def deadline(self, group_id: int) -> int:
        """The last version at which a living group may be trained."""
        return self._deadline[group_id]

    def put(self, group: ReadyGroup) -> None:
        """A group has been scored."""
        self._ready[group.group_id] = group
        self._num_ready[self._deadline[group.group_id]] += 1
        self._changed.set()

    def drop(self, group_id: int) -> None:
        """A living group ended without being trained."""
        self._end(group_id)
        self._changed.set()

    def __len__(self) -> int:
        return len(self._ready)

    def groups(self) -> list[ReadyGroup]:
        """The ready groups, in the order of their ids."""
        return [self._ready[group_id] for group_id in sorted(self._ready)]

    async def take(self, version: int) -> list[ReadyGroup]:
        """Wait for groups_per_step groups to train at `version`, and take them.

        Raises:
            Stopped: the buffer was closed.
        """
        event_loop = asyncio.get_running_loop()
        self.waited_for_old_s = self.waited_for_any_s = 0.0
        while self._is_closed or (batch := self.admissible(version)) is None:
            if self._is_closed:
                raise Stopped
            self._changed.clear()
            enough, since = len(self._ready) >= self.groups_per_step, event_loop.time()
            await self._changed.wait()
            waited_s = event_loop.time() - since
            if enough:
                self.waited_for_old_s += waited_s
            else:
                self.waited_for_any_s += waited_s
        self.remove(batch)
        return batch

    def close(self) -> None:
        """Hand out no batch any more."""
        self._is_closed = True
        self._changed.set()

    def remove(self, batch: Sequence[ReadyGroup]) -> None:
        """The groups of a batch go to the learner."""
        for group in batch:
            self._end(group.group_id)

    def admissible(self, version: int) -> list[ReadyGroup] | None:
        """The batch that may be trained at `version` now, or None: too few, or it would let a
        group that is not ready grow too old."""
        if len(self._ready) < self.groups_per_step or not self._rest_in_time(version):
            return None
        oldest_first = sorted(
            self._ready.values(), key=lambda g: (self._deadline[g.group_id], g.group_id)
        )
        return oldest_first[: self.groups_per_step]

    def _rest_in_time(self, version: int) -> bool:
        """Whether all that would be left of the living can still meet its deadlines."""
        to_take, due = self.groups_per_step, 0
        for deadline in sorted(self._num_living):
            taken = min(to_take, self._num_ready[deadline])
            left = self._num_living[deadline] - taken
            to_take -= taken
            due += left
            if left and due > (deadline - version) * self.groups_per_step:
                return False
        return True

    def _end(self, group_id: int) -> None:
        del self._admitted[group_id]
        deadline = self._deadline.pop(group_id)
        self._num_living[deadline] -= 1
        if self._ready.pop(group_id, None):
            self._num_ready[deadline] -= 1
        if not self._num_living[deadline]:
            del self._num_living[deadline]
            del self._num_ready[deadline]

    def blocking(self, version: int) -> str:
        """Whom a taker at `version` waits for, in words, for a stall's report."""
        missing = sorted(set(self._admitted) - set(self._ready))
        ages = Counter(version - self._admitted[g] for g in missing)
        return (
            f"{len(self._ready)} of {self.groups_per_step} groups ready; unfinished by age in "
            f"versions: {dict(sorted(ages.items()))}; oldest unfinished groups {missing[:5]}"
        )
