"""How each stage of a recipe stands: done, running, out of date and why, its gate failed."""

from dataclasses import dataclass
from enum import StrEnum

from rlsys.lineage.manifest import Manifest
from rlsys.recipes.check import Checked
from rlsys.recipes.child import how_ended
from rlsys.recipes.folder import Begun, RecipeFolder
from rlsys.recipes.freshness import differences, other_versions
from rlsys.recipes.gates import said
from rlsys.recipes.recipe import StageSpec, before
from rlsys.recipes.runner import verdicts_of
from rlsys.recipes.table import minutes


class State(StrEnum):
    """Of a stage."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    OUT_OF_DATE = "out of date"
    GATE_FAILED = "gate failed"
    DONE = "done"


@dataclass(frozen=True)
class Standing:
    """One stage."""

    stage: StageSpec
    state: State
    remarks: list[str]
    """Why, with figures."""
    minutes: float | None
    """What it took; None: it has not come to its end."""


def standings(checked: Checked, folder: RecipeFolder) -> list[Standing]:
    """Of every stage, in the recipe's order."""
    found: dict[str, Standing] = {}
    for stage in checked.recipe.stages:
        made, begun = folder.manifest(stage.name), folder.begun(stage.name)
        stale = [n for n in before(stage) if n in found and _is_stale(found[n])]
        behind = [f"behind {name}, which is {found[name].state}" for name in stale]
        state, remarks = _state(stage, checked, folder, made, begun, behind)
        found[stage.name] = Standing(stage, state, remarks, minutes(made) if made else None)
    return list(found.values())


def _state(
    stage: StageSpec,
    checked: Checked,
    folder: RecipeFolder,
    made: Manifest | None,
    begun: Begun | None,
    behind: list[str],
) -> tuple[State, list[str]]:
    if begun and begun.runs:
        return State.RUNNING, [f"process {begun.process[0]:.0f}; {folder.log(stage.name)}"]
    if begun is None and made is None:
        return State.WAITING, []
    if changed := [*differences(stage, checked, folder), *behind]:
        return State.OUT_OF_DATE, list(dict.fromkeys(changed))
    if made is None:
        assert begun is not None
        if begun.status:
            return State.FAILED, [f"ended by {how_ended(begun.status)}; {folder.log(stage.name)}"]
        return State.STOPPED, ["`rlsys recipe run` goes on with it"]
    verdicts = verdicts_of(stage, made, folder)
    if missed := [said(verdict) for verdict in verdicts if not verdict.passed]:
        return State.GATE_FAILED, missed
    versions = other_versions(made)
    return State.DONE, [*map(said, verdicts), *([versions] if versions else [])]


def _is_stale(one: Standing) -> bool:
    """Whether what it leaves, or left, is not what those behind it should have."""
    return one.state not in (State.DONE, State.GATE_FAILED)
