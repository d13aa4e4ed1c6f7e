"""The driver of a stage: its fleet is watched, signals are heard, and stalls leave their stacks."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Protocol

from actors.drivers.lookout import Lookout, Members
from rlsys.errors import RlsysError, first_cause
from rlsys.observe.display import Display
from rlsys.observe.loggers import Loggers
from rlsys.observe.run_summary import RunSummary
from rlsys.stages.base import Stage, StartableFleet, Surroundings
from rlsys.watch.event_loop import WatchedEventLoop
from rlsys.watch.lag import LagMeter
from rlsys.watch.signals import Signals
from rlsys.watch.waits import WaitBoard


class WatchedFleet(StartableFleet, Members, Protocol):
    """A fleet that says when it is past help, and where its members stand."""

    async def failed(self) -> None:
        """Wait for that.

        Raises:
            FleetError: why it is.
        """
        ...


class Driver:
    """Takes one stage through its life, in the event loop of a process of its own.

    Args:
        make: the stage, of what it is handed.
        members: how many there are of each role.
        board: where people see what is waited for.
        stop_grace_s: what a stop may take, once there is something to save.
        how_to_resume: the command, for whoever ends the process at once.
    """

    def __init__(
        self,
        make: Callable[[Surroundings], Stage],
        fleet: WatchedFleet,
        members: dict[str, int],
        display: Display,
        board: WaitBoard,
        loggers: Loggers,
        event_loop: WatchedEventLoop,
        stop_grace_s: float,
        how_to_resume: str,
    ) -> None:
        self.fleet, self.display, self.event_loop = fleet, display, event_loop
        self.stop_grace_s, self.how_to_resume = stop_grace_s, how_to_resume
        self.loggers, self.lag = loggers, LagMeter()
        self.signals = Signals(self._end_at_once)
        around = Surroundings(
            fleet, members, display, loggers, self.signals, self.lag, event_loop.accounting.times
        )
        self.stage = make(around)
        board.show(fleet.starting, self.stage.waits)

    async def drive(self, started: float) -> RunSummary:
        """The whole way, up to the stage's end, a stop, or a fleet that is past help."""
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [
                    tasks.create_task(self.fleet.failed(), name="watch fleet"),
                    tasks.create_task(self.lag.run(), name="measure lag"),
                ]
                with self.signals.heard(), self._lookout().watching():
                    await self._until_stopped()
                for task in beside:
                    task.cancel()
        except* RlsysError as errors:
            cause = first_cause(errors)
            if self.signals.stop is None:
                raise cause from errors
            # Whoever ends a job may end all of its processes, the members before the driver.
            self.display.note(f"while stopping: {str(cause).splitlines()[0]}")
        summary = self.stage.summary(started)
        self.loggers.summary(summary.steps, summary.scalars())
        return summary

    def close(self) -> None:
        """Let go of the run's files."""
        self.loggers.close()
        self.stage.close()

    async def _until_stopped(self) -> None:
        """Until the stage has ended, or a signal has come and what may follow it has, too."""
        running = asyncio.create_task(self._run(), name="train")
        stopping = asyncio.create_task(self.signals.asked_to_stop.wait(), name="hear signals")
        try:
            await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
            if self.stage.has_begun and self.signals.stop:
                self.display.note(
                    f"{self.signals.stop.name}: stopping, with a checkpoint if there is one within "
                    f"{self.stop_grace_s:g} s (loop.stop_grace_s); once more ends the run at once"
                )
                self.stage.stop()
                await asyncio.wait((running,), timeout=self.stop_grace_s)
        finally:
            stopping.cancel()
            running.cancel()
            await asyncio.wait((running,))
        if not running.cancelled():
            running.result()

    async def _run(self) -> None:
        task = asyncio.current_task()
        self.event_loop.waits_are_for(lambda: self.stage.waits.of(task))
        await self.stage.open()
        await self.stage.run()

    def _lookout(self) -> Lookout:
        waits = (self.fleet.starting, self.stage.waits)
        return Lookout(self.stage.folder, waits, self.fleet, self.display.note)

    def _end_at_once(self, number: signal.Signals) -> None:
        """The fleet ends with this process: its actors, and what a cluster of its own started."""
        self.display.close()
        self.display.console.print(
            f"{number.name} again: ended at once. To go on: {self.how_to_resume}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        os._exit(128 + number)
