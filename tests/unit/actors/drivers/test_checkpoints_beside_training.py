"""Checkpoints are written while training goes on: a run around a fake fleet, whose disk is slow."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from rlsys.errors import CheckpointError, StallError, WorkerError
from tests.helpers.fake_run import STEPS, Fleet, steps_saved, trained


def slow() -> Fleet:
    """What is saved takes several steps' time to be on the disk."""
    fleet = Fleet()
    fleet.latencies.save = 0.3
    return fleet


def nothing(step: int) -> None:
    pass


def in_order(fleet: Fleet) -> list[str]:
    """What was learned, copied and saved."""
    return [line for line in fleet.log if line.startswith(("learn", "copy", "saved"))]


def test_the_learner_goes_on_as_soon_as_its_state_is_copied(tmp_path: Path) -> None:
    fleet = slow()
    trained(tmp_path, fleet, nothing, checkpoint_every=3)
    log = in_order(fleet)
    # Copied when it has done 3 steps and no more; the fourth is learned before it is saved.
    assert log[:5] == ["learn 0", "learn 1", "learn 2", "copy 3", "learn 3"]
    assert log.index("saved") > log.index("learn 4")
    assert steps_saved(tmp_path) == [3, STEPS]


def test_one_checkpoint_is_written_at_a_time(tmp_path: Path) -> None:
    fleet = slow()
    trained(tmp_path, fleet, nothing, checkpoint_every=1, keep_checkpoints=9, max_staleness=2)
    writes = [line for line in in_order(fleet) if not line.startswith("learn")]
    assert writes == [part for n in range(1, STEPS + 1) for part in (f"copy {n}", "saved")]
    assert steps_saved(tmp_path) == list(range(1, STEPS + 1))


def test_the_end_waits_for_the_last_checkpoint(tmp_path: Path) -> None:
    fleet = slow()
    trained(tmp_path, fleet, nothing)
    assert in_order(fleet)[-2:] == [f"copy {STEPS}", "saved"]
    assert steps_saved(tmp_path) == [STEPS]


def failing_from(fleet: Fleet, write: int) -> None:
    """The disk is full from this write on."""
    save, writes = fleet.save, []

    async def full(folder: Path, kept: Any) -> None:
        await save(folder, kept)
        writes.append(folder)
        if len(writes) >= write:
            raise WorkerError("learner-0 raised OSError: [Errno 28] No space left on device")

    fleet.save = full  # type: ignore[method-assign]


def test_a_write_that_fails_stops_the_run_with_its_cause(tmp_path: Path) -> None:
    fleet = slow()
    failing_from(fleet, 2)
    reached: list[int] = []
    with pytest.raises(CheckpointError) as caught:
        trained(tmp_path, fleet, reached.append, checkpoint_every=2, steps=1000)
    assert "checkpoint of step 4 could not be written" in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert "step-000002 is complete" in str(caught.value)
    assert max(reached) < 1000
    assert steps_saved(tmp_path) == [2]


def test_a_stop_lets_the_checkpoint_under_way_be_written_and_saves_the_last_step(
    tmp_path: Path,
) -> None:
    fleet = slow()

    def at_step(step: int) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    summary, _ = trained(tmp_path, fleet, at_step, checkpoint_every=2, keep_checkpoints=9)
    assert steps_saved(tmp_path) == [2, summary.steps]
    assert summary.steps < STEPS


def test_a_run_that_fails_leaves_the_checkpoint_that_was_under_way(tmp_path: Path) -> None:
    fleet = slow()
    fleet.fails = lambda call, number, _: (call, number) == ("learn", 3)
    with pytest.raises(WorkerError, match="learn 3 failed"):
        trained(tmp_path, fleet, nothing, checkpoint_every=2)
    assert steps_saved(tmp_path) == [2]


def never_copied() -> Fleet:
    """A learner that hangs once it is asked for its state; who waits for it for 10 s is told that
    it died."""
    fleet = Fleet()

    async def hang(folder: Path) -> None:
        fleet.log.append("hangs")
        asyncio.get_running_loop().call_later(10.0, fleet.lost.set)
        await asyncio.Event().wait()

    fleet.copy_state = hang  # type: ignore[method-assign]
    return fleet


def test_a_learner_that_never_copies_its_state_is_a_stall(tmp_path: Path) -> None:
    with pytest.raises(StallError, match="driver: state copied"):
        trained(tmp_path, never_copied(), nothing, checkpoint_every=2, stall_timeout_s=0.3)
    assert steps_saved(tmp_path) == []


def test_a_run_that_fails_while_the_learner_hangs_ends_with_its_own_error(tmp_path: Path) -> None:
    fleet = never_copied()
    fleet.fails = lambda call, number, _: call == "grade" and "hangs" in fleet.log
    limits = {"stall_timeout_s": 0.3, "max_failed_groups_in_a_row": 1, "max_staleness": 2}
    with pytest.raises(WorkerError, match=r"grade \d+ failed"):
        trained(tmp_path, fleet, nothing, checkpoint_every=2, **limits)
