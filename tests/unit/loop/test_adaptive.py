import asyncio
import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rlsys.config.loop import LoopConfig
from rlsys.loop.fleet import LearnRequest
from rlsys.loop.loop import StepReport
from rlsys.loop.slots import AdaptiveBound
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import (
    FakeFleet,
    Latencies,
    count_free_slots,
    long_tail,
    make_config,
    make_loop,
)


def adaptive(max_staleness: int = 4, target: float = 0.5) -> AdaptiveBound:
    return AdaptiveBound(
        LoopConfig(max_staleness=max_staleness, target_effective_sample_size=target)
    )


def test_useful_data_leave_the_bound_at_its_largest() -> None:
    bound = adaptive()
    assert [bound.saw(0.9) for _ in range(20)] == [4] * 20


def test_useless_data_tighten_it_step_by_step_down_to_1() -> None:
    bound = adaptive()
    seen = [bound.saw(0.1) for _ in range(30)]
    # 0.8^n + 0.1 (1 - 0.8^n) is below 0.5 from n = 4 on (0.469), and the first change may come
    # after max_staleness + 1 = 5 steps; each bound b + 1 is then left alone for b + 2 steps.
    assert seen == [4] * 4 + [3] * 5 + [2] * 4 + [1] * 17


def test_it_relaxes_again_when_data_are_useful_again() -> None:
    bound = adaptive()
    for _ in range(30):
        bound.saw(0.1)
    seen = [bound.saw(1.0) for _ in range(30)]
    assert seen[0] == 1
    assert seen[-1] == 4
    assert seen == sorted(seen)


def test_between_the_two_limits_it_stays() -> None:
    bound = adaptive()
    for _ in range(12):
        bound.saw(0.1)
    before = bound.bound
    bound.smoothed = 0.6
    assert [bound.saw(0.6) for _ in range(20)] == [before] * 20


def test_it_goes_on_from_a_checkpoint() -> None:
    first, second = adaptive(), adaptive()
    values = [random.Random(3).random() for _ in range(20)]
    for value in values[:10]:
        first.saw(value)
    second.load_state_dict(first.state_dict())
    assert [first.saw(v) for v in values] == [second.saw(v) for v in values]


class Learner(FakeFleet):
    """Reports an effective sample size per step."""

    sizes: list[float]

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        metrics = await super().learn(request)
        return metrics | {"effective_sample_size": self.sizes[request.version]}


@settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    max_staleness=st.integers(1, 4), groups_per_call=st.integers(1, 3), seed=st.integers(0, 9999)
)
def test_whatever_the_bound_does_each_group_is_trained_within_that_of_its_admission(
    max_staleness: int, groups_per_call: int, seed: int
) -> None:
    rng = random.Random(seed)
    config = make_config(
        max_staleness,
        groups_per_call=groups_per_call,
        adaptive_staleness=True,
        stall_timeout_s=5000.0,
    )
    fleet = Learner(
        Latencies(
            sample=long_tail(rng, rng.choice([0.3, 3.0])), learn=1.0, pull=long_tail(rng, 1.0)
        )
    )
    low = [rng.random() < 0.5 for _ in range(4)]
    fleet.sizes = [0.05 if low[step // 10] else 1.0 for step in range(40)]
    bounds = [max_staleness]

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        bounds.append(report.bound)

    loop = make_loop(fleet, config, look)

    async def scenario() -> int:
        await loop.train(40)
        return await count_free_slots(loop)

    assert run(scenario()) == (loop.ready.bound + 1) * config.loop.groups_per_step
    assert loop.state.ledger.dropped == {}
    for request in fleet.requests:
        for group in request.groups:
            begun = group.oldest_version
            # Admitted under `begun`, while the learner was at that version or the next two.
            allowed = max(bounds[begun : begun + 3])
            assert request.version - begun <= allowed


@pytest.mark.parametrize(("size", "staleness"), [(0.05, 1), (1.0, 3)])
def test_the_slots_follow_the_bound(size: float, staleness: int) -> None:
    config = make_config(3, adaptive_staleness=True)
    fleet = Learner(Latencies(sample=6.0, learn=1.0))
    fleet.sizes = [size] * 40
    seen = []

    async def look(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        seen.append((int(report.staleness.max()), loop.state.ledger.alive))

    loop = make_loop(fleet, config, look)
    run(loop.train(40))
    last = seen[25:35]
    assert max(age for age, _ in last) == staleness
    assert max(alive for _, alive in last) <= (staleness + 1) * config.loop.groups_per_step
