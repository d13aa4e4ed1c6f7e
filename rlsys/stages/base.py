"""A stage: one step on the way to a reasoning model, such as reinforcement or supervised training.

A stage has an origin, where it is taken up, and a folder, where its evidence stays. It is handed a
fleet and imports no ray. Whoever drives it (actors/drivers/driver.py) goes through

    open     the fleet starts with the origin's weights, and the stage's state is restored
    run      to its last step, or until `stop`
    close    its files are let go

and may ask at any time what it waits for, whether it has something to save, and for a summary of
all that has been done so far.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from rlsys.evaluation.heldout import HeldOut
from rlsys.loop.fleet import Fleet
from rlsys.observe.display import Display
from rlsys.observe.learnable import cut_off_at
from rlsys.observe.loggers import Loggers
from rlsys.observe.metrics import check_metrics
from rlsys.observe.run_summary import RunSummary
from rlsys.roles import DRIVER
from rlsys.run.checkpointer import Checkpointer
from rlsys.watch.accounting import Times
from rlsys.watch.lag import LagMeter
from rlsys.watch.signals import Signals
from rlsys.watch.waits import Observer, Waits


class StartableFleet(Fleet, Protocol):
    """A fleet as a stage is handed it: its members are placed when it starts."""

    observer: Observer
    starting: Waits
    """What the start waits for."""

    async def start(self, checkpoint: Path | None, version: int) -> None:
        """Every member is ready, with the weights of a checkpoint where one is given."""
        ...

    async def fetch(self, ref: Any) -> pa.RecordBatch:
        """The batch behind a ref.

        Raises:
            WorkerError: the member that held it is gone.
        """
        ...


@dataclass(frozen=True)
class Surroundings:
    """What a stage is handed beside its settings."""

    fleet: StartableFleet
    members: dict[str, int]
    """How many there are of each role."""
    display: Display
    loggers: Loggers
    signals: Signals
    lag: LagMeter
    """Of the driver's event loop."""
    own_times: Callable[[], Times]
    """Of the driver's process."""

    async def times(self, waits: Waits) -> dict[str, Times]:
        """Of every role, and of the driver's process."""
        times = await waits.on("driver: times", self.fleet.times())
        return times | {DRIVER: self.own_times()}

    async def save_if_due(
        self, checkpointer: Checkpointer, step: int, due: bool, save: Callable[[], Awaitable[None]]
    ) -> None:
        """After a step: save when it is due, and when somebody asks, who is told of it."""
        asked = self.signals.asked_to_save or checkpointer.is_wished()
        if asked or due:
            self.signals.asked_to_save = False
            await save()
        if asked:
            self.display.note(f"step {step}: a checkpoint was asked for and is being written")

    def tell_check(self, check: HeldOut, steps: int, max_tokens: int) -> None:
        """Note a held-out check everywhere; a curve has it at the version that it measured.

        Args:
            steps: of the whole stage.
            max_tokens: at which completions are cut off.
        """
        metrics = check_metrics(check)
        self.loggers.later(check.versions[0], metrics)
        named = {0: "before training", steps: "after training"}
        when = named.get(check.step, f"at step {check.step}")
        self.display.check(check.step, metrics, f"held-out pass@1 {when}: {check}")
        if check.step == 0 and (cut_off := cut_off_at(max_tokens, check.truncated)):
            self.display.note(f"warning: {cut_off}")


class Stage(ABC):
    """See the module."""

    folder: Path
    """Where its evidence stays."""
    waits: Waits
    """What it waits for, once the fleet has started."""
    has_begun: bool = False
    """Whether there may be something to save when it is stopped."""

    @abstractmethod
    async def open(self) -> None:
        """Start the fleet and restore the state of the origin.

        Raises:
            CheckpointError, ConfigError, DataError: the origin is of another run.
        """

    @abstractmethod
    async def run(self) -> None:
        """Go on to the last step, or until `stop`; the newest step is saved when it returns."""

    @abstractmethod
    def stop(self) -> None:
        """Begin no further step."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of it beside weights and samples, as JSON values."""

    @abstractmethod
    def summary(self, started: float) -> RunSummary:
        """Of all that has been done so far.

        Args:
            started: time.monotonic() of the command's start.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of its files."""
