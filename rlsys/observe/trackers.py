"""Experiment trackers that a run can be followed in: W&B, MLflow, trackio, SwanLab.

Each is a Tracker: a tool's own run, opened under an id that a resumed run opens again. Without a
server or a key each writes to the disk. What else a tool can be told, it is told by its own
environment variables; docs/loggers.md has them.
"""

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError, instead

_PARAMETERS_AT_ONCE = 100
"""MLflow takes no more in one call."""

Metrics = Mapping[str, float]
Row = Mapping[str, Any]
"""A completion as a tool's table has it."""


@dataclass(frozen=True)
class Tracked:
    """The run as a tool is told of it."""

    name: str
    folder: Path
    project: str
    settings: Mapping[str, Any]
    """By whole names: `loop.steps`."""
    id: str
    """Of the tool's run, where an id can be given to it: that of every driver of this run."""


class Tracker(ABC):
    """A tool's run. Its methods may raise anything, and take as long as the tool does."""

    id: str
    """Of the tool's run, to go on with."""

    @abstractmethod
    def __init__(self, run: Tracked, known: str) -> None:
        """Open the tool's run.

        Args:
            known: its id where a driver before this one opened it; else empty.
        """

    @abstractmethod
    def points(self, step: int, metrics: Metrics) -> None:
        """A point of each curve; of any step, in any order."""

    @abstractmethod
    def completions(self, step: int, rows: Sequence[Row]) -> None:
        """Some completions of a step; rows have the same columns."""

    def summary(self, step: int, figures: Metrics) -> None:
        """What the run came to; as points of the last step where the tool has no other place."""
        self.points(step, {f"summary/{name}": value for name, value in figures.items()})

    @abstractmethod
    def close(self) -> None:
        """The tool's run is over."""


class Wandb(Tracker):
    """Weights & Biases: online with a key, else for `wandb sync`."""

    def __init__(self, run: Tracked, known: str) -> None:
        import wandb

        self._table, self.id = wandb.Table, known or run.id
        has_key = os.environ.get("WANDB_MODE") or wandb.login(prompt=False, verify=False)
        self._run = wandb.init(
            project=run.project,
            name=run.name,
            id=self.id,
            dir=str(run.folder),
            config=dict(run.settings),
            resume="allow",
            mode=None if has_key else "offline",
            settings=wandb.Settings(console="off", silent=True),
        )
        # Its own count of steps only grows; a resumed run goes back, and checks come later.
        self._run.define_metric("*", step_metric="step")

    def points(self, step: int, metrics: Metrics) -> None:
        """See Tracker."""
        self._run.log({"step": step, **metrics})

    def completions(self, step: int, rows: Sequence[Row]) -> None:
        """A table of the step."""
        table = self._table(columns=list(rows[0]), data=[list(row.values()) for row in rows])
        self._run.log({"step": step, "completions": table})

    def summary(self, step: int, figures: Metrics) -> None:
        """The run's summary, which its list of runs shows."""
        self._run.summary.update(dict(figures))

    def close(self) -> None:
        """See Tracker."""
        self._run.finish()


