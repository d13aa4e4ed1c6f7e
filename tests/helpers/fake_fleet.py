"""A fleet of coroutines for the loop's tests: latencies, failures and weights, no model.

The learner is an actor with a mailbox, as in Ray: what it is asked first it does first, so a
publish packs the weights of the moment at which the learner gets to it.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rlsys.config.run import RunConfig, SamplingConfig
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.errors import WorkerError
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
from rlsys.loop.loop import Loop, StepReport
from rlsys.roles import REFERENCE, ROLLOUT, Annotations
from rlsys.watch.accounting import Times
from rlsys.watch.waits import Observer

Latency = float | Callable[[], float]
"""Seconds, or what draws them."""


def long_tail(rng: random.Random, mean_s: float) -> Callable[[], float]:
    """Log-normal with sigma 1.5, cut at 100 s: one call in a hundred takes ten times the mean."""
    return lambda: min(100.0, mean_s * rng.lognormvariate(-1.125, 1.5))


@dataclass
class Latencies:
    sample: Latency = 1.0
    grade: Latency = 0.1
    reference: Latency = 0.1
    learn: Latency = 1.0
    pack: Latency = 0.01
    pull: Latency = 0.1
    write: Latency = 0.0
    save: Latency = 0.0


def no_failure(call: str, group_id: int, attempt: int) -> bool:
    return False


def mixed_rewards(group_id: int, size: int) -> np.ndarray:
    """0, 1, 0, 1, ...: every group has a signal."""
    return np.arange(size) % 2 * 1.0


@dataclass
class FakeFleet:
    """Rollout workers hold `held`; the log is what happened, in order."""

    latencies: Latencies = field(default_factory=Latencies)
    fails: Callable[[str, int, int], bool] = no_failure
    error: type[WorkerError] = WorkerError
    """What a failing call raises."""
    rewards: Callable[[int, int], np.ndarray] = mixed_rewards
    held: int = 0
    trained_version: int = 0
    log: list[str] = field(default_factory=list)
    scorers: tuple[str, ...] = (REFERENCE,)
    admitted_at: dict[int, int] = field(default_factory=dict)
    requests: list[LearnRequest] = field(default_factory=list)
    saved: list[Annotations] = field(default_factory=list)
    written: list[Untrained] = field(default_factory=list)
    packed: dict[int, int] = field(default_factory=dict)
    attempts: Counter[tuple[str, int]] = field(default_factory=Counter)
    on_sample: Callable[[], None] = lambda: None
    learner: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        self.on_sample()
        oldest = self.held
        for group_id in batch.group_ids:
            self.admitted_at.setdefault(group_id, oldest)
            self.log.append(f"sample {group_id}")
        await _pass(self.latencies.sample)
        self._fail("sample", batch.group_ids[0])
        n = len(batch.group_ids) * batch.size
        return Sampled(
            rollouts=batch,
            oldest_version=np.full(n, oldest),
            newest_version=np.full(n, self.held),
            num_tokens=np.full(n, 5),
            truncated=np.zeros(n, dtype=bool),
        )

    async def grade(self, sampled: Sampled) -> Graded:
        await _pass(self.latencies.grade)
        batch: GroupBatch = sampled.rollouts
        self._fail("grade", batch.group_ids[0])
        rewards = np.concatenate([self.rewards(g, batch.size) for g in batch.group_ids])
        reasons = ["the sandbox is gone"] * int(np.isnan(rewards).sum())
        statuses = tuple(map(_status, rewards))
        return Graded("grades", rewards, rewards == 1.0, {"accuracy": rewards}, reasons, statuses)

    async def score(self, role: str, sampled: Sampled) -> Scored:
        await _pass(self.latencies.reference)
        self._fail(role, sampled.rollouts.group_ids[0])
        return Scored(role, np.zeros(len(sampled.oldest_version)))

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        async with self.learner:
            self.log.append(f"learn {request.version}")
            self.requests.append(request)
            await _pass(self.latencies.learn)
            self._fail("learn", request.version)
            self.trained_version += 1
            return {"loss": 0.0}

    async def publish(self, version: int) -> PublishReport:
        async with self.learner:
            self.packed[version] = self.trained_version
            await _pass(self.latencies.pack)
        await _pass(self.latencies.pull)
        self._fail("publish", version)
        self.held = version
        self.log.append(f"pulled {version}")
        return PublishReport(version, 0.0, 0.0, 0.0, num_bytes=0)

    async def write_samples(self, answers: Untrained) -> None:
        await _pass(self.latencies.write)
        self.written.append(answers)

    async def copy_state(self, folder: Path) -> None:
        async with self.learner:
            self.log.append(f"copy {self.trained_version}")

    async def save(self, folder: Path, kept: Sequence[Rows]) -> None:
        await _pass(self.latencies.save)
        self.log.append("saved")
        self.saved = [dict(rows.annotations) | {ROLLOUT: _part(rows)} for rows in kept]

    async def restore(self, folder: Path) -> list[Annotations]:
        return self.saved

    async def times(self) -> dict[str, Times]:
        return {}

    def _fail(self, call: str, number: int) -> None:
        self.attempts[call, number] += 1
        if self.fails(call, number, self.attempts[call, number]):
            raise self.error(f"{call} {number} failed")


def _status(reward: float) -> str:
    return "infrastructure" if np.isnan(reward) else "correct" if reward == 1.0 else "wrong"


def _part(rows: Rows) -> GroupBatch:
    """The groups of a batch that some rows are of: a rollouts ref is the batch itself here."""
    batch: GroupBatch = rows.annotations[ROLLOUT]
    groups = slice(rows.row // batch.size, (rows.row + rows.size) // batch.size)
    return GroupBatch(batch.group_ids[groups], batch.prompts[groups], batch.size)


async def _pass(latency: Latency) -> None:
    await asyncio.sleep(latency if isinstance(latency, float) else latency())


def make_config(max_staleness: int | str = 2, groups_per_step: int = 4, **loop: Any) -> RunConfig:
    """Groups of 4, a stall after 1,000 s; `loop` sets further fields of its section."""
    config = RunConfig()
    config.loop.max_staleness = max_staleness
    config.loop.groups_per_step = groups_per_step
    config.loop.group_size = 4
    config.loop.stall_timeout_s = 1000.0
    for name, value in loop.items():
        assert name in vars(config.loop)
        setattr(config.loop, name, value)
    return config


def make_prompts(count: int = 7) -> list[Prompt]:
    return [Prompt(f"p{i}", "test", f"prompt {i}", [i + 1], '"1"', "{}") for i in range(count)]


async def ignore(report: StepReport, tasks: asyncio.TaskGroup) -> None:
    """An after_step that neither looks nor waits."""


def make_loop(
    fleet: FakeFleet,
    config: RunConfig,
    after_step: Callable[[StepReport, asyncio.TaskGroup], Any] = ignore,
    notice: Callable[[str], None] = lambda line: None,
) -> Loop:
    stream = PromptStream(make_prompts(), seed=0)
    return Loop(fleet, stream, config, after_step, Observer(notice))


async def count_free_slots(loop: Loop) -> int:
    """Take every slot that is free."""
    count = 0
    while not loop.slots.locked():
        await loop.slots.acquire()
        count += 1
    return count


def trained_groups(fleet: FakeFleet) -> list[int]:
    """Ids of the groups that the learner was given, in order."""
    return [g.group_id for request in fleet.requests for g in request.groups]
