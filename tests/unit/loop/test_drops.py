"""Dropped groups: their answers and reasons are kept, and counted in the step they belong to."""

import asyncio

import numpy as np
import pytest

from rlsys.errors import NoSignalError, WorkerDiedError
from rlsys.loop.drops import DropCount, Outcomes
from rlsys.loop.fleet import Rows
from rlsys.loop.loop import Loop, StepReport
from rlsys.roles import REFERENCE, ROLLOUT, VERIFIER
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import FakeFleet, Latencies, make_config, make_loop

NAN = float("nan")


def kept(fleet: FakeFleet) -> dict[int, tuple[int, str]]:
    """Step and reason of every dropped group that was written."""
    found: dict[int, tuple[int, str]] = {}
    for answers in fleet.written:
        assert answers.split == "train"
        for rows, reason in zip(answers.groups, answers.reasons, strict=True):
            group = group_of(rows)
            assert group not in found
            found[group] = (answers.step, reason)
    return found


def group_of(rows: Rows) -> int:
    batch = rows.annotations[ROLLOUT]
    group: int = batch.group_ids[rows.row // batch.size]
    return group


def trained(fleet: FakeFleet, steps: int, **loop: int) -> list[DropCount]:
    """What each step says of its drops."""
    config = make_config(0, groups_per_step=2, max_failed_groups_in_a_row=100, **loop)
    config.algorithm.drop_no_signal = True
    config.verifiers.max_infrastructure_share = 1.0
    counts = []

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        counts.append(made.drops.take(report.step))
        await made.drops.write()

    made: Loop = make_loop(fleet, config, after_step)
    run(made.train(steps))
    return counts


def test_dropped_groups_are_kept_with_their_reason_and_counted_in_their_step() -> None:
    rewards = {0: [1.0] * 4, 3: [NAN] * 4, 5: [0.0] * 4, 6: [0.0, 0.0, NAN, 0.0]}
    fleet = FakeFleet(rewards=lambda g, size: np.array(rewards.get(g, [0.0, 1.0] * (size // 2))))
    counts = trained(fleet, steps=2)
    assert kept(fleet) == {
        0: (1, "no_signal"),
        3: (2, "infrastructure"),
        5: (2, "no_signal"),
        6: (2, "no_signal"),
    }
    assert [dict(count.reasons) for count in counts] == [
        {"no_signal": 1},
        {"infrastructure": 1, "no_signal": 2},
    ]
    # Only where every answer got a verdict is a group all right or all wrong.
    assert [count.outcomes for count in counts] == [Outcomes(1, 1, 0), Outcomes(1, 0, 1)]
    first = fleet.written[0]
    assert first.file == "dropped/step-000001-000000.parquet"
    assert (first.groups[0].size, set(first.groups[0].annotations)) == (
        4,
        {ROLLOUT, VERIFIER, REFERENCE},
    )


def test_answers_that_nobody_could_grade_are_kept_without_verdicts() -> None:
    fleet = FakeFleet(fails=lambda call, group, _: call == "grade" and group == 1)
    counts = trained(fleet, steps=1)
    assert kept(fleet) == {1: (1, "failed")}
    assert set(fleet.written[0].groups[0].annotations) == {ROLLOUT}
    assert counts[0].reasons == {"failed": 1}


def test_groups_that_were_never_sampled_are_counted_and_leave_no_file() -> None:
    fleet = FakeFleet(
        fails=lambda call, group, _: call == "sample" and group == 1, error=WorkerDiedError
    )
    counts = trained(fleet, steps=1)
    assert kept(fleet) == {}
    assert counts[0].reasons == {"lost": 1}


def test_answers_of_groups_without_a_signal_are_on_the_disk_before_the_run_gives_up() -> None:
    """No step ends, so nothing may wait for one."""
    fleet = FakeFleet(Latencies(write=0.5), rewards=lambda group, size: np.zeros(size))
    with pytest.raises(NoSignalError):
        trained(fleet, steps=1, max_batches_without_signal=5)
    assert len(kept(fleet)) >= 8
    assert {step for step, _ in kept(fleet).values()} == {1}
