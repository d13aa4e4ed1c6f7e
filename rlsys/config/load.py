"""From YAML files and `key=value` overrides to a checked RunConfig, in milliseconds.

Order, later wins: the dataclass defaults, base.yaml beside the config, the algorithm preset, the
config file, the command line. After loading there is no DictConfig any more, and a model.path that
named a run is the folder of its newest policy, which a resume then finds again.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.renamed import RENAMED, RENAMED_VALUES
from rlsys.config.run import RunConfig
from rlsys.config.shipped import shipped_configs
from rlsys.config.validate import said, validate
from rlsys.config.verifiers import find_reward_models
from rlsys.errors import ConfigError, instead, nearest

CONFIGS = shipped_configs()
_COMMAND_LINE = "the command line"
_TYPES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}
_NUMBERS = (int, float)
_SHORT = {
    "algorithm": "preset",
    "algorithm.advantage": "estimator",
    "algorithm.clip": "algorithm.loss.name",
    "algorithm.loss": "name",
    "algorithm.off_policy": "mode",
    "model": "path",
    "data": "train",
}
"""What a text in place of a section most often means: the setting of it, or one elsewhere."""


def load(
    path: str | Path,
    overrides: list[str] | None = None,
    *more: Callable[[RunConfig], None],
    told_by: str = _COMMAND_LINE,
) -> RunConfig:
    """Read a config file and apply `section.key=value` overrides.

    more: see rlsys.config.validate.
    told_by: where the overrides stand, for errors.

    Raises:
        ConfigError: naming the key or value, where it stands, and the nearest valid one.
    """
    path = Path(path)
    own = read_yaml(path)
    command_line = _parse_overrides(overrides or [])
    preset = _preset_name(own, command_line)
    layers: list[tuple[str, DictConfig]] = []
    if path.name != "base.yaml":
        layers.append(("configs/base.yaml", read_yaml(CONFIGS / "base.yaml")))
    if preset:
        layers.append((f"preset {preset}", _read_preset(preset)))
    layers += [(str(path), own), (told_by, command_line)]

    problems: list[str] = []
    for where, layer in layers:
        problems += _of_section(RunConfig, OmegaConf.to_container(layer), "", where)
    if problems:
        raise ConfigError(said(problems))
    merged = OmegaConf.structured(RunConfig)
    for where, layer in layers:
        merged = _merge(merged, _with_one_length(layer, where), where)
    try:
        config = cast(RunConfig, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {error.full_key}: {_first_line(error)}") from error
    _find_models(config)
    validate(config, *more)
    return config


def _find_models(config: RunConfig) -> None:
    """Runs stand for the folders of their policies. One that does not exist is named by `validate`,
    or when it is needed: it may be what another run will leave."""

    def found(model: str) -> str:
        with suppress(ConfigError):
            return find_model(model, "", config.run.directory)
        return model

    model = found(config.model.path)
    config.model.path = "" if model == LOCAL else model
    config.teacher.path, config.merge.base = found(config.teacher.path), found(config.merge.base)
    config.merge.policies = [found(policy) for policy in config.merge.policies]
    find_reward_models(config.verifiers, config.run.directory)


def to_yaml(config: RunConfig) -> str:
    """The resolved config as YAML that `load` reads back."""
    settings = OmegaConf.structured(config)
    if config.loop.epochs:  # they say how long the run is, and only one setting can
        content = cast(dict[str, Any], OmegaConf.to_container(settings, enum_to_str=True))
        del content["loop"]["steps"]
        settings = OmegaConf.create(content)
    return OmegaConf.to_yaml(settings)


def read_yaml(path: Path) -> DictConfig:
    """A YAML file that holds a mapping.

    Raises:
        ConfigError: it is not there, with the nearest that is; or it is no such file.
    """
    if not path.is_file():
        # By their stems: of short names, `.yaml` is the larger part, and alike in all.
        files = {p.stem: _from_here(p) for f in (CONFIGS, path.parent) for p in f.glob("*.yaml")}
        close = nearest(path.stem, files)
        there = f"there are: {', '.join(sorted(files.values()))}"
        hint = f"did you mean {files[close]!r}?" if close else there
        raise ConfigError(f"no config file {path}; {hint}")
    try:
        loaded = OmegaConf.load(path)
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        fault = f"{_line_of(error)}{_fault_of(error)}{_tab_in(path, error)}"
        raise ConfigError(f"{path} is not valid YAML: {fault}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path} must hold a mapping of sections, not a list or a text")
    return loaded


def _from_here(path: Path) -> str:
    """A path as a user would type it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _read_preset(name: str) -> DictConfig:
    """A preset of ours by its name, or one of the user's by its path."""
    if name.endswith((".yaml", ".yml")):
        file = Path(name).expanduser()
        if not file.is_file():
            beside = [str(file.parent / one.name) for one in file.parent.glob("*.yaml")]
            raise ConfigError(f"algorithm.preset: no file {file}{instead(str(file), beside)}")
        return read_yaml(file)
    folder = CONFIGS / "algorithms"
    names = sorted(p.stem for p in folder.glob("*.yaml"))
    if name not in names:
        raise ConfigError(f"algorithm.preset: no preset {name!r}{_nearest(name, names)}")
    return read_yaml(folder / f"{name}.yaml")


