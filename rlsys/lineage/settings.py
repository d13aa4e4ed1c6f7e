"""A run's settings as JSON values, and which of them count when two runs are compared."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from rlsys.config.resume import flat
from rlsys.config.run import RunConfig

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
    return {key: said(every[key]) for key in sorted(every) if not key.startswith(_NOT_COUNTED)}


def settings_digest(settings: Mapping[str, Any], inputs: Mapping[str, str | Path]) -> str:
    """`sha256:...` of the settings that count."""
    content = json.dumps(counted(settings, inputs), sort_keys=True).encode()
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.name if isinstance(value, Enum) else value


def _places(path: str | Path) -> tuple[str, str]:
    """A path as it was typed, and where it leads from here."""
    return str(path), str(Path(path).expanduser().resolve())
