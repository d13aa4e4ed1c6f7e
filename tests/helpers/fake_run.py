"""The driver of a run around a fake fleet, for tests of what it does beside the loop."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from actors.drivers.driver import Driver
from rlsys.config.run import RunConfig
from rlsys.errors import FleetError
from rlsys.observe.display import Display
from rlsys.observe.loggers import JsonLines, Loggers
from rlsys.observe.run_summary import RunSummary
from rlsys.observe.summary import Summary
from rlsys.run import checkpoint
from rlsys.run.checkpointer import FOLDER, Checkpointer, Origin
from rlsys.stages.base import Stage, Surroundings
from rlsys.stages.rl import Inputs, Reinforcement
from rlsys.watch.event_loop import WatchedEventLoop
from rlsys.watch.waits import Observer, WaitBoard, Waits
from tests.helpers.fake_fleet import FakeFleet, Latencies, make_config, make_prompts

STEPS = 6


class Fleet(FakeFleet):
    """With what a run asks of a fleet of Ray actors."""

    def __init__(self, **more: Any) -> None:
        fast = Latencies(sample=0.02, grade=0.0, reference=0.0, learn=0.02, pull=0.0)
        super().__init__(**({"latencies": fast} | more))
        self.observer = Observer()
        self.starting = Waits(1000.0, self.observer)
        self.lost = asyncio.Event()

    async def start(self, checkpoint: Path | None, version: int) -> None:
        self.held = self.trained_version = version

    async def failed(self) -> None:
        await self.lost.wait()
        raise FleetError("learner-0 died: it was killed")

    async def stacks(self) -> str:
        return ""

    def owing(self) -> str:
        return "verifier-0 3 s"

    def member_stacks(self) -> str:
        return "--- verifier-0, 1 calls unanswered, the oldest for 3 s; it is stopped"

    async def samplers_still_s(self) -> float:
        return 0.0


def driven(
    folder: Path,
    fleet: Fleet,
    config: RunConfig,
    make: Callable[[Checkpointer, Surroundings], Stage],
    at_step: Callable[[int], None],
    origin: Origin,
) -> tuple[RunSummary, list[str]]:
    """A stage up to its end or its stop; returns its summary, and what it said."""
    said: list[str] = []
    display = Display(Console(file=open(os.devnull, "w")), time.monotonic())  # noqa: SIM115
    display.note = said.append  # type: ignore[method-assign]
    display.step = lambda step, steps, metrics: at_step(step)  # type: ignore[method-assign]
    event_loop = WatchedEventLoop()
    checkpointer = Checkpointer(folder, fleet, origin, config.loop.keep_checkpoints)
    driver = Driver(
        partial(make, checkpointer),
        fleet,
        {},
        display,
        WaitBoard(),
        Loggers([JsonLines(folder)], said.append),
        event_loop,
        config.loop.stop_grace_s,
        f"rlsys train --resume {folder}",
    )
    with closing(driver), asyncio.Runner(loop_factory=lambda: event_loop) as runner:
        return runner.run(driver.drive(time.monotonic())), said


def trained(
    folder: Path,
    fleet: Fleet,
    at_step: Callable[[int], None],
    origin: Origin | None = None,
    held_out: int = 0,
    **loop: Any,
) -> tuple[Summary, list[str]]:
    """A run up to its end or its stop; returns its summary, and what it said.

    Args:
        at_step: called when a step is reported.
        held_out: prompts of the checks.
    """
    config = make_config(**({"max_staleness": 0, "checkpoint_every": 1000, "steps": STEPS} | loop))
    config.evaluation.samples = 1
    inputs = Inputs("run", "model", make_prompts(), make_prompts(held_out))
    summary, said = driven(
        folder, fleet, config, partial(Reinforcement, config, inputs), at_step, origin or Origin()
    )
    assert isinstance(summary, Summary)
    return summary, said


def steps_saved(folder: Path) -> list[int]:
    """Of the checkpoints, oldest first."""
    return [
        checkpoint.read(path)["loop"]["version"] for path in checkpoint.complete(folder / FOLDER)
    ]
