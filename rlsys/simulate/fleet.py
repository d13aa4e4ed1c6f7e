"""SimulatedFleet: the Fleet protocol with latency laws in place of samplers.

Runs under any event loop; under the virtual clock (clock.py) hours take seconds. The loop cannot
tell it from a real fleet: members are called one at a time or batch continuously as theirs do, the
learner does first what it is asked first, and weights are held by each sampler on its own.
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlsys.config.run import SamplingConfig
from rlsys.loop.dispatch import LeastLoaded
from rlsys.loop.fleet import (
    Graded,
    GroupBatch,
    LearnRequest,
    PublishReport,
    Rows,
    Sampled,
    Scored,
    Untrained,
)
from rlsys.roles import DRIVER, LEARNER, REFERENCE, ROLLOUT, VERIFIER, Annotations
from rlsys.simulate.cores import SharedCores
from rlsys.simulate.laws import LengthLaw
from rlsys.simulate.sampler import SamplerLaw, SimulatedSampler
from rlsys.watch.accounting import Times


@dataclass(frozen=True)
class Costs:
    """What the work of each stage takes, beside sampling."""

    grade_s: float
    """Of one completion, in one verifier worker."""
    reference_token_s: float
    """Of one completion token, in one reference worker; 0: no reference."""
    learn_token_s: float
    """Of one completion token, in all learner ranks together."""
    learn_step_s: float
    """Of an optimizer step beside its tokens."""
    pack_s: float
    """The learner makes new weights ready."""
    pull_s: float
    """A rollout worker takes them; it does not sample meanwhile."""
    driver_s: float = 0.0
    """The driver works before a step, and the learner waits for it: advantages, calls, records."""
    beside: float = 0.0
    """Share of the cores that members share which others take: Ray's processes, and threads of
    members beside the one whose time is counted."""


@dataclass(frozen=True)
class Members:
    """How many workers each role has; the learner is one, however many ranks."""

    rollout: int
    verifier: int
    reference: int


class Pool:
    """Members that work on one call at a time, first come, first served."""

    def __init__(self, members: int, role: str = "", cores: SharedCores | None = None) -> None:
        self.members, self.role, self.cores = members, role, cores
        self.busy_s = 0.0
        self._free_at = [0.0] * members
        """Heap: when each member has done all that it was given."""

    async def work(self, seconds: float) -> None:
        """Wait for a free member, and keep it busy."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at[0])
        heapq.heapreplace(self._free_at, start + seconds)
        if self.cores is None:
            await asyncio.sleep(start + seconds - now)
        else:
            await asyncio.sleep(start - now)
            with self.cores.working(self.role):
                await asyncio.sleep(seconds)
        self.busy_s += seconds


class _Draws:
    """Random numbers, thousands of them drawn at once: eight at a time cost as much."""

    _AT_ONCE = 8192

    def __init__(self, draw: Callable[[int], np.ndarray]) -> None:
        self._draw = draw
        self._drawn = draw(0)

    def take(self, count: int) -> np.ndarray:
        """[count]."""
        if count > len(self._drawn):
            self._drawn = self._draw(max(count, self._AT_ONCE))
        taken, self._drawn = self._drawn[:count], self._drawn[count:]
        return taken


