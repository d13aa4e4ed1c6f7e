"""A run's checkpoints, and the way back to one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsys.errors import CheckpointError, ResumeError
from rlsys.loop.fleet import Fleet, Rows
from rlsys.roles import Annotations
from rlsys.run import checkpoint
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
    file = folder / SUMMARY
    return int(json.loads(file.read_text(encoding="utf-8"))["steps"]) if file.exists() else 0


class Checkpointer:
    """Writes a run's checkpoints, and gives back what the origin's kept."""

    def __init__(
        self,
        folder: Path,
        fleet: Fleet,
        origin: Origin,
        keep: int,
        after_completions: bool = False,
    ) -> None:
        """keep: the newest ones that stay.
        after_completions: writing one waits for completions that are being sampled."""
        self.after_completions = after_completions
        self.folder, self.fleet, self.origin, self.keep = folder, fleet, origin, keep
        self.saved = origin.version
        """Version of the newest checkpoint; 0: there may be none."""

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

    async def write(
        self, waits: Waits, version: int, state: dict[str, Any], kept: Sequence[Rows]
    ) -> None:
        """Write a stage's state, samples and the learner, which must have learned nothing since.

        Raises:
            CheckpointError: the disk is full or fails; earlier checkpoints are whole.
        """
        await waits.on(
            "driver: checkpoint",
            checkpoint.write(
                self.folder / FOLDER,
                version,
                state,
                lambda folder: self.fleet.save(folder, kept),
                self.keep,
            ),
            for_completions=self.after_completions,
        )
        self.saved = version
