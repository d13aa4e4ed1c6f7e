"""A run's checkpoints, and the way back to one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsys.disk import read_object
from rlsys.errors import CheckpointError, ResumeError
from rlsys.loop.fleet import Fleet, Rows
from rlsys.roles import Annotations
from rlsys.run import checkpoint, wish
from rlsys.run.folder import SUMMARY
from rlsys.watch.waits import Waits

FOLDER = "checkpoints"


@dataclass(frozen=True)
class Origin:
    """Where a driver takes a run up: at its first step, or at its newest checkpoint."""

    resumed: bool = False
    checkpoint: Path | None = None
    """None: at the first step, also of a run that was killed before its first checkpoint."""
    version: int = 0
    content: dict[str, Any] | None = None
    """What the checkpoint's JSON holds."""


def newest(folder: Path, steps: int) -> Origin:
    """The newest checkpoint of a run that is to do `steps` steps, or only its last check.

    Raises:
        CheckpointError: it is damaged.
        ResumeError: all steps are done.
    """
    there = checkpoint.complete(folder / FOLDER)
    if not there:
        return Origin(resumed=True)
    content = checkpoint.read(there[-1])
    version = content["loop"]["version"]
    if version >= steps and _steps_summed_up(folder) >= version:
        raise ResumeError(
            f"{folder} has done all of its {version} steps; for more, add loop.steps=N, above "
            f"{version}"
        )
    return Origin(True, there[-1], version, content)


def _steps_summed_up(folder: Path) -> int:
    """A run that was resumed for more steps still has the summary of fewer."""
    return int(read_object(folder / SUMMARY).get("steps", 0))


class Checkpointer:
    """Writes a run's checkpoints beside training, and gives back what the origin's kept."""

    def __init__(
        self,
        folder: Path,
        fleet: Fleet,
        origin: Origin,
        keep: int,
        after_completions: bool = False,
    ) -> None:
        """keep: the newest ones that stay.
        after_completions: copying a state waits for completions that are being sampled."""
        self.after_completions = after_completions
        self.folder, self.fleet, self.origin, self.keep = folder, fleet, origin, keep
        self.begun = origin.version
        """Version of the newest checkpoint that is written, or being written; 0: there may be
        none."""
        self._writing: asyncio.Task[None] | None = None
        self._grants_wish = False

    def require_policy(self, model_path: str) -> None:
        """Raise CheckpointError where the run began with another policy than this."""
        content = self.origin.content
        if content and content["model_path"] != model_path:
            raise CheckpointError(
                f"{self.origin.checkpoint} is of a run that began with the policy "
                f"{content['model_path']}, and now there is {model_path}"
            )

    async def kept(self, waits: Waits) -> list[Annotations]:
        """Refs to the samples that the origin's checkpoint kept."""
        if not self.origin.checkpoint:
            return []
        return await waits.on("driver: kept groups", self.fleet.restore(self.origin.checkpoint))

    def is_wished(self) -> bool:
        """Whether somebody has left a wish for a checkpoint, and none is on its way for it."""
        return wish.is_open(self.folder, wish.Wish.checkpoint) and not self._grants_wish

    async def begin(
        self,
        waits: Waits,
        version: int,
        state: dict[str, Any],
        kept: Sequence[Rows],
        tasks: asyncio.TaskGroup,
    ) -> None:
        """Copy the learner, which must have learned nothing since, and have it written with a
        stage's state and samples; it may go on when this returns. The one before is written by
        then: there is one at a time.

        Args:
            tasks: stop with the error, where the disk is full or fails.
        Raises:
            CheckpointError: the same of the one before.
        """
        await self.written(waits)
        copied = asyncio.Event()

        async def save(folder: Path) -> None:
            # With a deadline of its own: a stage that has failed waits for this task, at_rest.
            await waits.on(
                "driver: learner's copy",
                self.fleet.copy_state(folder),
                for_completions=self.after_completions,
            )
            copied.set()
            await waits.on("driver: checkpoint", self.fleet.save(folder, kept))

        self.begun, self._grants_wish = version, wish.is_open(self.folder, wish.Wish.checkpoint)
        self._writing = asyncio.create_task(self._write(version, state, save), name="checkpoint")
        copying = asyncio.create_task(copied.wait(), name="copy state")
        either = asyncio.wait((self._writing, copying), return_when=asyncio.FIRST_COMPLETED)
        try:
            await waits.on("driver: state copied", either, for_completions=self.after_completions)
        finally:
            copying.cancel()
        # One that is cancelled, as a stop does it, leaves the writing itself alone.
        tasks.create_task(self.written(waits), name="watch checkpoint")

    async def written(self, waits: Waits) -> None:
        """Wait until nothing is on its way to the disk.

        Raises:
            CheckpointError: the disk is full or fails; earlier checkpoints are whole.
        """
        if self._writing is not None:
            await waits.on("driver: checkpoint written", self._writing)

    async def at_rest(self) -> None:
        """The same for a stage that has failed, whose error is the one to tell."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(
        self, version: int, state: dict[str, Any], save: Callable[[Path], Awaitable[None]]
    ) -> None:
        await checkpoint.write(self.folder / FOLDER, version, state, save, self.keep)
        if self._grants_wish:
            wish.close(self.folder, wish.Wish.checkpoint)
            self._grants_wish = False
