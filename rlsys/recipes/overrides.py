"""The overrides of a stage by their whole names, and one layer of them over another.

A layer may say `{loop.steps: 8}` or `{loop: {steps: 8}}`; only whole names show what two layers say
of one setting, and what one says that the other does not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rlsys.config.shape import hint_of, section_of
from rlsys.errors import ConfigError

_LENGTHS = {"loop.steps", "loop.epochs"}
_SHORT = "algorithm"
"""Stands for the name of a preset, as on the command line, which refuses its settings below it."""


def by_whole_names(overrides: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """`{loop: {steps: 8}}` as `{loop.steps: 8}`; a mapping that is no section stays whole.

    Raises:
        ConfigError: two of them are the same setting.
    """
    found: dict[str, Any] = {}
    for name, value in _settings(overrides, ""):
        if name in found:
            raise ConfigError(
                f"{where}: overrides say {name} twice, {found[name]!r} and {value!r}: leave one of "
                "them out"
            )
        found[name] = value
    return found


def laid_over(first: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """What is said later wins; of a run's length, which two settings can say, too.

    It also stands later: two names of one setting, such as `algorithm` and `algorithm.preset`, are
    read in their order.
    """
    void = {*later, *(_LENGTHS if _LENGTHS & set(later) else ())}
    return {**{name: value for name, value in first.items() if name not in void}, **later}


def _settings(overrides: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in overrides.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value and _is_section(name):
            yield from _settings(value, f"{name}.")
        else:
            yield name, value


def _is_section(name: str) -> bool:
    """Whether settings stand below that name, rather than names of the user's own."""
    return name != _SHORT and section_of(hint_of(name)) is not None
