"""What is thrown away: groups that end without being trained on, counted, their completions kept.

The completions lie in samples/dropped/step-NNNNNN-GROUP.parquet, where GROUP is the first of the
file's groups and the step is the one whose line of ledger.jsonl has them: what is dropped between
two steps belongs to the later one.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from rlsys.learning.join import TRAIN
from rlsys.loop.fleet import Fleet, GroupBatch, Rows, Sampled, Untrained
from rlsys.loop.ready import ReadyGroup
from rlsys.roles import ROLLOUT

FOLDER = "dropped"
REASONS = ("failed", "infrastructure", "lost", "no_signal", "stale")


@dataclass
class Outcomes:
    """How many groups of a kind there were."""

    graded: int = 0
    """Groups in which every completion got a verdict."""
    all_right: int = 0
    """Of those."""
    all_wrong: int = 0

    def saw(self, group: ReadyGroup) -> None:
        """One more group."""
        if np.isfinite(group.rewards).all():
            self.graded += 1
            self.all_right += bool(group.correct.all())
            self.all_wrong += not group.correct.any()


@dataclass
class DropCount:
    """The groups that were dropped from one step to the next."""

    reasons: Counter[str] = field(default_factory=Counter)
    outcomes: Outcomes = field(default_factory=Outcomes)


@dataclass(frozen=True)
class _Waiting:
    """A dropped group whose completions are not on the disk yet."""

    step: int
    group_id: int
    reason: str
    rows: Rows


class Drops:
    """The dropped groups of a run.

    Args:
        at_once: groups in memory, whose completions the fleet holds, from which on they are written
            without waiting for the step to end: it may be far away.
    """

    def __init__(self, fleet: Fleet, at_once: int) -> None:
        self.fleet, self.at_once = fleet, at_once
        self.step = 1
        """The step that what is dropped now belongs to."""
        self._count = DropCount()
        self._waiting: list[_Waiting] = []
        self._writing = asyncio.Lock()

    def add(self, group: ReadyGroup, reason: str) -> None:
        """A graded group."""
        self._count.reasons[reason] += 1
        self._count.outcomes.saw(group)
        rows = Rows(group.annotations, group.row, len(group.rewards))
        self._waiting.append(_Waiting(self.step, group.group_id, reason, rows))

    def gave_up(self, batch: GroupBatch, sampled: Sampled | None, reason: str) -> None:
        """The groups of a batch whose work kept failing; perhaps it was sampled before."""
        self._count.reasons[reason] += len(batch.group_ids)
        if sampled is None:
            return
        for number, group_id in enumerate(batch.group_ids):
            rows = Rows({ROLLOUT: sampled.rollouts}, number * batch.size, batch.size)
            self._waiting.append(_Waiting(self.step, group_id, reason, rows))

    @property
    def many(self) -> bool:
        """Whether it is time to write."""
        return len(self._waiting) >= self.at_once

    def take(self, step: int) -> DropCount:
        """What was dropped until `step` ended; from now on, it belongs to the step after."""
        taken, self._count, self.step = self._count, DropCount(), step + 1
        return taken

    async def write(self) -> None:
        """All completions dropped before this call are on the disk when it returns."""
        async with self._writing:
            waiting, self._waiting = self._waiting, []
            for step, groups in groupby(waiting, lambda one: one.step):
                await self._write(step, list(groups))

    async def _write(self, step: int, groups: list[_Waiting]) -> None:
        await self.fleet.write_samples(
            Untrained(
                file=f"{FOLDER}/step-{step:06d}-{groups[0].group_id:06d}.parquet",
                step=step,
                split=TRAIN,
                groups=[one.rows for one in groups],
                reasons=[one.reason for one in groups],
            )
        )
