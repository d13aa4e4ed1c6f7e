"""A run in an experiment tracker: metrics, some completions, and what it came to.

The tracker is opened under an id that stays in the run's folder, so that whoever resumes the run
goes on with the tracker's. Steps that a resumed run does again have points of both drivers there:
no tracker forgets any.
"""

import json
import threading
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rlsys.config.resume import flat
from rlsys.config.run import RunConfig
from rlsys.disk import read_object, replace_text
from rlsys.lineage.settings import settings_of
from rlsys.observe.background import Background
from rlsys.observe.loggers import Metrics
from rlsys.observe.trackers import TRACKERS, Row, Tracked, Tracker
from rlsys.run.folder import SAMPLES

FILE = "trackers.json"
"""Of the run's folder: the trackers' ids of it, by their names."""
_ROWS = 8
"""Completions of a step that go along; all of them are in the samples."""
_DUE = 4
"""Steps whose samples are still looked for: they come within a step, or, of a stage without any,
never."""
_COLUMNS = ["source", "prompt_text", "text", "expected", "reward", "status", "reason", "advantage"]


class Tracking:
    """A Logger: hands a run to one tracker. For a thread of its own (background.py).

    Args:
        every: steps between two whose completions go along; 0: none do.
    """

    def __init__(self, tracker: Tracker, name: str, folder: Path, every: int) -> None:
        self.tracker, self.name = tracker, name
        self.samples, self.every = folder / SAMPLES, every
        self._due: list[int] = []
        """Steps whose samples are not on the disk yet: the learner writes them beside training."""

    def step(self, step: int, metrics: Metrics) -> None:
        """Points, and the completions of earlier steps that are there by now."""
        self.tracker.points(step, metrics)
        if self.every and (step == 1 or step % self.every == 0):
            self._due = [*self._due[1 - _DUE :], step]
        self._send_completions()

    def later(self, step: int, metrics: Metrics) -> None:
        """See Logger."""
        self.tracker.points(step, metrics)

    def summary(self, step: int, figures: Metrics) -> None:
        """See Logger."""
        self.tracker.summary(step, figures)

    def close(self) -> None:
        """With the completions that are still due."""
        self._send_completions()
        self.tracker.close()

    def _send_completions(self) -> None:
        for step in list(self._due):
            path = self.samples / f"step-{step:06d}.parquet"
            if path.exists():
                self._due.remove(step)
                if rows := _rows(path):
                    self.tracker.completions(step, rows)


def trackers(
    config: RunConfig, name: str, folder: Path, notice: Callable[[str], None]
) -> list[Background]:
    """The loggers that the settings ask for, each on its thread.

    Args:
        name: of the run.
    """
    return [
        Background(one, partial(_open, one, config, name, folder), notice)
        for one in dict.fromkeys(config.observe.loggers)
    ]


def _open(tracker: str, config: RunConfig, name: str, folder: Path) -> Tracking:
    known = _ids(folder).get(tracker, "")
    settings = flat(settings_of(config))
    run = Tracked(name, folder, config.observe.project, settings, uuid.uuid4().hex[:8])
    opened = TRACKERS[tracker](run, known)
    if opened.id != known:
        _keep(folder, tracker, opened.id)
    return Tracking(opened, tracker, folder, config.observe.completions_every)


_writing = threading.Lock()
"""Trackers open at the same time."""


def _keep(folder: Path, tracker: str, its_id: str) -> None:
    with _writing:
        ids = _ids(folder) | {tracker: its_id}
        replace_text(folder / FILE, json.dumps(ids, indent=1) + "\n")


def _ids(folder: Path) -> dict[str, str]:
    return read_object(folder / FILE)


def _rows(path: Path) -> list[Row]:
    """The first completions of a step, a plain value in each column."""
    table: Any = pq.ParquetFile(path)
    return next(table.iter_batches(_ROWS, columns=_COLUMNS)).to_pylist()
