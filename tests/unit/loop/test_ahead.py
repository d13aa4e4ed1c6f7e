import asyncio
import random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rlsys.loop.fleet import LearnRequest
from rlsys.loop.loop import StepReport
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import (
    FakeFleet,
    Latencies,
    count_free_slots,
    long_tail,
    make_config,
    make_loop,
)


class Learner(FakeFleet):
    """Reports an effective sample size per step."""

    sizes: list[float]

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        metrics = await super().learn(request)
        return metrics | {"effective_sample_size": self.sizes[request.version]}


@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(groups_per_call=st.integers(1, 3), seed=st.integers(0, 9999))
def test_whatever_the_bound_does_each_group_is_trained_within_that_of_its_admission(
    groups_per_call: int, seed: int
) -> None:
    rng = random.Random(seed)
    config = make_config("auto", groups_per_call=groups_per_call, stall_timeout_s=5000.0)
    fleet = Learner(
        Latencies(
            sample=long_tail(rng, rng.choice([0.3, 3.0])), learn=1.0, pull=long_tail(rng, 1.0)
        )
    )
    low = [rng.random() < 0.5 for _ in range(4)]
    fleet.sizes = [0.05 if low[step // 30] else 1.0 for step in range(120)]
    bounds = [2]

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        bounds.append(report.bound)

    loop = make_loop(fleet, config, look)

    async def scenario() -> int:
        await loop.train(120)
        return await count_free_slots(loop)

    assert run(scenario()) == (loop.ahead.lead + 1) * config.loop.groups_per_step
    assert loop.state.ledger.dropped == {}
    for request in fleet.requests:
        for group in request.groups:
            begun = group.oldest_version
            # Admitted under `begun`, while the learner was at that version or some later ones.
            allowed = max(bounds[begun : begun + 4])
            assert request.version - begun <= allowed


def test_samplers_are_given_more_groups_until_the_learner_hardly_waits() -> None:
    # Sampling takes six steps of the learner, whatever is sampled beside it.
    fleet = FakeFleet(Latencies(sample=6.0, learn=1.0))
    seen: list[StepReport] = []

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        seen.append(report)

    loop = make_loop(fleet, make_config("auto"), look)
    run(loop.train(100))
    assert seen[0].lead == 2
    assert seen[-1].lead in (6, 7)
    assert seen[-1].bound == seen[-1].lead


def test_a_straggler_is_given_time_and_the_others_stay_young() -> None:
    rng = random.Random(0)
    fleet = FakeFleet(Latencies(sample=lambda: 12.0 if rng.random() < 0.02 else 0.5, learn=1.0))
    seen: list[StepReport] = []

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        seen.append(report)

    run(make_loop(fleet, make_config("auto"), look).train(200))
    last = seen[-40:]
    assert last[-1].bound >= 12
    assert last[-1].lead <= 4
    assert sum(report.staleness.mean() for report in last) / len(last) < 4
    assert sum(report.waited_for_old_s for report in last) / len(last) < 0.05


def test_data_of_little_worth_let_fewer_groups_live() -> None:
    fleet = Learner(Latencies(sample=6.0, learn=1.0))
    fleet.sizes = [0.05] * 60
    alive: list[int] = []

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        alive.append(loop.state.ledger.alive)

    config = make_config("auto")
    loop = make_loop(fleet, config, look)
    run(loop.train(60))
    assert loop.ready.bound == 1
    assert max(alive[40:55]) <= 2 * config.loop.groups_per_step
