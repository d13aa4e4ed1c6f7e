"""The training loop under virtual time: failing calls, stalls, and what a stopped run leaves."""

import asyncio
from dataclasses import replace

import pytest

from rlsys.errors import StallError, WeightSyncError, WorkerDiedError, WorkerError
from rlsys.loop.loop import StepReport, first_cause
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import (
    FakeFleet,
    Latencies,
    make_config,
    make_loop,
    trained_groups,
)


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
    said: list[str] = []
    config = make_config(max_group_failures=2, max_group_losses=4)
    loop = make_loop(fleet, config, notice=said.append)
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


def test_one_cause_of_many_dropped_groups_is_told_once() -> None:
    fleet = FakeFleet(fails=lambda what, group, attempt: what == "sample" and group in (3, 5))
    fleet.error = lambda _: WorkerError("rollout-0 raised KeyError: 'x'")  # type: ignore[assignment]
    said: list[str] = []
    run(make_loop(fleet, make_config(max_group_failures=2), notice=said.append).train(3))
    assert said == [
        "groups [3] dropped as failed: rollout-0 raised KeyError: 'x'",
        "groups [5] dropped as failed: as before",
    ]


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
