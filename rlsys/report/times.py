"""Where a run's time went, as the page's bands draw it.

A column is a stretch of time with the share of each state in it. The newest steps are told in
parts, so that it is seen when in a step a role stood still; older ones as a whole, and in a long
run several together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsys.report.charts import mean, rounded, stretches
from rlsys.report.folder import SECONDS, RunRecord, shares
from rlsys.watch.course import PARTS

DETAILED = 50
"""Of the newest steps each part is a column: as many columns as the older steps have at most."""

Shares = dict[str, dict[str, float]]
"""By band, a role or a member, the share of each of its states."""


@dataclass(frozen=True)
class _Column:
    step: int
    seconds: float
    bands: Shares


def bands(record: RunRecord) -> dict[str, Any]:
    """Columns `step`, the last step in each, and `s`, the seconds that it took.

    `bands` has per role, and per member of a role with several, the shares of its states; null
    where nobody told any.
    """
    told = {line["step"]: line for line in record.members}
    older, newest = record.lines[:-DETAILED], record.lines[-DETAILED:]
    columns = [
        _together([_whole(line, told.get(line["step"], {})) for line in part])
        for part in stretches(older)
    ]
    for line in newest:
        columns += _in_parts(_whole(line, told.get(line["step"], {})), told.get(line["step"], {}))
    shown = _shown({name: None for column in columns for name in column.bands})
    return {
        "step": [column.step for column in columns],
        "s": [rounded(column.seconds) for column in columns],
        "bands": {name: _band([column.bands.get(name) for column in columns]) for name in shown},
    }


def _whole(line: Mapping[str, Any], told: Mapping[str, Any]) -> _Column:
    """A step as one column."""
    found: Shares = {}
    for role, state, share in shares(dict(line)):
        found.setdefault(role, {})[state] = share
    return _Column(line["step"], line.get(SECONDS, 0.0), found | told.get("members", {}))


def _in_parts(step: _Column, told: Mapping[str, Any]) -> list[_Column]:
    """A step as a column per part, where its members told any.

    A role's shares are the mean of its members'. Who told none, such as the driver, keeps the
    step's shares in each part.
    """
    members: Mapping[str, Mapping[str, Sequence[int]]] = told.get("parts", {})
    if not members:
        return [step]
    columns = []
    for part in range(PARTS):
        own = {
            name: {state: values[part] / 100 for state, values in states.items()}
            for name, states in members.items()
        }
        by_role: dict[str, list[dict[str, float]]] = {}
        for name, states in own.items():
            by_role.setdefault(_role(name), []).append(states)
        roles = {role: _mean_shares(several) for role, several in by_role.items()}
        columns.append(_Column(step.step, step.seconds / PARTS, step.bands | roles | own))
    return columns


def _together(several: Sequence[_Column]) -> _Column:
    names = {name: None for column in several for name in column.bands}
    merged = {
        name: _mean_shares([column.bands[name] for column in several if name in column.bands])
        for name in names
    }
    return _Column(several[-1].step, sum(column.seconds for column in several), merged)


def _mean_shares(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """A state that one of them was never in counts as 0 there."""
    states = dict.fromkeys(state for one in several for state in one)
    return {s: sum(one.get(s, 0.0) for one in several) / len(several) for s in states}


def _band(columns: Sequence[Mapping[str, float] | None]) -> dict[str, list[float | None]]:
    states = dict.fromkeys(state for one in columns for state in one or ())
    return {
        state: [mean([None if one is None else one.get(state, 0.0)]) for one in columns]
        for state in states
    }


def _shown(names: Mapping[str, None]) -> list[str]:
    """Roles, and the members of those that have several: of one alone the role says the same."""
    roles = [name for name in names if _role(name) == name]
    members = sorted((n for n in names if n not in roles), key=lambda one: (len(one), one))
    crowded = [_role(name) for name in members]
    return roles + [name for name in members if crowded.count(_role(name)) > 1]


def _role(band: str) -> str:
    """`rollout-1` is of `rollout`."""
    role, _, number = band.rpartition("-")
    return role if role and number.isdigit() else band
