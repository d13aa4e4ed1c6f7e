"""The training loop under virtual time: staleness, slots, messages, and the ledger as it goes."""

import asyncio
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rlsys.config.run import SamplingConfig
from rlsys.loop.fleet import GroupBatch, Sampled
from rlsys.loop.ledger import State
from rlsys.loop.loop import Loop, StepReport
from rlsys.roles import ROLLOUT
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import (
    FakeFleet,
    Latencies,
    count_free_slots,
    long_tail,
    make_config,
    make_loop,
    trained_groups,
)


def long_tailed(seed: int) -> Latencies:
    rng = random.Random(seed)
    return Latencies(
        sample=long_tail(rng, rng.choice([0.3, 1.0, 3.0])),
        grade=long_tail(rng, 0.2),
        reference=long_tail(rng, 0.2),
        learn=long_tail(rng, 1.0),
        pack=long_tail(rng, 0.05),
        pull=long_tail(rng, rng.choice([0.1, 1.0, 5.0])),
    )


# --- staleness, slots and the ledger ---------------------------------------------------------


# Smaller numbers make no simpler run, so a failure is not shrunk.
@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    max_staleness=st.integers(0, 2),
    groups_per_step=st.integers(1, 5),
    groups_per_call=st.integers(1, 4),
    drop_no_signal=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_staleness_slots_and_ledger_hold_under_any_latencies_and_failures(
    max_staleness: int,
    groups_per_step: int,
    groups_per_call: int,
    drop_no_signal: bool,
    seed: int,
) -> None:
    steps = 12
    config = make_config(
        max_staleness,
        groups_per_step,
        groups_per_call=groups_per_call,
        max_group_failures=2,
        max_failed_groups_in_a_row=10**6,
        max_batches_without_signal=10**6,
        stall_timeout_s=5000.0,
    )
    config.algorithm.drop_no_signal = drop_no_signal
    chance = random.Random(seed + 1)
    fleet = FakeFleet(
        long_tailed(seed),
        fails=lambda call, *_: call in ("sample", "grade", "reference") and chance.random() < 0.1,
        rewards=lambda group, size: np.array([float(chance.random() < 0.3) for _ in range(size)]),
    )
    watching = long_tail(random.Random(seed + 2), 0.2)

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        await asyncio.sleep(watching())

    loop = make_loop(fleet, config, after_step)
    limit = (max_staleness + 1) * groups_per_step

    def check_slots() -> None:
        ledger = loop.state.ledger
        freed = fleet.held * groups_per_step + sum(ledger.dropped.values())
        assert ledger.admitted - freed <= limit
        assert ledger.alive <= limit

    fleet.on_sample = check_slots

    async def scenario() -> int:
        await loop.train(steps)
        return await count_free_slots(loop)

    assert run(scenario()) == limit
    for request in fleet.requests:
        for group in request.groups:
            assert 0 <= request.version - group.oldest_version <= max_staleness
            assert request.version - fleet.admitted_at[group.group_id] <= max_staleness
    trained = trained_groups(fleet)
    assert len(set(trained)) == len(trained) == steps * groups_per_step
    ledger = loop.state.ledger
    assert ledger.alive == 0
    assert ledger.trained == len(trained)
    assert ledger.admitted == ledger.trained + sum(ledger.dropped.values())
    assert fleet.held == steps


@pytest.mark.parametrize("max_staleness", [1, 2])
def test_sampling_goes_on_while_the_learner_learns_and_the_bound_is_used(
    max_staleness: int,
) -> None:
    latencies = Latencies(sample=4.0, learn=1.0)
    seen = []

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        seen.append(int(report.staleness.max()))

    run(make_loop(FakeFleet(latencies), make_config(max_staleness), after_step).train(10))
    assert max(seen) == max_staleness


def test_max_staleness_0_alternates_sampling_learning_and_publishing() -> None:
    rng = random.Random(5)
    fleet = FakeFleet(Latencies(sample=long_tail(rng, 2.0), pull=long_tail(rng, 3.0)))
    reported = []

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        assert report.publish is not None
        reported.append((report.step, report.publish.version, report.staleness.tolist()))

    run(make_loop(fleet, make_config(0, groups_per_step=2), after_step).train(3))
    assert fleet.log == [
        "sample 0",
        "sample 1",
        "learn 0",
        "pulled 1",
        "sample 2",
        "sample 3",
        "learn 1",
        "pulled 2",
        "sample 4",
        "sample 5",
        "learn 2",
        "pulled 3",
    ]
    assert reported == [(1, 1, [0, 0]), (2, 2, [0, 0]), (3, 3, [0, 0])]


