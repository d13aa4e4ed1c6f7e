"""A run's settings as JSON values, and which of them count when two runs are compared."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from rlsys.config.resume import flat
from rlsys.config.run import RunConfig
from rlsys.config.shape import section_of

_NOT_COUNTED = (
    *("run.name", "run.directory", "benchmarks.out"),
    *("model.cache", "observe.", "cluster."),
)
"""Where a run stands, who watches it and on which machines: not what it computes."""


def settings_of(config: RunConfig) -> dict[str, Any]:
    """The settings as JSON values, choices by their names."""
    return {name: _plain(section) for name, section in asdict(config).items()}


def counted(settings: Mapping[str, Any], inputs: Mapping[str, str | Path]) -> dict[str, Any]:
    """The settings that a run's outcome depends on, by their whole names. One that names an input
    says which: `model.path: <policy>`, since the input's digest counts and not its place."""
    names = {place: f"<{name}>" for name, path in inputs.items() for place in _places(path)}

    def said(value: Any) -> Any:
        if isinstance(value, list):
            return [said(item) for item in value]
        if isinstance(value, dict):
            return {key: said(item) for key, item in value.items()}
        if not isinstance(value, str) or not value:
            return value
        paths = [value] if set(_places(value)) & names.keys() else value.split(",")
        found = [next((names[p] for p in _places(one) if p in names), one) for one in paths]
        return ",".join(found)

    every = flat(dict(settings))
    return {key: said(every[key]) for key in sorted(every) if not _is_moot(key)}


def completed(then: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that counted once, with those that rlsys has got since at their defaults: such a
    default is what was done before there was the setting. One that has changed since is not filled
    in: `then` holds what it was.

    Args:
        then: as `counted`.
    """
    gained = {key: value for key, value in _gained(RunConfig, then, "") if not _is_moot(key)}
    return {key: _with_defaults(RunConfig, key, value) for key, value in then.items()} | gained


def settings_digest(settings: Mapping[str, Any], inputs: Mapping[str, str | Path]) -> str:
    """`sha256:...` of the settings that count."""
    content = json.dumps(counted(settings, inputs), sort_keys=True).encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _is_moot(key: str) -> bool:
    return key.startswith(_NOT_COUNTED)


def _gained(section: type, then: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Settings that are not in `then`, with their defaults. What a mapping holds is no setting."""
    hints = get_type_hints(section)
    for one in fields(section):
        key = f"{prefix}{one.name}"
        below = section_of(hints[one.name])
        is_there = key in then or any(name.startswith(f"{key}.") for name in then)
        if below and key not in then and (is_there or hints[one.name] is below):
            yield from _gained(below, then, f"{key}.")
        elif not is_there and get_origin(hints[one.name]) is not dict and _has_default(one):
            yield key, _default(one)


def _with_defaults(section: type, key: str, value: Any) -> Any:
    """The value of a setting; sections in a list with the settings that theirs have got since."""
    name, _, rest = key.partition(".")
    hint = get_type_hints(section).get(name)
    below = section_of(hint)
    if rest and below:
        return _with_defaults(below, rest, value)
    item = get_args(hint)[0] if get_origin(hint) is list else None
    if rest or not is_dataclass(item) or not isinstance(value, list):
        return value
    defaults = {one.name: _default(one) for one in fields(item) if _has_default(one)}
    return [{**defaults, **one} for one in value]


def _has_default(one: "Field[Any]") -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def _default(one: "Field[Any]") -> Any:
    """Of a field that has one, as a JSON value."""
    factory = one.default_factory
    return _plain(one.default if factory is MISSING else factory())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.name if isinstance(value, Enum) else value


def _places(path: str | Path) -> tuple[str, str]:
    """A path as it was typed, and where it leads from here."""
    return str(path), str(Path(path).expanduser().resolve())