class MLflow(Tracker):
    """MLflow: the server of MLFLOW_TRACKING_URI, else files in the run's folder."""

    def __init__(self, run: Tracked, known: str) -> None:
        if not (where := os.environ.get("MLFLOW_TRACKING_URI")):
            # Files are no longer its default: it takes them from who says that they are meant.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            where = (run.folder / "mlflow").as_uri()
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._metric, self._client = Metric, MlflowClient(tracking_uri=where)
        self.id = known or self._begin(run.project, run.name)
        if known:
            self._client.update_run(self.id, status="RUNNING")
            return  # a parameter cannot be given anew
        told = [Param(name, str(value)) for name, value in run.settings.items()]
        for first in range(0, len(told), _PARAMETERS_AT_ONCE):
            batch = told[first : first + _PARAMETERS_AT_ONCE]
            self._client.log_batch(self.id, params=batch)

    def _begin(self, project: str, name: str) -> str:
        there = self._client.get_experiment_by_name(project)
        place = there.experiment_id if there else self._client.create_experiment(project)
        return self._client.create_run(place, run_name=name).info.run_id

    def points(self, step: int, metrics: Metrics) -> None:
        """See Tracker."""
        now = int(time.time() * 1000)
        points = [self._metric(name, value, now, step) for name, value in metrics.items()]
        self._client.log_batch(self.id, metrics=points)

    def completions(self, step: int, rows: Sequence[Row]) -> None:
        """An artifact of the step."""
        self._client.log_dict(self.id, list(rows), f"completions/step-{step:06d}.json")

    def summary(self, step: int, figures: Metrics) -> None:
        """The points, and an artifact."""
        super().summary(step, figures)
        self._client.log_dict(self.id, dict(figures), "summary.json")

    def close(self) -> None:
        """See Tracker."""
        self._client.set_terminated(self.id)


class Trackio(Tracker):
    """trackio: its own folder on the disk, or the space of TRACKIO_SPACE_ID."""

    def __init__(self, run: Tracked, known: str) -> None:
        import trackio

        self._table, self.id = trackio.Table, known or run.id
        # Its runs go on by their name, and the same name may be that of a run elsewhere.
        self._run = trackio.init(
            project=run.project,
            name=f"{run.name}-{self.id}",
            config=dict(run.settings),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def points(self, step: int, metrics: Metrics) -> None:
        """See Tracker."""
        self._run.log(dict(metrics), step=step)

    def completions(self, step: int, rows: Sequence[Row]) -> None:
        """A table of the step."""
        data = [list(row.values()) for row in rows]
        self._run.log({"completions": self._table(columns=list(rows[0]), data=data)}, step=step)

    def close(self) -> None:
        """See Tracker."""
        self._run.finish()


class SwanLab(Tracker):
    """SwanLab: online with SWANLAB_API_KEY, else for `swanlab sync`."""

    def __init__(self, run: Tracked, known: str) -> None:
        import swanlab

        self._text, self.id = swanlab.Text, known or run.id
        mode = "online" if os.environ.get("SWANLAB_API_KEY") else "offline"
        self._run = swanlab.init(
            project=run.project,
            name=run.name,
            id=self.id,
            log_dir=str(run.folder / "swanlab"),
            config=dict(run.settings),
            resume="allow",
            mode=os.environ.get("SWANLAB_MODE", mode),
        )

    def points(self, step: int, metrics: Metrics) -> None:
        """See Tracker."""
        self._run.log(dict(metrics), step=step)

    def completions(self, step: int, rows: Sequence[Row]) -> None:
        """A text for each."""
        texts = [self._text(json.dumps(row, ensure_ascii=False, indent=1)) for row in rows]
        self._run.log({"completions": texts}, step=step)

    def close(self) -> None:
        """See Tracker."""
        self._run.finish()


TRACKERS: dict[str, type[Tracker]] = {
    "wandb": Wandb,
    "mlflow": MLflow,
    "trackio": Trackio,
    "swanlab": SwanLab,
}
"""By the name of the module that each imports; the extra in pyproject.toml is called so, too."""


def check_loggers(config: RunConfig) -> None:
    """Raise ConfigError for a tracker that nobody knows, or that is not installed here; imports
    none of them."""
    wanted = config.observe.loggers
    setting = f"observe.loggers=[{','.join(wanted)}]"
    for name in wanted:
        if name not in TRACKERS:
            raise ConfigError(f"{setting}: no tracker {name!r}{instead(name, TRACKERS)}")
    if missing := [name for name in wanted if find_spec(name) is None]:
        extras = ",".join(missing)
        raise ConfigError(
            f"{setting}: not installed here: {', '.join(missing)}; pip install 'rlsys[{extras}]', "
            f"from a clone '.[{extras}]', or leave it out: metrics.jsonl and TensorBoard are "
            "always written"
        )
