"""What is known of a setting stands with its field: the range of a number, and whether a resumed
run may change it. One check reads the ranges of all settings.

    steps: int = ranged(100, least=1, may_change=True)
    gamma: float = ranged(1.0, least=0, most=1)
    std: float = ranged(0.04, above=0)

`loop.steps=0` is then refused as

    loop.steps=0: must be at least 1; nearest valid: 1

A number is always finite: nan and inf are in no range. A text that is one of several names them:

    target: str = among("en", TARGETS)

and one that has to be said, what it names:

    model: str = needed("the directory or hub id of a model")
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, cast

from rlsys.errors import ConfigError

T = TypeVar("T")
KEY = "range"
"""Of a field's metadata; a list or a mapping of numbers has a range for each of them."""
AMONG = "among"
"""Of a field's metadata: the texts that it may hold."""
NEEDED = "needed"
"""Of a field's metadata: what a text names that may not stay empty."""
MAY_CHANGE = "may_change"
"""Of a field's metadata, a whole section's too: it does not change what a run computes."""


@dataclass(frozen=True)
class Range:
    """Finite numbers between two bounds. A bound that is None is none."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    why: str = ""
    """The reason, where a reader of the error would ask for it."""

    def refusal(self, value: float, default: object = None) -> str:
        """What is wrong with a value, and the nearest valid one; empty: nothing.

        Args:
            default: offered where no bound is the nearest valid value.
        """
        finite = isinstance(value, int) or math.isfinite(value)
        too_small = (not finite and value < 0) or self._is_too_small(value)
        too_large = (not finite and value > 0) or self._is_too_large(value)
        if finite and not too_small and not too_large:
            return ""
        nearest = self.least if too_small else self.most if too_large else None
        if nearest is None:
            nearest = cast(float | None, default)
        problem = "" if finite else "not a finite number, "
        return f"{problem}{self}; nearest valid: {'null' if nearest is None else nearest}"

    def _is_too_small(self, value: float) -> bool:
        below_least = self.least is not None and value < self.least
        return below_least or (self.above is not None and value <= self.above)

    def _is_too_large(self, value: float) -> bool:
        above_most = self.most is not None and value > self.most
        return above_most or (self.below is not None and value >= self.below)

    def __str__(self) -> str:
        words = {
            "at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        bounds = [f"{word} {bound}" for word, bound in words.items() if bound is not None]
        reason = f", since {self.why}" if self.why else ""
        return f"must be {' and '.join(bounds) or 'finite'}{reason}"


def ranged(
    default: T,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    why: str = "",
    may_change: bool = False,
) -> T:
    """A field of a dataclass that holds a number, or None where that is its default."""
    limits = Range(least, above, most, below, why)
    return field(default=default, metadata={KEY: limits, MAY_CHANGE: may_change})


def among(default: str, choices: Iterable[str]) -> str:
    """A field of a dataclass that holds one of several texts."""
    return field(default=default, metadata={AMONG: tuple(map(str, choices))})


def needed(names: str) -> str:
    """A field of a dataclass whose text has no default."""
    return field(default="", metadata={NEEDED: names})


def changeable(section: type, prefix: str = "") -> Iterator[str]:
    """The settings, by their paths, that a resumed run may change; a section as `cluster.`."""
    for one in fields(section):
        path = f"{prefix}{one.name}"
        if is_dataclass(one.type):
            if one.metadata.get(MAY_CHANGE):
                yield f"{path}."
            else:
                yield from changeable(cast(type, one.type), f"{path}.")
        elif one.metadata.get(MAY_CHANGE):
            yield path


def range_of(one: "Field[Any]") -> Range | None:
    """The range that stands with a field; None for one that holds no number."""
    return one.metadata.get(KEY)


def choices_of(one: "Field[Any]") -> tuple[str, ...] | None:
    """The texts that stand with a field; None for one that holds no such text."""
    return one.metadata.get(AMONG)


def named_by(one: "Field[Any]") -> str | None:
    """What the text of a field names that has to be said; None for one that has a default."""
    return one.metadata.get(NEEDED)


def check(section: Any, path: str = "") -> None:
    """Raise ConfigError on the first number, at any depth, that is outside its field's range.

    Args:
        section: a dataclass; its sections, lists, and mappings with a range are looked through.
        path: where it stands in the settings.
    """
    for problem in problems(section, path):
        raise ConfigError(problem)


def problems(section: Any, path: str = "") -> Iterator[str]:
    """Of each number, at any depth, that is outside its field's range: which, and why."""
    for one in fields(section):
        key = f"{path}.{one.name}" if path else one.name
        held = getattr(section, one.name)
        if isinstance(held, dict) and range_of(one) is None:
            continue  # options of another program, which says itself what it takes
        for where, value in _leaves(held, key):
            if is_dataclass(value):
                yield from problems(value, where)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                default = one.default if isinstance(one.default, int | float) else None
                refusal = (range_of(one) or Range()).refusal(value, default)
                if refusal:
                    yield f"{where}={value}: {refusal}"


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """The value, or each item of a list or a mapping."""
    if isinstance(value, list):
        yield from ((f"{key}[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, dict):
        yield from ((f"{key}.{name}", item) for name, item in value.items())
    else:
        yield key, value
