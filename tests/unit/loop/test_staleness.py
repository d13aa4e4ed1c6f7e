"""The bound at its two ends: 0 is the plain synchronous algorithm, and above it nobody starves."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rlsys.config.run import SamplingConfig
from rlsys.data.stream import PromptStream
from rlsys.loop.fleet import GroupBatch, Sampled
from rlsys.loop.loop import Loop, StepReport
from rlsys.loop.ready import ReadyGroup, ReadyGroups
from rlsys.simulate.clock import run
from rlsys.simulate.fleet import Costs, Members, SimulatedFleet
from rlsys.simulate.laws import Pareto
from rlsys.simulate.sampler import SamplerLaw
from rlsys.watch.waits import Observer
from tests.helpers.fake_fleet import FakeFleet, ignore, make_config, make_loop, make_prompts
from tests.helpers.plain_loop import train_plainly

# --- max_staleness=0 ---------------------------------------------------------------------------


def test_with_max_staleness_0_the_batches_are_those_of_a_plain_synchronous_loop() -> None:
    config = make_config(max_staleness=0, groups_per_step=3)
    plain, asynchronous = FakeFleet(), FakeFleet()
    run(train_plainly(plain, PromptStream(make_prompts(), seed=0), config, 5))
    run(make_loop(asynchronous, config).train(5))
    assert len(plain.requests) == len(asynchronous.requests) == 5
    for one, other in zip(plain.requests, asynchronous.requests, strict=True):
        assert (one.step, one.version) == (other.step, other.version)
        for group, twin in zip(one.groups, other.groups, strict=True):
            assert (group.group_id, group.prompt_id) == (twin.group_id, twin.prompt_id)
            assert group.annotations == twin.annotations
        for name in ("advantages", "rewards", "trained"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


# --- long answers ------------------------------------------------------------------------------


class Watched(SimulatedFleet):
    """Remembers how many tokens each group was given, and under which version it began."""

    def __init__(self) -> None:
        super().__init__(
            SamplerLaw(step_s=0.01, sequence_s=0.0002, max_sequences=64),
            Pareto(mean=200.0, shape=1.3, limit=8000),
            Costs(0.001, 0.0, 2e-5, 0.5, 0.1, 0.2),
            Members(rollout=4, verifier=4, reference=0),
            seed=3,
        )
        self.tokens: dict[int, int] = {}

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        sampled = await super().sample(batch, sampling)
        (group_id,) = batch.group_ids
        self.tokens[group_id] = int(sampled.num_tokens.sum())
        return sampled


def train_on_a_long_tail(steps: int, after_step: Callable[..., Any] = ignore) -> Watched:
    fleet = Watched()
    config = make_config(max_staleness=2, groups_per_step=8)
    stream = PromptStream(make_prompts(50), seed=0)
    run(Loop(fleet, stream, config, after_step, Observer()).train(steps))
    return fleet


def test_trained_groups_are_as_long_as_generated_ones_at_every_moment() -> None:
    """Every group that began before the bound has been trained, whatever its length: so trained
    and generated groups have one distribution, but for those of the last few steps."""
    trained: list[ReadyGroup] = []
    waits = []

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        trained.extend(report.groups)
        waits.append(report.waited_for_old_s > 0)
        # Groups are admitted in order, 8 per version that was pulled, 24 ahead.
        overdue = range((report.step - 2) * 8)
        assert set(overdue) <= {group.group_id for group in trained}
        assert report.staleness.max() <= 2

    fleet = train_on_a_long_tail(40, look)
    lengths = [int(group.num_tokens.sum()) for group in trained]
    assert sorted(lengths) == sorted(fleet.tokens.values())
    assert max(lengths) > 10 * np.median(lengths)
    # Finishing old groups first was needed, and not in every step.
    assert 0 < sum(waits) < len(waits)


def test_taking_whatever_is_ready_would_starve_long_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: without the rule, short groups go first and long ones come too late."""
    monkeypatch.setattr(ReadyGroups, "_rest_in_time", lambda self, version: True)
    late: list[tuple[int, int]] = []

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        for group, staleness in zip(report.groups, report.staleness, strict=True):
            if staleness > 2:
                late.append((int(group.num_tokens.sum()), int(staleness)))

    fleet = train_on_a_long_tail(40, look)
    assert late
    assert np.median([tokens for tokens, _ in late]) > 2 * np.median(list(fleet.tokens.values()))