def test_slots_are_released_only_when_the_weights_were_pulled() -> None:
    pulled_at = 100.0
    fleet = FakeFleet(Latencies(sample=1.0, learn=1.0, pull=pulled_at))
    loop = make_loop(fleet, make_config(max_staleness=1, groups_per_step=2))

    async def scenario() -> tuple[int, int, int]:
        training = asyncio.create_task(loop.train(4))
        await asyncio.sleep(pulled_at)
        before, learned = len(fleet.admitted_at), loop.state.version
        await asyncio.sleep(5.0)
        after = len(fleet.admitted_at)
        await training
        return before, learned, after

    # Two batches of 2 were admitted and trained; nothing more before version 1 was pulled.
    assert run(scenario()) == (4, 2, 6)


def test_a_straggler_is_waited_for_in_time_and_never_overtaken_for_ever() -> None:
    latencies = iter([500.0])
    fleet = FakeFleet(Latencies(sample=lambda: next(latencies, 1.0)))
    run(make_loop(fleet, make_config(max_staleness=2, groups_per_step=2)).train(6))
    (version,) = [r.version for r in fleet.requests if 0 in [g.group_id for g in r.groups]]
    assert version == 2
    assert len(fleet.requests) == 6


def test_answers_older_than_max_staleness_are_refused_and_counted() -> None:
    """A rollout worker that came back with old weights: its tokens are older than its groups."""

    class OneWorkerNeverPulls(FakeFleet):
        async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
            sampled = await super().sample(batch, sampling)
            stuck = batch.group_ids[0] % 3 == 0
            return replace(sampled, oldest_version=sampled.oldest_version * (not stuck))

    fleet = OneWorkerNeverPulls()
    loop = make_loop(fleet, make_config(max_staleness=1))
    run(loop.train(8))
    ages = [r.version - g.oldest_version for r in fleet.requests for g in r.groups]
    assert max(ages) <= 1
    assert loop.state.ledger.dropped["stale"] > 0


def test_weights_are_packed_before_the_learner_learns_on() -> None:
    """Ready groups lie waiting and the watcher does not wait, so nothing but the loop itself keeps
    the next learn from reaching the learner before the publish."""
    fleet = FakeFleet(Latencies(sample=0.01, learn=10.0))
    run(make_loop(fleet, make_config(max_staleness=2)).train(6))
    assert fleet.packed == {version: version for version in range(1, 7)}


def test_groups_travel_in_messages_of_the_configured_size() -> None:
    sizes = []
    fleet = FakeFleet()
    loop = make_loop(fleet, make_config(1, groups_per_step=4, groups_per_call=3))
    sample = fleet.sample

    async def watch(batch, sampling):  # type: ignore[no-untyped-def]
        sizes.append(len(batch.group_ids))
        return await sample(batch, sampling)

    fleet.sample = watch  # type: ignore[method-assign]
    run(loop.train(3))
    assert max(sizes) == 3
    assert sum(sizes) == 12
    groups = [g for request in fleet.requests for g in request.groups]
    assert all(g.annotations[ROLLOUT].group_ids[g.row // 4] == g.group_id for g in groups)


def test_the_ledger_closes_after_every_step() -> None:
    lines = []
    loop: Loop

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        loop.state.ledger.check()
        assert loop.state.ledger.trained == report.step * 4
        lines.append(loop.state.ledger.line())

    loop = make_loop(FakeFleet(long_tailed(3)), make_config(stall_timeout_s=5000.0), after_step)
    run(loop.train(8))
    assert len(lines) == 8


def test_living_groups_are_in_a_state_of_the_ledger() -> None:
    loop = make_loop(FakeFleet(Latencies(learn=20.0)), make_config())

    async def scenario() -> set[State]:
        training = asyncio.create_task(loop.train(3))
        await asyncio.sleep(1.05)
        states = set(loop.state.ledger.living.values())
        await training
        return states

    # Sampled after 1.0 s, graded at 1.1 s.
    assert run(scenario()) == {State.SAMPLED}
