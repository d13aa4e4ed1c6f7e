"""From YAML files and `key=value` overrides to a checked RunConfig, in milliseconds.

Order, later wins: the dataclass defaults, configs/base.yaml of rlsys, the algorithm preset, the
config file, the command line. After loading there is no DictConfig any more, and a model.path that
named a run is the folder of its newest policy, which a resume then finds again.
"""

import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rlsys.config.graders import find_graders
from rlsys.config.model_names import LOCAL, find_model
from rlsys.config.precision import decided
from rlsys.config.run import RunConfig
from rlsys.config.shape import COMMAND_LINE, expected, first_line, of_nobody, of_section
from rlsys.config.shipped import shipped_configs
from rlsys.config.validate import said, validate
from rlsys.config.yaml_files import fault_of, read_yaml
from rlsys.config.yaml_values import UNREADABLE, as_typed, require_plain_numbers
from rlsys.errors import ConfigError, instead, nearest

CONFIGS = shipped_configs()


def load(
    path: str | Path,
    overrides: list[str] | None = None,
    *more: Callable[[RunConfig], None],
    told_by: str = COMMAND_LINE,
) -> RunConfig:
    """Read a config file and apply `section.key=value` overrides.

    more: see rlsys.config.validate.
    told_by: where the overrides stand, for errors.

    Raises:
        ConfigError: naming the key or value, where it stands, and the nearest valid one.
    """
    path = Path(path)
    own = _read_config(path)
    command_line = _parse_overrides(overrides or [])
    preset = _preset_name(own, command_line)
    layers: list[tuple[str, DictConfig]] = []
    if path.name != "base.yaml":
        layers.append(("configs/base.yaml", read_yaml(CONFIGS / "base.yaml")))
    if preset:
        layers.append((f"preset {preset}", _read_preset(preset)))
    layers += [(str(path), own), (told_by, command_line)]

    contents = [(where, OmegaConf.to_container(layer)) for where, layer in layers]
    problems = [one for where, said in contents for one in of_section(RunConfig, said, "", where)]
    problems = problems or list(of_nobody(RunConfig, contents))
    if problems:
        raise ConfigError(said(problems))
    merged = pickle.loads(_defaults())
    for where, layer in layers:
        merged = _merge(merged, _with_one_length(layer, where), where)
    try:
        config = cast(RunConfig, OmegaConf.to_object(merged))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {error.full_key}: {first_line(error)}") from error
    _find_models(config)
    config = decided(config)
    validate(config, *more)
    return config


@cache
def _defaults() -> bytes:
    """Every setting with its type and default, pickled: making it anew was half of `load`."""
    return pickle.dumps(OmegaConf.structured(RunConfig))


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
    config.benchmarks.policies = [found(policy) for policy in config.benchmarks.policies]
    find_graders(config.verifiers, config.run.directory)


def to_yaml(config: RunConfig) -> str:
    """The resolved config as YAML that `load` reads back."""
    settings = OmegaConf.structured(config)
    if config.loop.epochs:  # they say how long the run is, and only one setting can
        content = cast(dict[str, Any], OmegaConf.to_container(settings, enum_to_str=True))
        del content["loop"]["steps"]
        settings = OmegaConf.create(content)
    return OmegaConf.to_yaml(settings)


def _read_config(path: Path) -> DictConfig:
    folders = (CONFIGS, path if path.is_dir() else path.parent)
    there = [one for folder in folders for one in folder.glob("*.yaml")]
    return read_yaml(path, "config file", there)


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
        setting = f"{key}.preset" if key == "algorithm" else key
        # OmegaConf reads nothing as None, which no field takes; here it is the empty text.
        pairs.append((setting, as_typed(setting, value) or "''"))
    for key, value in pairs:
        try:
            read = OmegaConf.from_dotlist([f"{key}={value}"])
        except UNREADABLE as error:
            raise ConfigError(f"override '{key}={value}': {fault_of(error)}") from error
        require_plain_numbers(value, f"override '{key}={value}'")
        if key == "algorithm.preset" and isinstance(read.algorithm.preset, DictConfig):
            raise ConfigError(
                f"override 'algorithm={value}': algorithm stands for the name of a preset; a "
                f"setting of it is named as a whole; nearest valid: {_whole(read.algorithm.preset)}"
            )
    return OmegaConf.from_dotlist([f"{key}={value}" for key, value in pairs])


def _whole(section: DictConfig) -> str:
    """The first setting in a section of `algorithm`, as an override has it."""
    key, inside = "algorithm", section
    while isinstance(inside, DictConfig) and inside:
        first = str(next(iter(inside)))
        key, inside = f"{key}.{first}", inside[first]
    return f"{key}={inside}"


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


def _merge(base: DictConfig, layer: DictConfig, where: str) -> DictConfig:
    """Uses both up: a copy of all that was merged before, for every layer, was half of `load`."""
    try:
        return cast(DictConfig, OmegaConf.unsafe_merge(base, layer))
    except OverflowError as error:  # an int of more digits than a float can hold
        raise ConfigError(f"{where}: a number is too large: {error}") from error
    except OmegaConfBaseException as error:
        key = str(error.full_key)
        value = OmegaConf.select(layer, key)
        reason = expected(RunConfig, key, error)
        raise ConfigError(f"{where}: {key}={value!r}: {reason}") from error


def _nearest(value: str, choices: list[str]) -> str:
    """`; did you mean 'x'?`, or the choices."""
    close = nearest(value, choices)
    return f"; did you mean {close!r}?" if close else f"; there are: {', '.join(choices)}"