class SimulatedFleet:
    """Draws a completion's length, keeps members busy for as long as the laws say, holds nothing.

    Rewards are 0 or 1 with equal chance.

    Args:
        speeds: of each sampler, as multiples of the law's; none: all are as the law says.
        cores: that all members share; None: each has a device of its own.
    """

    def __init__(
        self,
        sampler: SamplerLaw,
        lengths: LengthLaw,
        costs: Costs,
        members: Members,
        seed: int,
        speeds: Sequence[float] = (),
        cores: SharedCores | None = None,
    ) -> None:
        self.costs, self.members = costs, members
        laws = [sampler.times(speed) for speed in speeds or [1.0] * members.rollout]
        self.full_speed = sum(law.full_speed for law in laws)
        self.samplers = [SimulatedSampler(law, cores) for law in laws]
        self.dispatch = LeastLoaded(range(members.rollout))
        self.verifiers = Pool(members.verifier, VERIFIER, cores)
        self.references = Pool(members.reference, REFERENCE, cores)
        self.learner = Pool(1, LEARNER, cores)
        self.driver = Pool(1, DRIVER, cores)
        self.scorers = (REFERENCE,) if costs.reference_token_s else ()
        random = np.random.default_rng(seed)
        self.lengths = _Draws(lambda count: lengths.draw(random, count))
        self.rewards = _Draws(lambda count: random.integers(0, 2, count).astype(np.float64))
        self.pauses_s = 0.0

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        count = len(batch.group_ids) * batch.size
        lengths = self.lengths.take(count)
        index = self.dispatch.take()
        sampler = self.samplers[index]
        oldest = sampler.held
        await sampler.generate(lengths.tolist())
        self.dispatch.give_back(index)
        return Sampled(
            rollouts=None,
            oldest_version=np.full(count, oldest),
            newest_version=np.full(count, sampler.held),
            num_tokens=lengths,
            truncated=np.zeros(count, dtype=bool),
        )

    async def grade(self, sampled: Sampled) -> Graded:
        count = len(sampled.num_tokens)
        await self.verifiers.work(self.costs.grade_s * count)
        rewards = self.rewards.take(count)
        return Graded(None, rewards, rewards == 1.0, {}, [])

    async def score(self, role: str, sampled: Sampled) -> Scored:
        await self.references.work(self.costs.reference_token_s * float(sampled.num_tokens.sum()))
        return Scored(None, np.zeros(len(sampled.num_tokens)))

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        tokens = sum(int(group.num_tokens.sum()) for group in request.groups)
        if self.costs.driver_s:
            await self.driver.work(self.costs.driver_s)
        await self.learner.work(self.costs.learn_step_s + self.costs.learn_token_s * tokens)
        return {"loss": 0.0}

    async def publish(self, version: int) -> PublishReport:
        await self.learner.work(self.costs.pack_s)
        for sampler in self.samplers:
            sampler.pause()
        await asyncio.sleep(self.costs.pull_s)
        for sampler in self.samplers:
            sampler.resume(version)
        self.pauses_s += self.costs.pull_s
        return PublishReport(version, self.costs.pull_s, self.costs.pull_s, 0.0, num_bytes=0)

    async def write_samples(self, untrained: Untrained) -> None:
        """There are no completions."""

    async def copy_state(self, folder: Path) -> None:
        """There is none."""

    async def save(self, folder: Path, kept: Sequence[Rows]) -> None:
        """Nothing is on the disk; what is kept stays in memory."""
        self.kept = [rows.annotations for rows in kept]

    async def restore(self, folder: Path) -> list[Annotations]:
        return self.kept

    async def times(self) -> dict[str, Times]:
        """Busy while it works, as real members see it; a rollout worker with any sequence."""
        wall = asyncio.get_running_loop().time()
        for sampler in self.samplers:
            sampler.catch_up()
        busy = sum(sampler.busy_s for sampler in self.samplers)
        paused = sum(sampler.paused_s for sampler in self.samplers)
        idle = wall * len(self.samplers) - busy - paused
        result = {ROLLOUT: Times(busy, busy + paused + idle, {"slots": idle, "weights": paused})}
        pools = {VERIFIER: self.verifiers, REFERENCE: self.references, LEARNER: self.learner}
        for role, pool in pools.items():
            name = "ready groups" if role == LEARNER else "rollouts"
            waits = {name: wall * pool.members - pool.busy_s}
            result[role] = Times(pool.busy_s, wall * pool.members, waits)
        return result

    def num_members(self) -> dict[str, int]:
        """By role, as in `times`."""
        members = self.members
        return {
            ROLLOUT: members.rollout,
            VERIFIER: members.verifier,
            REFERENCE: members.reference,
            LEARNER: 1,
        }

    def least_busy_s(self) -> dict[str, float]:
        """Per stage, the time that its work so far would have taken without any waiting: members
        share it evenly, and every sampler decodes full batches."""
        for sampler in self.samplers:
            sampler.catch_up()
        tokens = sum(sampler.tokens for sampler in self.samplers)
        prompts_s = sum(one.begun * one.law.begin_s for one in self.samplers) / len(self.samplers)
        return {
            ROLLOUT: tokens / self.full_speed + prompts_s,
            VERIFIER: self.verifiers.busy_s / self.members.verifier,
            REFERENCE: self.references.busy_s / self.members.reference,
            LEARNER: self.learner.busy_s,
        }
