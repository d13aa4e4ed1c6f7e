"""A recipe: stages, of which each takes what others leave, in an order that allows it."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsys.errors import ConfigError
from rlsys.lineage.kinds import KINDS, RL, Kind
from rlsys.recipes.gates import Condition

REFERENCE = re.compile(r"\$\{\s*([\w-]+)\.([\w-]+)\s*\}")
"""An output of another stage, as a recipe writes it."""


@dataclass(frozen=True)
class Reference:
    """An output of another stage."""

    stage: str
    output: str

    def __str__(self) -> str:
        return f"${{{self.stage}.{self.output}}}"


@dataclass(frozen=True)
class StageSpec:
    """One stage as the recipe has it."""

    name: str
    kind: str
    config: Path
    where: str
    """`FILE: stage NAME`, for errors."""
    overrides: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str | Reference] = field(default_factory=dict)
    """A path is as on a command line: from where the command is started, or an id of the hub."""
    gate: tuple[Condition, ...] = ()

    @property
    def row(self) -> Kind:
        """Of its kind."""
        return KINDS[self.kind]

    @property
    def references(self) -> dict[str, Reference]:
        """The outputs that it takes, by the names of its inputs; those of its overrides by where
        they stand."""
        named = {n: one for n, one in self.inputs.items() if isinstance(one, Reference)}
        deep = {
            f"{key}[{i}]" if i else key: one
            for key, value in self.overrides.items()
            for i, one in enumerate(_inside(value))
        }
        return deep | named

    @property
    def told(self) -> list[str]:
        """Settings that its command brings itself."""
        return [f"run.stage={self.row.stage}"] if self.row.stage not in ("", RL) else []

    def arguments(self, resolve: Callable[[Reference], str]) -> list[str]:
        """`section.key=value` for its command, with inputs where their settings are."""

        def path(one: str | Reference) -> str:
            return resolve(one) if isinstance(one, Reference) else one

        settings = {key: _resolved(value, resolve) for key, value in self.overrides.items()}
        settings |= self.row.placed({name: path(one) for name, one in self.inputs.items()})
        return [f"{key}={json.dumps(one, ensure_ascii=False)}" for key, one in settings.items()]


@dataclass(frozen=True)
class Recipe:
    """Stages in an order in which each comes after all that it takes something from."""

    file: Path
    scale: str
    about: str
    stages: tuple[StageSpec, ...]

    @property
    def name(self) -> str:
        """As folders have it: `r1-tiny`."""
        return "-".join(part for part in (self.file.stem, self.scale) if part)

    def stage(self, name: str) -> StageSpec:
        """The one of that name."""
        return next(stage for stage in self.stages if stage.name == name)


def ordered(stages: Sequence[StageSpec]) -> Iterator[StageSpec]:
    """Each after those that it takes from or whose figures its gate asks for, else as written.

    Raises:
        ConfigError: they form a circle.
    """
    by_name = {stage.name: stage for stage in stages}
    done: list[str] = []
    path: list[str] = []

    def visit(stage: StageSpec) -> Iterator[StageSpec]:
        if stage.name in done:
            return
        if stage.name in path:
            circle = " -> ".join([*path[path.index(stage.name) :], stage.name])
            raise ConfigError(f"{stage.where}: the stages form a circle: {circle}")
        path.append(stage.name)
        for name in before(stage):
            yield from visit(by_name[name])
        path.pop()
        done.append(stage.name)
        yield stage

    for stage in stages:
        yield from visit(stage)


def before(stage: StageSpec) -> list[str]:
    """The names of the stages that have to be done first."""
    taken = [reference.stage for reference in stage.references.values()]
    asked = [m.stage for condition in stage.gate for m in condition.measured if m.stage]
    return list(dict.fromkeys([*taken, *asked]))


def _inside(value: Any) -> Iterator[Reference]:
    """The references in a value at any depth."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _inside(one)
    elif isinstance(value, list):
        for one in value:
            yield from _inside(one)
    elif isinstance(value, str) and (found := REFERENCE.fullmatch(value)):
        yield Reference(found[1], found[2])


def _resolved(value: Any, resolve: Callable[[Reference], str]) -> Any:
    """The value with paths in the place of references."""
    if isinstance(value, dict):
        return {key: _resolved(one, resolve) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, resolve) for one in value]
    if isinstance(value, str) and (found := REFERENCE.fullmatch(value)):
        return resolve(Reference(found[1], found[2]))
    return value
