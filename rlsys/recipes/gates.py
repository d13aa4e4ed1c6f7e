"""Gates: conditions on measured figures that a stage must meet for the recipe to go on.

pass_at_1.low > 0.5                    the lower end of the 95 % interval
gain > 0                               the mean, where there is an interval
base.pass_at_16 > 0                    a figure of an earlier stage
pass_at_1 >= sft1.pass_at_1.high       two figures
"""

import contextlib
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rlsys.errors import ConfigError
from rlsys.lineage.manifest import Figure, Verdict

_PARTS = ("mean", "low", "high")
_COMPARED: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
)
_CONDITION = re.compile(r"\s*(\S+?)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Measured:
    """A figure by its name: of an earlier stage, or of the gate's own."""

    stage: str
    """Empty: the gate's own."""
    figure: str
    part: str
    """mean, low or high."""


@dataclass(frozen=True)
class Condition:
    """One line of a gate."""

    text: str
    left: Measured
    sign: str
    right: Measured | float

    @property
    def measured(self) -> list[Measured]:
        """All figures that it asks for."""
        return [self.left, *([self.right] if isinstance(self.right, Measured) else [])]


def read_condition(text: str, stages: Collection[str], where: str) -> Condition:
    """Read `FIGURE SIGN FIGURE-OR-NUMBER`.

    Args:
        stages: names that may stand before a figure.
        where: for the error.
    Raises:
        ConfigError: it is not of that form.
    """
    found = _CONDITION.fullmatch(text)
    if not found or isinstance(left := _operand(found[1], stages), float):
        raise ConfigError(
            f"{where}: gate {text!r}: expected a figure, one of {', '.join(_COMPARED)}, and a "
            "number or another figure, as in 'pass_at_1.low > 0.5'"
        )
    return Condition(text, left, found[2], _operand(found[3], stages))


def judge(condition: Condition, figures: Callable[[str], Mapping[str, Figure]]) -> Verdict:
    """Whether a condition holds; not where one of its figures was not measured.

    Args:
        figures: of a stage by its name; of the gate's own by the empty one.
    """

    def value(operand: Measured | float) -> float | None:
        if isinstance(operand, float):
            return operand
        figure = figures(operand.stage).get(operand.figure)
        if isinstance(figure, dict):
            return figure[operand.part]
        return figure if operand.part == "mean" else None

    left, right = value(condition.left), value(condition.right)
    passed = left is not None and right is not None and _COMPARED[condition.sign](left, right)
    shown = figures(condition.left.stage).get(condition.left.figure)
    return Verdict(condition.text, passed, shown)


def said(verdict: Verdict) -> str:
    """`pass_at_1.low > 0.5: 0.41 [0.38, 0.44]`."""
    return f"{verdict.condition}: {shown(verdict.figure)}"


def shown(figure: Figure | None) -> str:
    """`0.41 [0.38, 0.44]`."""
    if figure is None:
        return "not measured"
    if isinstance(figure, dict):
        return f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure:.4g}"


def _operand(text: str, stages: Collection[str]) -> Measured | float:
    with contextlib.suppress(ValueError):
        if math.isfinite(number := float(text)):
            return number
    stage, dot, rest = text.partition(".")
    if not dot or stage not in stages:
        stage, rest = "", text
    name, _, part = rest.rpartition(".")
    return Measured(stage, name, part) if part in _PARTS else Measured(stage, rest, "mean")
