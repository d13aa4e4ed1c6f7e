"""Where metrics go: a Logger each for metrics.jsonl and TensorBoard; more may stand beside them.

    step 12 -> Loggers -> JsonLines    a line of metrics.jsonl
                       -> TensorBoard  a point of every curve
                       -> Background   W&B and others, each on a thread (tracking.py)
                       -> ...          what a driver adds, as actors/ray_metrics.py

Training never waits for a logger and never stops for one: what fails is told once and left out.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from torch.utils.tensorboard import SummaryWriter

from rlsys.run.folder import METRICS

Metrics = Mapping[str, float]
"""Values by `group/name`."""


class Logger(Protocol):
    """Takes metrics in the order of their steps. It may raise anything."""

    name: str
    """For people, in the line that says that it failed."""

    def step(self, step: int, metrics: Metrics) -> None:
        """All metrics of one optimizer step."""

    def later(self, step: int, metrics: Metrics) -> None:
        """More of a step that may be over, as of a held-out check that ran beside training."""

    def summary(self, step: int, figures: Metrics) -> None:
        """What the run came to, by its last step."""

    def close(self) -> None:
        """Everything is where it belongs when this returns."""


class Loggers:
    """Several loggers as one that does not fail.

    Args:
        notice: told once of each logger that failed.
    """

    def __init__(self, loggers: Sequence[Logger], notice: Callable[[str], None]) -> None:
        self.working, self.notice = list(loggers), notice

    def step(self, step: int, metrics: Metrics) -> None:
        """See Logger."""
        self._each(lambda logger: logger.step(step, metrics), f"from step {step} on")

    def later(self, step: int, metrics: Metrics) -> None:
        """See Logger."""
        self._each(lambda logger: logger.later(step, metrics), f"from step {step} on")

    def summary(self, step: int, figures: Metrics) -> None:
        """See Logger."""
        self._each(lambda logger: logger.summary(step, figures), "at the end")

    def close(self) -> None:
        """See Logger."""
        self._each(lambda logger: logger.close(), "at the end")
        self.working = []

    def _each(self, call: Callable[[Logger], None], when: str) -> None:
        for logger in list(self.working):
            try:
                call(logger)
            except Exception as error:  # a run is worth more than its curves: it goes on without
                self.working.remove(logger)
                said = f"{type(error).__name__}: {error}"
                self.notice(f"{logger.name} is left out {when}, since it failed: {said}")


class JsonLines:
    """Appends a line for each step to a run's metrics.jsonl, there at once for who follows it."""

    name = METRICS

    def __init__(self, folder: Path) -> None:
        self._lines = (folder / METRICS).open("a", encoding="utf-8")

    def step(self, step: int, metrics: Metrics) -> None:
        """NaN and infinities become null, which JSON can hold."""
        plain = {k: v if math.isfinite(v) else None for k, v in metrics.items()}
        self._lines.write(json.dumps({"step": step, "time": time.time(), **plain}) + "\n")
        self._lines.flush()

    def later(self, step: int, metrics: Metrics) -> None:
        """Nothing: the step's line is written, and checks have heldout.jsonl."""

    def summary(self, step: int, figures: Metrics) -> None:
        """Nothing: summary.json has it."""

    def close(self) -> None:
        """Flush and let go."""
        self._lines.close()


class TensorBoard:
    """Event files in a run's folder. A thread of its own writes; what it failed at is raised at a
    later call.

    Args:
        after_step: the step that a resumed run goes on from; what earlier event files hold of
            later steps is hidden.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path, after_step: int | None = None) -> None:
        purge = None if after_step is None else after_step + 1
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def step(self, step: int, metrics: Metrics) -> None:
        """A point of each curve."""
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)

    later = step

    def summary(self, step: int, figures: Metrics) -> None:
        """Nothing: it shows curves."""

    def close(self) -> None:
        """Flush and let go."""
        self._board.close()
