"""The training loop against a fleet of coroutines under virtual time."""

import asyncio
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from fake_fleet import (
    FakeFleet,
    Latencies,
    count_free_slots,
    long_tail,
    make_config,
    make_loop,
)
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rlsys.config.schema import SamplingConfig
from rlsys.errors import StallError, VerifierError, WeightSyncError, WorkerDiedError, WorkerError
from rlsys.loop.fleet import Message, Sampled
from rlsys.loop.ledger import State
from rlsys.loop.loop import Loop, StepReport, first_cause
from rlsys.simulate.clock import run


def trained_groups(fleet: FakeFleet) -> list[int]:
    return [g.group_id for request in fleet.requests for g in request.groups]


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
    groups_per_message=st.integers(1, 4),
    drop_no_signal=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_staleness_slots_and_ledger_hold_under_any_latencies_and_failures(
    max_staleness: int,
    groups_per_step: int,
    groups_per_message: int,
    drop_no_signal: bool,
    seed: int,
) -> None:
    steps = 12
    config = make_config(
        max_staleness,
        groups_per_step,
        groups_per_message=groups_per_message,
        max_group_failures=2,
        max_failed_groups_in_a_row=10**6,
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
        async def sample(self, message: Message, sampling: SamplingConfig) -> Sampled:
            sampled = await super().sample(message, sampling)
            stuck = message.group_ids[0] % 3 == 0
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
    loop = make_loop(fleet, make_config(1, groups_per_step=4, groups_per_message=3))
    sample = fleet.sample

    async def watch(message, sampling):  # type: ignore[no-untyped-def]
        sizes.append(len(message.group_ids))
        return await sample(message, sampling)

    fleet.sample = watch  # type: ignore[method-assign]
    run(loop.train(3))
    assert max(sizes) == 3
    assert sum(sizes) == 12
    groups = [g for request in fleet.requests for g in request.groups]
    assert all(g.refs[0].group_ids[g.row // 4] == g.group_id for g in groups)


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["sample", "grade", "reference"])
def test_a_worker_that_fails_once_is_asked_again(call: str) -> None:
    fleet = FakeFleet(fails=lambda what, group, attempt: (what, group, attempt) == (call, 3, 1))
    loop = make_loop(fleet, make_config())
    run(loop.train(3))
    assert fleet.attempts[call, 3] == 2
    assert 3 in trained_groups(fleet)
    assert loop.state.ledger.dropped == {}


@pytest.mark.parametrize("call", ["sample", "grade", "reference"])
def test_a_group_that_kills_its_workers_is_dropped_as_lost_and_said_to_be(call: str) -> None:
    fleet = FakeFleet(fails=lambda what, group, attempt: (what, group) == (call, 3))
    fleet.error = WorkerDiedError
    loop = make_loop(fleet, make_config(max_group_failures=2, max_group_losses=4))
    said: list[str] = []
    loop.notice = said.append
    run(loop.train(3))
    assert fleet.attempts[call, 3] == 4
    assert loop.state.ledger.dropped == {"lost": 1}
    assert said == [f"groups [3] dropped as lost: {call} 3 failed"]


@pytest.mark.parametrize("call", ["sample", "grade", "reference"])
def test_a_group_that_keeps_failing_is_dropped_and_replaced(call: str) -> None:
    fleet = FakeFleet(fails=lambda what, group, attempt: (what, group) == (call, 3))
    loop = make_loop(fleet, make_config(max_group_failures=3))
    run(loop.train(3))
    assert fleet.attempts[call, 3] == 3
    assert 3 not in trained_groups(fleet)
    assert loop.state.ledger.to_dict() == {
        "admitted": 13,
        "trained": 12,
        "dropped": {"failed": 1},
        "alive": 0,
    }


def test_a_streak_of_failed_groups_stops_the_run_with_the_workers_error() -> None:
    fleet = FakeFleet(fails=lambda what, group, attempt: what == "sample" and group >= 4)
    loop = make_loop(fleet, make_config(max_failed_groups_in_a_row=5))
    with pytest.raises(WorkerError, match=r"sample \d+ failed"):
        run(loop.train(100))
    assert loop.state.ledger.dropped["failed"] >= 5
    assert len(fleet.requests) <= 1


def test_a_success_ends_a_streak() -> None:
    fleet = FakeFleet(fails=lambda what, group, attempt: what == "sample" and group % 2 == 1)
    loop = make_loop(fleet, make_config(max_failed_groups_in_a_row=8, max_group_failures=1))
    run(loop.train(5))
    assert loop.state.ledger.trained == 20
    assert loop.state.ledger.dropped["failed"] > 8


@pytest.mark.parametrize("call", ["learn", "publish"])
def test_a_failing_learner_stops_the_run_at_once(call: str) -> None:
    fleet = FakeFleet(fails=lambda what, number, attempt: (what, number) == (call, 2))
    with pytest.raises(WorkerError, match=f"{call} 2 failed"):
        run(make_loop(fleet, make_config()).train(50))
    assert len(fleet.requests) <= 4


def test_an_error_of_the_watcher_stops_the_run() -> None:
    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        raise WeightSyncError("tensor lm_head")

    with pytest.raises(WeightSyncError, match="lm_head"):
        run(make_loop(FakeFleet(), make_config(), after_step).train(50))


def test_a_task_that_the_watcher_starts_is_awaited_before_training_ends() -> None:
    finished = []

    async def check(step: int) -> None:
        await asyncio.sleep(1000.0)
        finished.append(step)

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(check(report.step))

    run(make_loop(FakeFleet(), make_config(), after_step).train(3))
    assert finished == [1, 2, 3]


def test_a_stopped_run_leaves_no_task_behind() -> None:
    fleet = FakeFleet(Latencies(reference=500.0), fails=lambda what, *_: what == "grade")

    async def scenario() -> set[str]:
        with pytest.raises(WorkerError):
            await make_loop(fleet, make_config()).train(5)
        return {t.get_name() for t in asyncio.all_tasks() - {asyncio.current_task()}}

    assert run(scenario()) == set()


def test_a_cancelled_run_leaves_no_task_behind() -> None:
    async def scenario() -> set[str]:
        training = asyncio.create_task(make_loop(FakeFleet(), make_config()).train(500))
        await asyncio.sleep(7.3)
        training.cancel()
        with pytest.raises(asyncio.CancelledError):
            await training
        return {t.get_name() for t in asyncio.all_tasks() - {asyncio.current_task()}}

    assert run(scenario()) == set()


def test_the_first_cause_is_the_first_leaf() -> None:
    first, second = WorkerError("first"), WorkerError("second")
    nested = ExceptionGroup("", [ExceptionGroup("", [first]), second])
    assert first_cause(nested) is first


# --- stalls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "wait"),
    [
        ("sample", "driver: rollout worker"),
        ("grade", "driver: verifier"),
        ("reference", "driver: reference worker"),
        ("learn", "driver: learner"),
        ("pull", "driver: weights pulled"),
    ],
)
def test_a_stall_names_who_waits_for_whom(call: str, wait: str) -> None:
    latencies = replace(Latencies(), **{call: 1e9})
    loop = make_loop(FakeFleet(latencies), make_config(stall_timeout_s=50.0))

    async def scenario() -> float:
        with pytest.raises(StallError, match=f"(?s)waited 50 s for .*{wait}"):
            await loop.train(5)
        return asyncio.get_running_loop().time()

    assert 50.0 <= run(scenario()) < 60.0


def test_a_stall_of_one_group_names_the_group() -> None:
    latencies = iter([1e9])
    fleet = FakeFleet(Latencies(sample=lambda: next(latencies, 1.0)))
    config = make_config(max_staleness=0, groups_per_step=2, stall_timeout_s=50.0)
    with pytest.raises(StallError) as caught:
        run(make_loop(fleet, config).train(5))
    text = str(caught.value)
    assert "rollout worker" in text


# --- verdicts ----------------------------------------------------------------------------------


def without_verdict(missing: int):  # type: ignore[no-untyped-def]
    def rewards(group_id: int, size: int) -> np.ndarray:
        values = np.arange(size) % 2 * 1.0
        values[:missing] = np.nan
        return values

    return rewards


def test_too_many_answers_without_a_verdict_stop_the_run() -> None:
    fleet = FakeFleet(rewards=without_verdict(1))
    config = make_config()
    config.verifiers.max_infrastructure_share = 0.2
    with pytest.raises(
        VerifierError, match=r"25% of the newest 32 answers.*share=0.2.*the sandbox is gone"
    ):
        run(make_loop(fleet, config).train(50))


def test_a_share_of_missing_verdicts_below_the_limit_is_masked() -> None:
    fleet = FakeFleet(rewards=without_verdict(1))
    config = make_config()
    config.verifiers.max_infrastructure_share = 0.3
    run(make_loop(fleet, config).train(3))
    for request in fleet.requests:
        assert request.trained.tolist() == [False, True, True, True] * 4
        # Rewards 1, 0, 1: mean 2/3, sample standard deviation 1/sqrt(3).
        np.testing.assert_allclose(
            request.advantages.reshape(4, 4)[0],
            [0.0, 1 / 3**0.5, -2 / 3**0.5, 1 / 3**0.5],
            rtol=1e-3,
        )


def test_a_missing_verdict_is_reported_even_when_the_last_message_had_all_of_its_own() -> None:
    """Verdicts fail early on, before enough are graded to judge; the message that makes it enough
    has none missing."""

    def rewards(group_id: int, size: int) -> np.ndarray:
        return without_verdict(2 if group_id < 4 else 0)(group_id, size)

    config = make_config()
    config.verifiers.max_infrastructure_share = 0.2
    in_turn = (1.0 + 0.01 * i for i in itertools.count())
    fleet = FakeFleet(Latencies(sample=lambda: next(in_turn)), rewards=rewards)
    with pytest.raises(VerifierError, match=r"25% of the newest 32 answers.*the sandbox is gone"):
        run(make_loop(fleet, config).train(50))


def test_a_group_without_two_verdicts_is_dropped_as_infrastructure() -> None:
    def rewards(group_id: int, size: int) -> np.ndarray:
        return without_verdict(3 if group_id == 2 else 0)(group_id, size)

    config = make_config()
    config.verifiers.max_infrastructure_share = 1.0
    fleet = FakeFleet(rewards=rewards)
    loop = make_loop(fleet, config)
    run(loop.train(3))
    assert loop.state.ledger.dropped == {"infrastructure": 1}
    assert 2 not in trained_groups(fleet)


def equal_rewards_for_even_groups(group_id: int, size: int) -> np.ndarray:
    return np.ones(size) if group_id % 2 == 0 else np.arange(size) % 2 * 1.0


def test_dynamic_sampling_replaces_groups_without_signal_and_counts_them() -> None:
    config = make_config()
    config.algorithm.drop_no_signal = True
    fleet = FakeFleet(rewards=equal_rewards_for_even_groups)
    loop = make_loop(fleet, config)
    run(loop.train(3))
    trained = trained_groups(fleet)
    assert len(trained) == 12
    assert all(group % 2 == 1 for group in trained)
    ledger = loop.state.ledger
    assert ledger.dropped["no_signal"] == ledger.admitted - 12
    assert ledger.dropped["no_signal"] >= 11


def test_without_dynamic_sampling_groups_of_equal_rewards_are_trained_with_zero_advantage() -> None:
    fleet = FakeFleet(rewards=equal_rewards_for_even_groups)
    loop = make_loop(fleet, make_config())
    run(loop.train(1))
    assert loop.state.ledger.dropped == {}
    advantages = fleet.requests[0].advantages.reshape(4, 4)
    assert np.abs(advantages[0]).max() == 0.0
    assert np.abs(advantages[1]).min() > 0.5


# --- the books while the run goes on -------------------------------------------------------------


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
