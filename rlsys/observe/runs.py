"""What runs there are and how each of them stands, read from their folders alone."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rlsys.config.model_names import FILE
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


@dataclass(frozen=True)
class Run:
    """One run."""

    folder: Path
    state: State
    step: int
    """The last one whose metrics are written."""
    steps: int
    """How many it is to do."""
    pass_at_1: float | None
    """Of its last held-out check."""
    changed: float
    """When it wrote last, in seconds of time.time()."""
    remark: str
    """Who runs it, or why it failed."""


def runs_in(directory: Path) -> list[Run]:
    """Every run in a directory, the one that wrote last first. Folders of evaluations, and of
    others, are none."""
    locks = directory.glob(f"*/{LOCK}")
    runs = [read_run(lock.parent) for lock in locks if lock.with_name(FILE).is_file()]
    return sorted(runs, key=lambda run: -run.changed)


def read_run(folder: Path) -> Run:
    """One run, by its config, its lock, its metrics and how it ended.

    A lock that is held is a driver that lives; one that was killed has let go of it, and has left
    neither a summary of all steps nor an error.
    """
    steps = int(OmegaConf.load(folder / FILE).loop.steps)
    step = int(last_metrics(folder).get("step", 0))
    checks = curve.read(folder / curve.FILE)
    check = checks[-1].pass_at_1 if checks else None
    summary, failure = _content(folder / SUMMARY), _content(folder / FAILURE)
    changed = max(path.stat().st_mtime for path in folder.iterdir() if path.is_file())
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


def _content(file: Path) -> dict[str, Any]:
    """Empty where there is no such file."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