def _preset_name(*layers: DictConfig) -> str:
    """The preset that the last layer naming one asks for (`algorithm=NAME` is short for it)."""
    name = ""
    for layer in layers:
        section = layer.get("algorithm")
        if isinstance(section, DictConfig):
            name = str(section.get("preset", name))
    return name


def _parse_overrides(overrides: list[str]) -> DictConfig:
    pairs = []
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigError(f"override {text!r}: expected section.key=value")
        # OmegaConf reads nothing as None, which no field takes; here it is the empty text.
        pairs.append((f"{key}.preset" if key == "algorithm" else key, value or "''"))
    for key, value in pairs:
        try:
            OmegaConf.from_dotlist([f"{key}={value}"])
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise ConfigError(f"override '{key}={value}': {_fault_of(error)}") from error
    return OmegaConf.from_dotlist([f"{key}={value}" for key, value in pairs])


def _with_one_length(layer: DictConfig, where: str) -> DictConfig:
    """The layer; where it says how many steps, the epochs of the layers before it are void."""
    loop = cast(dict[str, Any], OmegaConf.to_container(layer)).get("loop")
    if not isinstance(loop, dict) or "steps" not in loop:
        return layer
    if loop.get("epochs", 0) not in (0, "0"):
        raise ConfigError(
            f"{where}: loop.steps={loop['steps']} and loop.epochs={loop['epochs']}: only one of "
            "them can say how long the run is; leave the other one out"
        )
    return cast(DictConfig, OmegaConf.merge(layer, {"loop": {"epochs": 0}}))


def _fault_of(error: Exception) -> str:
    """What YAML's reader says, in one line and without its quotations."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        return error.problem
    return " ".join(str(error).split())


def _line_of(error: Exception) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return "" if mark is None else f"line {mark.line + 1}: "


def _tab_in(path: Path, error: Exception) -> str:
    """A tab looks like the spaces that should stand there."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    lines = path.read_bytes().split(b"\n")
    if mark is None or b"\t" not in b"".join(lines[mark.line : mark.line + 1]):
        return ""
    return "; there is a tab, and YAML is indented by spaces alone"


def _merge(base: DictConfig, layer: DictConfig, where: str) -> DictConfig:
    """Uses both up: a copy of all that was merged before, for every layer, was half of `load`."""
    try:
        return cast(DictConfig, OmegaConf.unsafe_merge(base, layer))
    except OverflowError as error:  # an int of more digits than a float can hold
        raise ConfigError(f"{where}: a number is too large: {error}") from error
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        value = OmegaConf.select(layer, key)
        reason = _expected(RunConfig, key, error)
        raise ConfigError(f"{where}: {key}={value!r}: {reason}") from error


def _expected(section: type, key: str, error: Exception) -> str:
    """What a setting's type takes; what OmegaConf says where that has no plain name."""
    name, _, below = key.partition("[")[0].partition(".")
    hint = get_type_hints(section)[name]
    hint = get_args(hint)[0] if get_origin(hint) is list else hint
    if below:
        return _expected(_section_of(hint) or hint, below, error)
    return f"expected {_TYPES[hint]}" if hint in _TYPES else _first_line(error)


def _of_section(section: type, values: Any, path: str, where: str) -> Iterator[str]:
    """Each key that the section does not have, and each value of another shape.

    OmegaConf would find them, too, but names no path inside lists and none for whole sections.
    """
    if not isinstance(values, dict):
        is_short = path in _SHORT and isinstance(values, str)
        hint = f"; nearest valid: {_meant(path, str(values), where)}" if is_short else ""
        yield f"{where}: {path}={values!r}: expected a section of settings{hint}"
        return
    hints = get_type_hints(section)
    for name, value in values.items():
        key = f"{path}.{name}" if path else str(name)
        if name not in hints:
            yield f"{where}: unknown key {key!r}{_instead_of(key, path, list(hints))}"
        elif value is None and type(None) in get_args(hints[name]):
            continue
        elif below := _section_of(hints[name]):
            yield from _of_section(below, value, key, where)
        elif get_origin(hints[name]) is list:
            yield from _of_list(get_args(hints[name])[0], value, key, where)
        elif get_origin(hints[name]) is dict:
            yield from _of_mapping(get_args(hints[name])[1], value, key, where)


