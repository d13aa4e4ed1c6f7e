"""From YAML files and `key=value` overrides to a checked RunConfig, in milliseconds.

Order, later wins: the dataclass defaults, base.yaml beside the config, the algorithm preset, the
config file, the command line. After loading there is no DictConfig any more, and a model.path that
named a run is the folder of its newest policy, which a resume then finds again.
"""

import difflib
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, cast, get_args, get_origin, get_type_hints

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.schema import RunConfig
from rlsys.config.shipped import shipped_configs
from rlsys.config.validate import validate
from rlsys.errors import ConfigError

CONFIGS = shipped_configs()


def load(path: str | Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a config file and apply `section.key=value` overrides.

    Raises:
        ConfigError: naming the key or value, where it stands, and the nearest valid one.
    """
    path = Path(path)
    own = _read(path)
    command_line = _parse_overrides(overrides or [])
    preset = _preset_name(own, command_line)
    layers: list[tuple[str, DictConfig]] = []
    if path.name != "base.yaml":
        layers.append(("configs/base.yaml", _read(CONFIGS / "base.yaml")))
    if preset:
        layers.append((f"preset {preset}", _read_preset(preset)))
    layers += [(str(path), own), ("the command line", command_line)]

    merged = OmegaConf.structured(RunConfig)
    for place, layer in layers:
        merged = _merge(merged, _with_one_length(layer, place), place)
    try:
        config = cast(RunConfig, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {error.full_key}: {_first_line(error)}") from error
    # A run that does not exist is named by `validate`, with whatever else cannot work.
    with suppress(ConfigError):
        model = find_model(config.model.path, "model.path", config.run.directory)
        config.model.path = "" if model == LOCAL else model
    validate(config)
    return config


def to_yaml(config: RunConfig) -> str:
    """The resolved config as YAML that `load` reads back."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def _read(path: Path) -> DictConfig:
    if not path.is_file():
        files = {p.name: str(p) for f in (CONFIGS, path.parent) for p in f.glob("*.yaml")}
        close = difflib.get_close_matches(path.name, files, n=1)
        there = f"there are: {', '.join(sorted(files.values()))}"
        hint = f"did you mean {files[close[0]]!r}?" if close else there
        raise ConfigError(f"no config file {path}; {hint}")
    try:
        loaded = OmegaConf.load(path)
    except (yaml.YAMLError, UnicodeDecodeError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path} must hold a mapping of sections, not a list or a text")
    return loaded


def _read_preset(name: str) -> DictConfig:
    folder = CONFIGS / "algorithms"
    names = sorted(p.stem for p in folder.glob("*.yaml"))
    if name not in names:
        raise ConfigError(f"algorithm.preset: no preset {name!r}{_nearest(name, names)}")
    return _read(folder / f"{name}.yaml")


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
    try:
        return OmegaConf.from_dotlist([f"{key}={value}" for key, value in pairs])
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"override cannot be read: {error}") from error


def _with_one_length(layer: DictConfig, place: str) -> DictConfig:
    """The layer; where it says how many steps, the epochs of the layers before it are void."""
    loop = cast(dict[str, Any], OmegaConf.to_container(layer)).get("loop")
    if not isinstance(loop, dict) or "steps" not in loop:
        return layer
    if loop.get("epochs", 0) not in (0, "0"):
        raise ConfigError(
            f"{place}: loop.steps={loop['steps']} and loop.epochs={loop['epochs']}: only one of "
            "them can say how long the run is; leave the other one out"
        )
    return cast(DictConfig, OmegaConf.merge(layer, {"loop": {"epochs": 0}}))


def _merge(base: DictConfig, layer: DictConfig, place: str) -> DictConfig:
    _check_section(RunConfig, OmegaConf.to_container(layer), "", place)
    try:
        return cast(DictConfig, OmegaConf.merge(base, layer))
    except OverflowError as error:  # an int of more digits than a float can hold
        raise ConfigError(f"{place}: a number is too large: {error}") from error
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        value = OmegaConf.select(layer, key)
        raise ConfigError(f"{place}: {key}={value!r}: {_first_line(error)}") from error


def _check_section(section: type, values: Any, path: str, place: str) -> None:
    """Raise ConfigError on a key that the section does not have, or a value of another shape.

    OmegaConf would find them, too, but names no path inside lists and none for whole sections.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{place}: {path}={values!r}: expected a section of settings")
    hints = get_type_hints(section)
    for name, value in values.items():
        key = f"{path}.{name}" if path else str(name)
        if name not in hints:
            siblings = [f"{path}.{n}" if path else n for n in hints]
            nearest = _nearest(key, [*siblings, *_all_keys(RunConfig)])
            raise ConfigError(f"{place}: unknown key {key!r}{nearest}")
        if is_dataclass(hints[name]):
            _check_section(cast(type, hints[name]), value, key, place)
        elif get_origin(hints[name]) is list:
            _check_list(get_args(hints[name])[0], value, key, place)


def _check_list(element: type, values: Any, path: str, place: str) -> None:
    if not isinstance(values, list):
        raise ConfigError(
            f"{place}: {path}={values!r}: expected a list (a list is replaced as a whole)"
        )
    if not is_dataclass(element):
        return
    for index, item in enumerate(values):
        _check_section(element, item, f"{path}[{index}]", place)
        try:
            OmegaConf.merge(OmegaConf.structured(element), item)
        except OmegaConfBaseException as error:
            key = str(error.full_key)
            raise ConfigError(
                f"{place}: {path}[{index}].{key}={item.get(key)!r}: {_first_line(error)}"
            ) from error


def _all_keys(section: type, prefix: str = "") -> list[str]:
    keys = []
    for name, hint in get_type_hints(section).items():
        keys.append(f"{prefix}{name}")
        if is_dataclass(hint):
            keys += _all_keys(cast(type, hint), f"{prefix}{name}.")
    return keys


def _nearest(value: str, choices: list[str]) -> str:
    """`; did you mean 'x'?`, or the choices when they are few, or nothing."""
    close = difflib.get_close_matches(value, choices, n=1, cutoff=0.6)
    if not close:
        leaf = value.rsplit(".", 1)[-1]
        close = [c for c in choices if c.rsplit(".", 1)[-1] == leaf][:1]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(choices)}" if 0 < len(choices) <= 16 else ""


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
