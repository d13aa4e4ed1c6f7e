"""A run that is told to stop, or to save: the driver of the Ray job, around a fake fleet."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

sys.path.append(str(Path(__file__).parents[1] / "loop"))
from fake_fleet import FakeFleet, Latencies, make_config, make_prompts

from actors.run import Run
from rlsys.errors import FleetError
from rlsys.loop import checkpoint, wish
from rlsys.loop.event_loop import WatchedEventLoop
from rlsys.loop.keeper import FOLDER, Keeper, Origin, newest
from rlsys.observe.display import Display
from rlsys.observe.summary import Summary

STEPS = 6


class Fleet(FakeFleet):
    """With what a run asks of a fleet of Ray actors."""

    def __init__(self, **more: Any) -> None:
        fast = Latencies(sample=0.02, grade=0.0, reference=0.0, learn=0.02, pull=0.0)
        super().__init__(**({"latencies": fast} | more))
        self.starting = SimpleNamespace(stacks=None, describe=lambda: "nothing")
        self.supervisor = SimpleNamespace(failed=self.failed)
        self.lost = asyncio.Event()

    async def start(self, checkpoint: Path | None, version: int) -> None:
        self.held = self.trained_version = version

    async def failed(self) -> None:
        await self.lost.wait()
        raise FleetError("learner-0 died: it was killed")

    async def stacks(self) -> str:
        return ""

    async def samplers_still_s(self) -> float:
        return 0.0


def trained(
    folder: Path,
    fleet: Fleet,
    at_step: Callable[[int], None],
    origin: Origin | None = None,
    **loop: Any,
) -> tuple[Summary, list[str]]:
    """A run up to its end or its stop; returns its summary, and what it said.

    at_step: called when a step is reported.
    """
    config = make_config(max_staleness=0, checkpoint_every=1000, steps=STEPS, **loop)
    said: list[str] = []
    display = Display(STEPS, Console(file=open(os.devnull, "w")), time.monotonic())  # noqa: SIM115
    display.note = said.append  # type: ignore[method-assign]
    display.step = lambda step, metrics: at_step(step)  # type: ignore[method-assign]
    event_loop = WatchedEventLoop()
    keeper = Keeper(folder, config, "model", fleet, origin or Origin())
    run = Run(config, "run", keeper, fleet, display, event_loop)  # type: ignore[arg-type]
    with closing(run), asyncio.Runner(loop_factory=lambda: event_loop) as runner:
        return runner.run(run.train(make_prompts(), [], time.monotonic())), said


@pytest.fixture(autouse=True)
def handlers_of_before() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals, at: int) -> Callable[[int], None]:
    return lambda step: os.kill(os.getpid(), number) if step == at else None


def steps_saved(folder: Path) -> list[int]:
    return [
        checkpoint.read(path)["loop"]["version"] for path in checkpoint.complete(folder / FOLDER)
    ]


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
            wish.ask(tmp_path)

    summary, said = trained(tmp_path, Fleet(), at_step, keep_checkpoints=5)
    assert summary.steps == STEPS
    first, last = steps_saved(tmp_path)
    assert (2 <= first <= 3, last) == (True, STEPS)
    assert said == [f"step {first}: a checkpoint was asked for and is written"]
    assert not wish.is_open(tmp_path)
