"""A recipe: stages, of which each takes what others leave, in one YAML file.

    about: what it makes, in a line
    stages:
      - name: sft1
        kind: sft                          a row of rlsys/lineage/kinds.py
        config: ../sft.yaml                beside the recipe
        overrides: {loop.epochs: 1}        section.key: value, as on the command line
      - name: rl
        kind: rl
        config: ../local.yaml
        inputs: {policy: "${sft1.policy}"} a name of the kind: an earlier output, or a path
        gate: [pass_at_1.low > 0.5]
    scales:
      tiny:                                a scale overlays the stages
        all: {overrides: {...}}
        rl: {overrides: {loop.steps: 8}, gate: []}

An override may name an output, too: `options: {model: "${judge.reward_model}"}`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf

from rlsys.config.load import read_yaml
from rlsys.errors import ConfigError, instead
from rlsys.lineage.kinds import KINDS, RL, Kind, word_of
from rlsys.recipes.gates import Condition, read_condition

ALL = "all"
"""In a scale: of every stage."""
_TAKEN = (ALL, "asked", "logs", "lock", "superseded")
"""Names that mean something else, in a recipe or in its folder."""
_NAME = re.compile(r"[A-Za-z]\w*")
_REFERENCE = re.compile(r"\$\{\s*([\w-]+)\.([\w-]+)\s*\}")
_OVERLAY = ("config", "overrides", "inputs", "gate")
_STAGE = ("name", "kind", *_OVERLAY)
_MAPPINGS = {"overrides": "{loop.steps: 40}", "inputs": "{policy: PATH}"}
_RECIPE = ("about", "stages", "scales")


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


def read_recipe(file: Path, scale: str = "", overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe at one of its scales.

    Args:
        overrides: `STAGE.section.key=value` of one stage, `section.key=value` of all.
    Raises:
        ConfigError: naming what cannot be, where it stands, and the nearest valid.
    """
    content = cast(dict[str, Any], OmegaConf.to_container(read_yaml(file)))
    _require_keys(content, _RECIPE, f"{file}")
    raw = content.get("stages")
    if not isinstance(raw, list) or not raw:
        raise ConfigError(f"{file}: stages: expected a list of stages with at least one")
    names = [_name_of(one, number, file) for number, one in enumerate(raw, start=1)]
    overlays = _overlays(content.get("scales") or {}, scale, names, file)
    stages = []
    for name, one in zip(names, raw, strict=True):
        where = f"{file}: stage {name}"
        _require_keys(one, _STAGE, where)
        for overlay in (overlays.get(ALL, {}), overlays.get(name, {})):
            one = _laid_over(one, overlay, where)
        stages.append(_stage(one, name, names, where, file.parent))
    stages = [_overridden(stage, names, overrides) for stage in stages]
    for stage in stages:
        _require_references(stage, {one.name: one for one in stages})
    return Recipe(file.resolve(), scale, str(content.get("about", "")), tuple(_ordered(stages)))


def _name_of(stage: Any, number: int, file: Path) -> str:
    if not isinstance(stage, dict) or not isinstance(name := stage.get("name"), str):
        raise ConfigError(f"{file}: stage {number}: expected a mapping with a name")
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise ConfigError(
            f"{file}: stage {number}: name {name!r}: expected letters, digits and _, a letter "
            f"first, and none of {', '.join(_TAKEN)}, which mean something else"
        )
    return name


def _overlays(scales: Any, scale: str, names: Sequence[str], file: Path) -> dict[str, Any]:
    """What a scale lays over the stages, by their names."""
    if not isinstance(scales, dict):
        raise ConfigError(f"{file}: scales: expected a mapping of names, as in tiny: {{...}}")
    if scale not in scales and (scale or scales):
        guess = instead(scale, scales) if scale else f": name one of {', '.join(scales)}"
        raise ConfigError(f"{file}: --scale {scale}{guess}")
    found = scales.get(scale) or {}
    if not isinstance(found, dict):
        raise ConfigError(f"{file}: scale {scale}: expected a mapping of stages")
    _require_keys(found, (*names, ALL), f"{file}: scale {scale}", "no stage")
    for name, overlay in found.items():
        _require_keys(overlay, _OVERLAY, f"{file}: scale {scale}: stage {name}")
    return found


def _laid_over(stage: dict[str, Any], overlay: dict[str, Any], where: str) -> dict[str, Any]:
    """Overrides and inputs are merged, config and gate replaced."""
    for key in ("overrides", "inputs"):
        for said in (stage.get(key) or {}, overlay.get(key) or {}):
            if not isinstance(said, dict):
                raise ConfigError(
                    f"{where}: {key}: expected a mapping, as in {_MAPPINGS[key]}, got {said!r}"
                )
    merged = {
        key: _merged(stage.get(key) or {}, overlay.get(key) or {})
        for key in ("overrides", "inputs")
    }
    return {**stage, **overlay, **merged}


