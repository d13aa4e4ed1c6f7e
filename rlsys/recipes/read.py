"""A recipe read from its YAML file, at one of its scales.

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

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from rlsys.config.load import CONFIGS
from rlsys.config.resume import flat
from rlsys.config.run import RunConfig
from rlsys.config.yaml_files import fault_of, read_yaml
from rlsys.config.yaml_values import UNREADABLE, as_typed, require_plain_numbers
from rlsys.errors import ConfigError, instead
from rlsys.lineage.kinds import KINDS, Kind, word_of
from rlsys.recipes.gates import read_condition
from rlsys.recipes.overrides import by_whole_names, laid_over
from rlsys.recipes.recipe import REFERENCE, Recipe, Reference, StageSpec, ordered

ALL = "all"
"""In a scale: of every stage."""
_TAKEN = (ALL, "asked", "logs", "lock", "superseded")
"""Names that mean something else, in a recipe or in its folder."""
_NAME = re.compile(r"[A-Za-z]\w*")
_OVERLAY = ("config", "overrides", "inputs", "gate")
_STAGE = ("name", "kind", *_OVERLAY)
_MAPPINGS = {"overrides": "{loop.steps: 40}", "inputs": "{policy: PATH}"}
_RECIPE = ("about", "stages", "scales")
_SECTIONS = tuple(section.name for section in fields(RunConfig))
_FOLDER = "recipes"
"""Of those that ship."""


def read_recipe(file: Path, scale: str = "", overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe at one of its scales.

    Args:
        overrides: `STAGE.section.key=value` of one stage, `section.key=value` of all.
    Raises:
        ConfigError: naming what cannot be, where it stands, and the nearest valid.
    """
    content = cast(dict[str, Any], OmegaConf.to_container(_read(file)))
    _require_keys(content, _RECIPE, f"{file}")
    if not isinstance(about := content.get("about"), str | None):
        raise ConfigError(f"{file}: about: expected a text, in a line, got {about!r}")
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
    told = [_read_override(text, names) for text in overrides]
    stages = [_overridden(stage, told) for stage in stages]
    for stage in stages:
        _require_references(stage, {one.name: one for one in stages})
        _require_said_once(stage)
    return Recipe(file.resolve(), scale, about or "", tuple(ordered(stages)))


def _read(file: Path) -> DictConfig:
    folders = (CONFIGS / _FOLDER, file if file.is_dir() else file.parent)
    there = [one for folder in folders for one in folder.glob("*.yaml") if _is_recipe(one)]
    return read_yaml(file, "recipe", there)


def _is_recipe(file: Path) -> bool:
    """Rather than a stage's config, as may lie beside it."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.startswith("stages:") for line in lines)


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
    if numbers := [one for one in scales if not isinstance(one, str)]:
        raise ConfigError(
            f"{file}: scales: the name {numbers[0]!r} is no text to YAML; nearest valid: "
            f"'{str(numbers[0]).lower()}', in quotes"
        )
    if scale not in scales and (scale or scales):
        if not scale:
            raise ConfigError(f"{file}: --scale is missing; there are: {', '.join(scales)}")
        guess = instead(scale, scales) if scales else "; the recipe has no scales: leave it out"
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
    settings = [by_whole_names(one.get("overrides") or {}, where) for one in (stage, overlay)]
    merged = {
        "overrides": laid_over(*settings),
        "inputs": laid_over(stage.get("inputs") or {}, overlay.get("inputs") or {}),
    }
    return {**stage, **overlay, **merged}


def _stage(
    raw: dict[str, Any], name: str, names: Sequence[str], where: str, folder: Path
) -> StageSpec:
    if names.count(name) > 1:
        raise ConfigError(f"{where}: there are {names.count(name)} stages of that name")
    if "kind" not in raw:
        raise ConfigError(f"{where}: kind is missing; there are: {', '.join(sorted(KINDS))}")
    kind = str(raw["kind"])
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
    found = REFERENCE.fullmatch(value)
    if not found and "${" in value:
        raise ConfigError(
            f"{where}: {name}: {value!r}: expected an output as ${{STAGE.OUTPUT}} and nothing else"
        )
    return Reference(found[1], found[2]) if found else value


def _read_override(text: str, names: Sequence[str]) -> tuple[str, str, Any]:
    """A setting of the command line: its stage (empty: all), its name and its value. A stage may be
    called as a section is: what follows tells `teacher.loop.steps` from `teacher.path`."""
    key, separator, value = text.partition("=")
    first, _, rest = key.partition(".")
    is_section = first in _SECTIONS
    is_whole = rest.partition(".")[0] in _SECTIONS
    stage = first if first in names and (is_whole or not is_section) else ""
    setting = rest if stage else key
    if not separator or not setting:
        raise ConfigError(f"override {text!r}: expected [STAGE.]section.key=value")
    if not stage and not is_section and is_whole:
        raise ConfigError(f"override {text!r}: no stage {first!r}{instead(first, names)}")
    typed = as_typed(setting, value) or "''"
    try:
        read = OmegaConf.to_container(OmegaConf.from_dotlist([f"v={typed}"]))
    except UNREADABLE as error:
        raise ConfigError(f"override {text!r}: {fault_of(error)}") from error
    require_plain_numbers(typed, f"override {text!r}")
    return stage, setting, cast(dict[str, Any], read)["v"]


def _overridden(stage: StageSpec, told: Sequence[tuple[str, str, Any]]) -> StageSpec:
    """With what the command line says of it, or of all."""
    for name, setting, value in told:
        if name in ("", stage.name):
            own = by_whole_names({setting: value}, stage.where)
            stage = replace(stage, overrides=laid_over(stage.overrides, own))
    return stage


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


def _require_said_once(stage: StageSpec) -> None:
    """Raise ConfigError where an input and an override say the same setting: which of them was
    meant nobody can know."""
    settings = {stage.row.setting(name): name for name in stage.inputs}
    for key, value in flat(stage.overrides).items():
        if key in settings:
            name = settings[key]
            raise ConfigError(
                f"{stage.where}: input {name}: {stage.inputs[name]} and override {key}: {value} "
                "say the same setting: leave one of them out"
            )


def _require_keys(
    content: Any, known: Sequence[str], where: str, what: str = "unknown key"
) -> None:
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: expected a mapping, got {content!r}")
    for key in content:
        if key not in known:
            raise ConfigError(f"{where}: {what} {key!r}{instead(str(key), known)}")
