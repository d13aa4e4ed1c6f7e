"""A resumed run's settings: its own, but for a few that do not change what it computes."""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlsys.config.load import load
from rlsys.config.model_names import FILE, nearest_run
from rlsys.config.ranges import changeable
from rlsys.config.run import RunConfig, StageKind
from rlsys.errors import ConfigError

_MAY_CHANGE = tuple(changeable(RunConfig))


def find_run(run: str, directory: str) -> Path:
    """The folder of a run, by its path or by its name in `directory`.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    parent = Path(directory).expanduser()
    for folder in (Path(run).expanduser(), parent / run):
        if (folder / FILE).is_file():
            return folder.resolve()
    raise ConfigError(
        f"run {run}: neither a folder with a {FILE}, nor a run in {parent} (run.directory); "
        f"{nearest_run(run, parent)}"
    )


def resumed_config(
    folder: Path, overrides: list[str], *more: Callable[[RunConfig], None]
) -> RunConfig:
    """The settings that a run's folder holds, with overrides that leave its meaning alone.

    run.directory and run.name become those of the folder, which may have been moved.

    Raises:
        ConfigError: an override would change what is computed, or would take steps away.
    """
    saved, wanted = load(folder / FILE), load(folder / FILE, overrides, *more)
    for config in (saved, wanted):
        config.run.directory, config.run.name = str(folder.parent), folder.name
    optimizer = saved.learner.optimizer
    ends = ("loop.steps", "loop.epochs") if optimizer.falls else ()
    before, after = flat(asdict(saved)), flat(asdict(wanted))
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if _equal(was, now):
            continue
        if key in ends:
            raise ConfigError(
                f"{key}={_shown(now)}: the run's "
                f"learner.optimizer.schedule={optimizer.schedule.value} ends with "
                f"loop.steps={saved.loop.steps}; leave it, or {_new_run(saved, folder)}"
            )
        if not key.startswith(_MAY_CHANGE):
            raise ConfigError(
                f"{key}={_shown(now)}: the run began with {key}={_shown(was)}, and to change it "
                f"would change what the run computes; leave it, or {_new_run(saved, folder)}. A "
                f"resumed run may change {', '.join(_MAY_CHANGE)}"
            )
    if wanted.loop.steps < saved.loop.steps:
        raise ConfigError(
            f"loop.steps={wanted.loop.steps}: the run has loop.steps={saved.loop.steps}, and a "
            f"resumed one may only have more; nearest valid: {saved.loop.steps}"
        )
    return wanted


def _new_run(config: RunConfig, folder: Path) -> str:
    """What else to do; only a run that trains has weights that another one may begin with."""
    if config.run.stage in (StageKind.sample, StageKind.merge, StageKind.reward_model):
        return "start a new run"
    weights = f"model.path={folder}/checkpoints/latest/policy"
    return f"start a new run from the checkpoint's weights ({weights})"


def flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their whole names: `loop.steps`."""
    settings: dict[str, Any] = {}
    for name, value in section.items():
        if isinstance(value, dict):
            settings |= flat(value, f"{prefix}{name}.")
        else:
            settings[f"{prefix}{name}"] = value
    return settings


def _equal(a: Any, b: Any) -> bool:
    nan = isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)
    return nan or a == b


def _shown(value: Any) -> str:
    return str(getattr(value, "value", value))