def _merged(first: Any, later: Any) -> dict[str, Any]:
    """What is said later wins; of a run's length, which two settings can say, too."""
    lengths = {"loop.steps", "loop.epochs"}
    void = lengths if lengths & set(later) else set()
    return {**{key: value for key, value in first.items() if key not in void}, **later}


def _stage(
    raw: dict[str, Any], name: str, names: Sequence[str], where: str, folder: Path
) -> StageSpec:
    if names.count(name) > 1:
        raise ConfigError(f"{where}: there are {names.count(name)} stages of that name")
    kind = str(raw.get("kind"))
    if kind not in KINDS:
        raise ConfigError(f"{where}: kind {kind!r}: no such kind{instead(kind, KINDS)}")
    if not isinstance(config := raw.get("config"), str):
        raise ConfigError(f"{where}: config: expected the path of a config file, got {config!r}")
    gate = raw.get("gate") or []
    if not isinstance(gate, list):
        gate = [gate]
    inputs = {
        key: _input(str(key), value, KINDS[kind], where) for key, value in raw["inputs"].items()
    }
    if fault := KINDS[kind].misnumbered(inputs):
        raise ConfigError(f"{where}: {fault}")
    return StageSpec(
        name=name,
        kind=kind,
        config=folder / Path(config).expanduser(),
        where=where,
        overrides=dict(raw["overrides"]),
        inputs=inputs,
        gate=tuple(read_condition(str(one), names, where) for one in gate),
    )


def _input(name: str, value: Any, kind: Kind, where: str) -> str | Reference:
    if kind.setting(name) is None:
        names = [*kind.inputs, *(f"{one}_1" for one in kind.lists)]
        raise ConfigError(f"{where}: no input {name!r}{instead(name, names)}")
    if not isinstance(value, str) or not value:
        raise ConfigError(
            f"{where}: {name}: {value!r}: expected a path, or an output as ${{stage.policy}}"
        )
    found = _REFERENCE.fullmatch(value)
    if not found and "${" in value:
        raise ConfigError(
            f"{where}: {name}: {value!r}: expected an output as ${{STAGE.OUTPUT}} and nothing else"
        )
    return Reference(found[1], found[2]) if found else value


def _overridden(stage: StageSpec, names: Sequence[str], overrides: Sequence[str]) -> StageSpec:
    """With what the command line says of it, or of all."""
    own: dict[str, Any] = {}
    for text in overrides:
        key, separator, value = text.partition("=")
        first, _, rest = key.partition(".")
        if not separator:
            raise ConfigError(f"override {text!r}: expected [STAGE.]section.key=value")
        if first not in names or first == stage.name:
            read = OmegaConf.to_container(OmegaConf.from_dotlist([f"v={value or chr(39) * 2}"]))
            own[rest if first == stage.name else key] = cast(dict[str, Any], read)["v"]
    return replace(stage, overrides=_merged(stage.overrides, own))


def _require_references(stage: StageSpec, stages: Mapping[str, StageSpec]) -> None:
    """Raise ConfigError unless every output that a stage takes is one that another stage leaves."""
    for name, reference in stage.references.items():
        said = f"{stage.where}: {name}: {reference}"
        producer = stages.get(reference.stage)
        if producer is None:
            others = instead(reference.stage, stages)
            raise ConfigError(f"{said}: no stage {reference.stage!r}{others}")
        if producer is stage:
            raise ConfigError(f"{said}: the stage names itself")
        if reference.output not in producer.row.outputs:
            raise ConfigError(
                f"{said}: a stage of kind {producer.kind} leaves no {reference.output!r}"
                f"{instead(reference.output, producer.row.outputs)}"
            )
        if name in stage.inputs and word_of(name) != reference.output:
            raise ConfigError(f"{said}: {name} takes {word_of(name)}, and not {reference.output}")
    for condition in stage.gate:
        for measured in condition.measured:
            if measured.stage == stage.name:
                raise ConfigError(
                    f"{stage.where}: gate {condition.text!r}: the figures of the gate's own stage "
                    f"have no name before them; nearest valid: {measured.figure}"
                )


def _ordered(stages: Sequence[StageSpec]) -> Iterator[StageSpec]:
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


def _require_keys(
    content: Any, known: Sequence[str], where: str, what: str = "unknown key"
) -> None:
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: expected a mapping, got {content!r}")
    for key in content:
        if key not in known:
            raise ConfigError(f"{where}: {what} {key!r}{instead(str(key), known)}")


def _inside(value: Any) -> Iterator[Reference]:
    """The references in a value at any depth."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _inside(one)
    elif isinstance(value, list):
        for one in value:
            yield from _inside(one)
    elif isinstance(value, str) and (found := _REFERENCE.fullmatch(value)):
        yield Reference(found[1], found[2])


def _resolved(value: Any, resolve: Callable[[Reference], str]) -> Any:
    """The value with paths in the place of references."""
    if isinstance(value, dict):
        return {key: _resolved(one, resolve) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, resolve) for one in value]
    if isinstance(value, str) and (found := _REFERENCE.fullmatch(value)):
        return resolve(Reference(found[1], found[2]))
    return value
