"""What a run's folder says, read whole: settings, metrics, held-out checks, how it stands.

The run may still go on: half a line at the end of its metrics is not there yet.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from rlsys.config.model_names import FILE
from rlsys.config.resume import flat
from rlsys.config.yaml_files import read_yaml
from rlsys.disk import read_object
from rlsys.errors import ConfigError, DataError
from rlsys.evaluation import curve
from rlsys.evaluation.heldout import HeldOut
from rlsys.observe.runs import Run, read_run
from rlsys.run.folder import LOCK, MEMBERS, METRICS, SUMMARY, read_lines
from rlsys.watch.accounting import Times
from rlsys.watch.course import PARTS

_OWN = ("run.name", "run.directory")
"""Settings in which any two runs differ."""
SECONDS = "throughput/step_s"


@dataclass(frozen=True)
class RunRecord:
    """Everything that a report says of a run, but for its completions."""

    run: Run
    settings: dict[str, Any]
    """Flat: `loop.steps`."""
    lines: list[dict[str, float]]
    """Metrics of each step, in the order of the steps."""
    members: list[dict[str, Any]]
    """Where each member's time went, by step; empty of a run that kept it not."""
    checks: list[HeldOut]
    summary: dict[str, Any]
    """Empty while there is none of the newest step."""

    @property
    def name(self) -> str:
        """As its folder is named."""
        return self.run.folder.name

    def times(self) -> dict[str, Times]:
        """Of each role, from the shares of each step."""
        total: dict[str, Times] = {}
        for line in self.lines:
            wall = line.get(SECONDS, 0.0)
            roles: dict[str, dict[str, float]] = {}
            for role, state, share in shares(line):
                roles.setdefault(role, {})[state] = share * wall
            for role, seconds in roles.items():
                busy = seconds.pop("busy", 0.0)
                total[role] = total.get(role, Times()) + Times(busy, wall, seconds)
        return total


def read_record(folder: Path) -> RunRecord:
    """A run's record, from a folder that find_run found.

    Raises:
        ConfigError: no run has begun in the folder.
        ConfigError, DataError: a file of it is damaged, as after a copy that was cut off; names
            file and line.
    """
    if not (folder / LOCK).exists():
        raise ConfigError(
            f"{folder}: there is a {FILE}, but no run has begun there; "
            "nearest valid: a folder that `rlsys runs` lists"
        )
    run = read_run(folder)
    settings = cast(dict[str, Any], OmegaConf.to_container(read_yaml(folder / FILE)))
    summary = read_object(folder / SUMMARY)
    is_current = summary.get("steps") == run.step
    return RunRecord(
        run=run,
        settings=flat(settings),
        lines=_read_metrics(folder / METRICS),
        members=_read_members(folder / MEMBERS),
        checks=curve.read(folder / curve.FILE),
        summary=summary if is_current else {},
    )


def shares(line: dict[str, float]) -> Iterator[tuple[str, str, float]]:
    """Role, state and share of the step's time: of the metrics `time/ROLE/STATE`."""
    for key, value in line.items():
        group, _, rest = key.partition("/")
        if group == "time":
            role, _, state = rest.partition("/")
            if state:  # `time` alone is when the step was over
                yield role, state, value


def alarms(lines: Sequence[dict[str, float]]) -> dict[str, list[int]]:
    """The steps in which each alarm was on, by its name; none that never was."""
    on: dict[str, list[int]] = {}
    for line in lines:
        for key, value in line.items():
            if key.startswith("alarm/") and value:
                on.setdefault(key.removeprefix("alarm/"), []).append(int(line["step"]))
    return on


def differing(records: Sequence[RunRecord]) -> list[tuple[str, list[str]]]:
    """Settings that are not the same in all runs, each with its value in each; of a single run,
    all of them."""
    keys = sorted({key for record in records for key in record.settings} - set(_OWN))
    rows = [(key, [_shown(record, key) for record in records]) for key in keys]
    return [(key, values) for key, values in rows if len(records) == 1 or len(set(values)) > 1]


def _shown(record: RunRecord, key: str) -> str:
    """As in YAML; a setting that this run's version did not have is empty."""
    if key not in record.settings:
        return ""
    value = record.settings[key]
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _read_lines(path: Path) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for _, line in read_lines(path):
        if lines and line["step"] <= lines[-1]["step"]:
            raise DataError(
                f"{path}: step {line['step']} stands behind step {lines[-1]['step']}, where a run "
                "writes each step once and in order: are lines of two runs in it?"
            )
        # What was no number in the run is null here: the step has no such metric.
        lines.append({name: value for name, value in line.items() if value is not None})
    return lines


def _read_metrics(path: Path) -> list[dict[str, float]]:
    lines = _read_lines(path)
    for line in lines:
        for name, value in line.items():
            if not _is_share(value):
                raise DataError(
                    f"{path}, step {line['step']}: {name} is {str(value)[:40]!r}, and no number"
                )
    return [
        {name: value for name, value in line.items() if abs(value) <= sys.float_info.max}
        for line in lines
    ]


def _read_members(path: Path) -> list[dict[str, Any]]:
    lines = _read_lines(path)
    for line in lines:
        told = [line.get("members", {}), line.get("parts", {})]
        if not all(map(_tells, told, (_is_share, _are_parts))):
            raise DataError(
                f"{path}, step {line['step']}: not as a run writes it, a share for each state of a "
                f"member, and {PARTS} in `parts`; without that file there are bands of roles alone"
            )
    return lines


def _tells(told: Any, is_value: Callable[[Any], bool]) -> bool:
    """Whether each member has such a value of each of its states."""
    return isinstance(told, dict) and all(
        isinstance(states, dict) and all(map(is_value, states.values())) for states in told.values()
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float)


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and len(value) == PARTS and all(map(_is_share, value))