def _section_of(hint: Any) -> type | None:
    """The section that a field holds, or may hold beside null; None for any other."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next((cast(type, kind) for kind in kinds if is_dataclass(kind)), None)


def _meant(path: str, value: str, where: str) -> str:
    """A text in place of a section as the setting that it means, in the spelling of its place."""
    setting = _SHORT[path] if "." in _SHORT[path] else f"{path}.{_SHORT[path]}"
    value = RENAMED_VALUES.get(f"{setting}={value}", value)
    if where == _COMMAND_LINE:
        return f"{setting}={value}"
    return f"{setting.replace('.', ': {')}: {value}{'}' * setting.count('.')}"


def _instead_of(key: str, path: str, names: list[str]) -> str:
    """What an unknown key may mean: one like it at any depth, or those of its section."""
    if key in RENAMED:
        return f"; it is called {RENAMED[key]!r} now"
    every = _all_keys(RunConfig)
    if key in every:
        nested = f"{key.replace('.', ': {')}: ...{'}' * key.count('.')}"
        return f"; in a file a key has no dots: {nested}"
    siblings = {name: f"{path}.{name}" if path else name for name in names}
    there_are = ", ".join(siblings.values())
    siblings |= {o.rpartition(".")[2]: n for o, n in RENAMED.items() if o.startswith(f"{path}.")}
    deepest_first = sorted(every, key=lambda one: one.count("."), reverse=True)
    elsewhere = {one.rpartition(".")[2]: one for one in deepest_first}
    elsewhere = {old.rpartition(".")[2]: new for old, new in RENAMED.items()} | elsewhere
    # Not whole paths, of which all in one section are alike.
    leaf = key.rpartition(".")[2]
    for known, cutoff in ((elsewhere, 1.0), (siblings, 0.6), (elsewhere, 0.9)):
        if close := nearest(leaf, known, cutoff):
            return f"; did you mean {known[close]!r}?"
    return f"; there are: {there_are}"


def _of_list(element: type, values: Any, path: str, where: str) -> Iterator[str]:
    if not isinstance(values, list):
        nearest = "" if isinstance(values, dict) else f"; nearest valid: [{values}]"
        yield f"{where}: {path}={values!r}: expected a list, which is replaced as a whole{nearest}"
        return
    if not is_dataclass(element):
        return
    for index, item in enumerate(values):
        found = list(_of_section(cast(type, element), item, f"{path}[{index}]", where))
        yield from found
        if found:
            continue
        try:
            OmegaConf.merge(OmegaConf.structured(element), item)
        except OmegaConfBaseException as error:
            key = str(error.full_key)
            value = OmegaConf.select(OmegaConf.create(item), key)
            reason = _expected(cast(type, element), key, error)
            yield f"{where}: {path}[{index}].{key}={value!r}: {reason}"


def _of_mapping(element: Any, values: Any, path: str, where: str) -> Iterator[str]:
    """Names that are the user's own, each with a value of one type."""
    if not isinstance(values, dict):
        yield f"{where}: {path}={values!r}: expected a mapping, as in {path}={{NAME: VALUE}}"
        return
    number = next((kind for kind in _NUMBERS if kind in (element, *get_args(element))), None)
    if number is None:
        return
    if not values and where == _COMMAND_LINE:
        yield (
            f"{where}: {path}={{}}: names are added to those of before; nearest valid: "
            f"{path}.NAME=null, which takes one away"
        )
    for name, value in values.items():
        one = f"{where}: {path}.{name}={value!r}: expected {_TYPES[number]}"
        if isinstance(value, dict):
            first = next(iter(value), "PART")
            yield f"{one}; a name with a dot stands in braces: {path}={{{name}.{first}: VALUE}}"
        elif not _is_of(number, value):
            yield one


def _is_of(number: type, value: Any) -> bool:
    """Whether a value of YAML is such a number, as OmegaConf reads it, or null."""
    return value is None or (isinstance(value, (int, number)) and not isinstance(value, bool))


def _all_keys(section: type, prefix: str = "") -> list[str]:
    keys = []
    for name, hint in get_type_hints(section).items():
        keys.append(f"{prefix}{name}")
        if below := _section_of(hint):
            keys += _all_keys(below, f"{prefix}{name}.")
    return keys


def _nearest(value: str, choices: list[str]) -> str:
    """`; did you mean 'x'?`, or the choices."""
    close = nearest(value, choices)
    return f"; did you mean {close!r}?" if close else f"; there are: {', '.join(choices)}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
