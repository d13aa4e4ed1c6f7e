"""A run that is told to stop, or to save: the driver of the Ray job, around a fake fleet."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlsys.config.run import SamplingConfig
from rlsys.errors import ResumeError
from rlsys.evaluation.curve import Curve
from rlsys.loop.fleet import GroupBatch, Sampled
from rlsys.run import wish
from rlsys.run.checkpointer import newest
from tests.helpers.fake_run import STEPS, Fleet, steps_saved, trained


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals, at: int) -> Callable[[int], None]:
    return lambda step: os.kill(os.getpid(), number) if step == at else None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_saves_its_last_step_and_can_be_resumed(
    tmp_path: Path, number: signal.Signals
) -> None:
    fleet = Fleet()
    summary, said = trained(tmp_path, fleet, send(number, at=2))
    assert (summary.stopped_by, summary.steps) == (number, 2)
    assert said[0].startswith(f"{number.name}: stopping, with a checkpoint")
    assert steps_saved(tmp_path) == [2]
    origin = newest(tmp_path, STEPS)
    again = Fleet()
    again.saved = fleet.saved
    summary, _ = trained(tmp_path, again, lambda step: None, origin)
    assert (summary.stopped_by, summary.steps) == (None, STEPS)
    assert summary.ledger.trained == STEPS * 4
    assert summary.ledger.dropped == {}


def slow_checks(fleet: Fleet, *versions: int) -> None:
    """Held-out answers by these versions never come."""
    sample = fleet.sample

    async def held_up(batch: GroupBatch, sampling: SamplingConfig) -> Sampled:
        if batch.group_ids[0] < 0 and fleet.held in versions:
            await asyncio.sleep(600)
        return await sample(batch, sampling)

    fleet.sample = held_up  # type: ignore[method-assign]


def steps_checked(folder: Path) -> list[int]:
    return [check.step for check in Curve(folder).checks]


def test_a_check_that_a_stop_interrupted_is_made_again_on_resume(tmp_path: Path) -> None:
    fleet = Fleet()
    slow_checks(fleet, 2, 3)
    summary, _ = trained(tmp_path, fleet, send(signal.SIGTERM, at=3), held_out=4, evaluate_every=2)
    assert (summary.steps, steps_checked(tmp_path)) == (3, [0])
    again = Fleet()
    again.saved = fleet.saved
    origin = newest(tmp_path, STEPS)
    summary, said = trained(
        tmp_path, again, lambda step: None, origin, held_out=4, evaluate_every=2
    )
    assert steps_checked(tmp_path) == [0, 3, 4, 6]
    assert [check.versions for check in summary.checks] == [(0, 0), (3, 3), (4, 4), (6, 6)]
    assert said[0].startswith("held-out pass@1 at step 3: ")


def test_a_stop_during_the_check_after_training_leaves_it_to_the_resume(tmp_path: Path) -> None:
    fleet = Fleet()
    slow_checks(fleet, STEPS)
    (tmp_path / "summary.json").write_text(f'{{"steps": {STEPS - 2}}}')  # it was to do fewer

    def at_step(step: int) -> None:
        if step == STEPS:
            loop = asyncio.get_running_loop()
            loop.call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)

    summary, _ = trained(tmp_path, fleet, at_step, held_out=4)
    assert (summary.steps, summary.after, steps_checked(tmp_path)) == (STEPS, None, [0])
    again = Fleet()
    again.saved = fleet.saved
    summary, _ = trained(tmp_path, again, lambda step: None, newest(tmp_path, STEPS), held_out=4)
    assert summary.after is not None
    assert (summary.after.step, summary.after.versions) == (STEPS, (STEPS, STEPS))
    (tmp_path / "summary.json").write_text(f'{{"steps": {summary.steps}}}')
    with pytest.raises(ResumeError, match="has done all of its 6 steps"):
        newest(tmp_path, STEPS)


def test_a_stop_during_a_step_in_the_learner_saves_that_step(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.latencies.learn = lambda: send(signal.SIGTERM, at=2)(fleet.trained_version) or 0.05
    summary, _ = trained(tmp_path, fleet, lambda step: None)
    assert summary.steps == 3
    assert steps_saved(tmp_path) == [3]


def test_without_time_for_it_a_stop_drops_the_step_and_the_checkpoint(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.latencies.learn = lambda: (
        send(signal.SIGTERM, at=2)(fleet.trained_version) or 600.0 * (fleet.trained_version == 2)
    )
    began = time.monotonic()
    summary, _ = trained(tmp_path, fleet, lambda step: None, stop_grace_s=0.2)
    assert time.monotonic() - began < 10
    assert (summary.stopped_by, summary.steps) == (signal.SIGTERM, 2)
    assert steps_saved(tmp_path) == []


def test_a_stop_before_training_ends_the_start(tmp_path: Path) -> None:
    class Slow(Fleet):
        async def start(self, checkpoint: Path | None, version: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(600)

    summary, _ = trained(tmp_path, Slow(), lambda step: None)
    assert (summary.stopped_by, summary.steps) == (signal.SIGINT, 0)


def test_members_that_are_ended_with_the_driver_do_not_make_it_an_error(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.latencies.learn = lambda: 600.0 if fleet.trained_version == 2 else 0.01

    def at_step(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            asyncio.get_running_loop().call_later(0.1, fleet.lost.set)

    async def save(folder: Path, kept: Any) -> None:
        await asyncio.sleep(600)

    fleet.save = save  # type: ignore[method-assign]
    summary, said = trained(tmp_path, fleet, at_step)
    assert (summary.stopped_by, summary.steps) == (signal.SIGTERM, 2)
    assert said[-1] == "while stopping: learner-0 died: it was killed"
    assert steps_saved(tmp_path) == []


@pytest.mark.parametrize("how", ["signal", "file"])
def test_a_checkpoint_on_demand_is_written_after_the_step_and_the_run_goes_on(
    tmp_path: Path, how: str
) -> None:
    def at_step(step: int) -> None:
        if step == 2 and how == "signal":
            os.kill(os.getpid(), signal.SIGUSR1)
        elif step == 2:
            wish.ask(tmp_path, wish.Wish.checkpoint)

    summary, said = trained(tmp_path, Fleet(), at_step, keep_checkpoints=5)
    assert summary.steps == STEPS
    first, last = steps_saved(tmp_path)
    assert (2 <= first <= 3, last) == (True, STEPS)
    assert said == [f"step {first}: a checkpoint was asked for and is being written"]
    assert not wish.is_open(tmp_path, wish.Wish.checkpoint)
