"""What runs there are and how each of them stands, read from their folders alone."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from omegaconf import OmegaConf

from rlsys.config.model_names import FILE
from rlsys.config.yaml_files import read_yaml
from rlsys.disk import read_object
from rlsys.errors import ConfigError, DataError
from rlsys.evaluation import curve
from rlsys.run.folder import FAILURE, LOCK, SUMMARY, holder_of, is_held, last_metrics


class State(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    """All of its steps are done, and the check after them."""
    FAILED = "failed"
    """It ended with an error."""
    STOPPED = "stopped"
    """It was interrupted or killed."""
    DAMAGED = "damaged"
    """A file of its folder cannot be read, as after a copy that was cut off."""


@dataclass(frozen=True)
class Run:
    """One run."""

    folder: Path
    state: State
    step: int
    """The last one whose metrics are written."""
    steps: int
    """How many it is to do; 0: of one that is damaged, nobody knows."""
    pass_at_1: float | None
    """Of its last held-out check."""
    changed: float
    """When it wrote last, in seconds of time.time()."""
    remark: str
    """Who runs it, or why it failed."""

    @property
    def end(self) -> str:
        """` (it failed: MemoryError: ...)`, to stand behind what is missing of it; else nothing."""
        return f" (it failed: {self.remark})" if self.state is State.FAILED else ""


def runs_in(directory: Path) -> list[Run]:
    """Every run in a directory, the one that wrote last first. Folders of evaluations, and of
    others, are none; one that is damaged does not hide the others."""
    there = [lock.parent for lock in directory.glob(f"*/{LOCK}")]
    folders = [folder for folder in there if (folder / FILE).is_file()]
    return sorted(map(_as_far_as_it_goes, folders), key=lambda run: -run.changed)


def _as_far_as_it_goes(folder: Path) -> Run:
    try:
        return read_run(folder)
    except (ConfigError, DataError) as error:
        return Run(folder, State.DAMAGED, 0, 0, None, _changed(folder), str(error))


def read_run(folder: Path) -> Run:
    """One run, by its config, its lock, its metrics and how it ended.

    A lock that is held is a driver that lives; one that was killed has let go of it, and has left
    neither a summary of all steps nor an error.

    Raises:
        ConfigError, DataError: one of these files is damaged; names it.
    """
    steps = _steps(folder / FILE)
    step = int(last_metrics(folder).get("step", 0))
    checks = curve.read(folder / curve.FILE)
    check = checks[-1].pass_at_1 if checks else None
    summary, failure = read_object(folder / SUMMARY), read_object(folder / FAILURE)
    changed = _changed(folder)
    if is_held(folder):
        return Run(folder, State.RUNNING, step, steps, check, changed, holder_of(folder))
    if failure:
        return Run(folder, State.FAILED, step, steps, check, changed, failure["error"])
    # A run that was resumed for more steps still has the summary of fewer.
    if summary and summary["steps"] >= steps:
        after = summary.get("pass_at_1_after", summary.get("pass_at_1"))
        done = max(step, int(summary["steps"]))  # a merge has no metrics
        return Run(folder, State.FINISHED, done, steps, after, changed, "")
    return Run(folder, State.STOPPED, step, steps, check, changed, "")


def _steps(config: Path) -> int:
    steps = OmegaConf.select(read_yaml(config), "loop.steps")
    if not isinstance(steps, int):
        raise ConfigError(f"{config}: loop.steps={steps!r}: a run's settings say how many steps")
    return steps


def _changed(folder: Path) -> float:
    return max(path.stat().st_mtime for path in folder.iterdir() if path.is_file())
