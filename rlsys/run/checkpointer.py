"""A run's memory on the disk: a line of history per step, checkpoints, and the way back to one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.errors import CheckpointError, ResumeError
from rlsys.loop.fleet import Fleet
from rlsys.loop.loop import Loop
from rlsys.run import checkpoint, snapshot
from rlsys.run.folder import SUMMARY
from rlsys.run.history import History
from rlsys.run.progress import Progress

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
    """Writes down what a loop does, and brings a new loop to where the last one was."""

    def __init__(
        self, folder: Path, config: RunConfig, model_path: str, fleet: Fleet, origin: Origin
    ) -> None:
        self.folder, self.config, self.model_path = folder, config, model_path
        self.fleet, self.origin = fleet, origin
        self.history = History(folder)
        self.progress = Progress()
        if origin.content:
            self.progress = Progress.from_dict(origin.content["run"])
        self.progress.resumes += origin.resumed
        self.saved = origin.version
        """Version of the newest checkpoint; 0: there may be none."""
        self._last: snapshot.Snapshot | None = None

    async def restore(self, loop: Loop) -> None:
        """Bring a new loop to the origin; its fleet holds the origin's version.

        Raises:
            CheckpointError: the run began with another policy, or the history is of another run.
            ConfigError, DataError: the prompts are not those of the checkpoint.
        """
        origin = self.origin
        if origin.checkpoint and origin.content:
            if origin.content["model_path"] != self.model_path:
                raise CheckpointError(
                    f"{origin.checkpoint} is of a run that began with the policy "
                    f"{origin.content['model_path']}, and now there is {self.model_path}"
                )
            kept = await loop.waits.on("driver: kept groups", self.fleet.restore(origin.checkpoint))
            snapshot.restore(loop, origin.content["loop"], kept)
        if origin.resumed:
            self.history.resume(origin.version, set(loop.state.ledger.living))
        loop.state.ledger.take_events()

    def step(self, loop: Loop) -> None:
        """Write the step's line of history, and take a snapshot of the same moment.

        It is kept, with all that it refers to: a checkpoint of this step can be written until the
        next one is learned.
        """
        self.history.step(loop.state.version, loop.state.ledger.take_events())
        self._last = snapshot.take(loop)

    @property
    def is_behind(self) -> bool:
        """Whether a step has been learned since the newest checkpoint."""
        return self._last is not None and self._last.state["version"] > self.saved

    async def checkpoint(self, loop: Loop, alarms: dict[str, Any]) -> None:
        """Write the last step's snapshot, what it keeps, the alarms' state, and the learner, which
        must have learned nothing since.

        Raises:
            CheckpointError: the disk is full or fails; earlier checkpoints are whole.
        """
        assert self._last is not None
        taken = self._last
        content = {
            "loop": taken.state,
            "run": self.progress.to_dict(),
            "alarms": alarms,
            "model_path": self.model_path,
        }
        await loop.waits.on(
            "driver: checkpoint",
            checkpoint.write(
                self.folder / FOLDER,
                taken.state["version"],
                content,
                lambda folder: self.fleet.save(folder, taken.kept),
                self.config.loop.keep_checkpoints,
            ),
        )
        self.saved = taken.state["version"]
