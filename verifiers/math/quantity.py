"""Are two values the same number?

They are told apart by floating point at a few points where they differ clearly. That they are equal
is never left to that: fractions are exact, and everything else is asked of `prove`.
"""

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction

from verifiers.math import units
from verifiers.math.tree import FUNCTIONS, Node, node, show, symbols, walk
from verifiers.math.values import TooLargeError, fraction, is_constant, number_at

Prove = Callable[[Node, Node], bool]
"""Are two expressions that agree in floating point equal? May raise what it cannot decide."""

_POINTS = 8
_SMALL_POINTS = 6
_CLOSE = 1e-6
_MAX_PROOFS = 20
_MIN_SIGNIFICANT = 6
"""Digits from which on a rounded decimal stands for what no decimal can hold: 0.333333 for 1/3."""
_DOUBLE_DIGITS = 15
_DOUBLE_ROUNDING = Fraction(1, 10**14)
"""Relative. A double of 15 or more digits (0.7999999999999999) carries the rounding of what it was
computed by; a wrong answer differs by far more."""


class ValueComparison(ABC):
    """Equality of values, with their units and per cent signs."""

    def __init__(self, prove: Prove) -> None:
        self._prove = prove
        self._proofs_left = _MAX_PROOFS

    @abstractmethod
    def ratios(self, expected: Node, given: Node) -> bool:
        """Equality of ratios, which may have a half of the day as their unit."""

    def measured(self, expected: Node, given: Node) -> bool:
        """Values with their units, degrees and per cent signs."""
        (first, unit), (second, other) = _with_unit(expected), _with_unit(given)
        if not _same_half_of_day(expected, given):
            return False
        if unit and other:
            if not units.comparable(unit, other):
                return False
            if unit != other:
                first, second = units.in_base(first, unit), units.in_base(second, other)
        if "ratio" in (first.op, second.op):
            return self.ratios(first, second)
        if "percent" in (first.op, second.op):
            if expected.op == "deg" or given.op == "deg":
                return False
            return self._percents(first, second)
        return self.values(first, second)

    def _percents(self, expected: Node, given: Node) -> bool:
        """A per cent sign on one side: 50% is 0.5, and also 50, but 0.5% is not 0.5."""
        if expected.op == given.op == "percent":
            return self.values(expected.args[0], given.args[0])
        percent, plain = (expected, given) if expected.op == "percent" else (given, expected)
        if plain.op in ("deg", "unit", "ratio", "based"):
            return False
        pairs = [(percent, plain)]
        if percent is expected or not _below_one(plain):
            pairs.append((percent.args[0], plain))
        return any(self.values(*(pair if percent is expected else pair[::-1])) for pair in pairs)

    def values(self, expected: Node, given: Node) -> bool:
        """Two values: exactly as fractions, else apart by floating point or equal by proof."""
        if expected == given:
            return True
        if not (_is_value(expected) and _is_value(given)):
            return False
        second = fraction(given)
        try:
            first = fraction(expected)
        except TooLargeError:
            return False
        if first is not None and second is not None:
            return first == second or _rounds(expected, given, first, second)
        if _is_decimal(expected) or _is_decimal(given):
            return self._rounded_value(expected, given)
        expected, given = _opaque(expected), _opaque(given)
        if not _may_agree(expected, given):
            return False
        if not self._proofs_left:
            raise TooLargeError(f"more than {_MAX_PROOFS} comparisons that need a proof")
        self._proofs_left -= 1
        return self._prove(expected, given)

    def _rounded_value(self, expected: Node, given: Node) -> bool:
        """One side is a decimal and the other irrational: equal when that many digits say so."""
        decimal, exact = (expected, given) if _is_decimal(expected) else (given, expected)
        if not is_constant(exact) or _significant(decimal) < _MIN_SIGNIFICANT:
            return False
        value = number_at(exact, {})
        if value.imag or not math.isfinite(value.real):
            return False
        if decimal is expected and _significant(decimal) >= _DOUBLE_DIGITS:
            return _within_rounding(decimal.args[0], Fraction(value.real))
        if decimal.args[1] > 14:
            return False
        return round(Fraction(value.real), decimal.args[1]) == decimal.args[0]


_NO_VALUES = frozenset(
    (
        *("text", "tuple", "list", "set", "chain", "matrix", "ratio", "based", "union", "meet"),
        *("minus", "or", "and", "pm", "residue"),
    )
)


def _is_value(tree: Node) -> bool:
    """Has it a value that numbers can tell: no infinity, no list?"""
    return not any(
        here.op in _NO_VALUES or here.args in (("inf",), ("reals",)) for here in walk(tree)
    )


def _opaque(tree: Node) -> Node:
    """f(3) and \\overline{AB} as letters of their own: all that is known is their name."""
    if tree.op == "fn" and tree.args[0] not in FUNCTIONS:
        return node("sym", show(tree))
    if tree.op == "word":
        return node("sym", tree.args[0])
    return Node(tree.op, tuple(_opaque(p) if isinstance(p, Node) else p for p in tree.args))


def _below_one(tree: Node) -> bool:
    return not is_constant(tree) or abs(number_at(tree, {})) < 1


def _same_half_of_day(first: Node, second: Node) -> bool:
    halves = {
        word.lower()
        for tree in (first, second)
        if tree.op == "unit"
        for word in tree.args[1].split()
        if word.lower() in ("am", "pm")
    }
    return len(halves) < 2


def _with_unit(tree: Node) -> tuple[Node, str]:
    """The value and its unit, empty without one."""
    if tree.op == "deg":
        return tree.args[0], "degrees"
    return (tree.args[0], tree.args[1]) if tree.op == "unit" else (tree, "")


def _is_decimal(tree: Node) -> bool:
    return tree.op == "num" and tree.args[1] > 0


def _significant(decimal: Node) -> int:
    value, places = decimal.args
    return len(str(abs((value * 10**places).numerator)))


def _rounds(expected: Node, given: Node, first: Fraction, second: Fraction) -> bool:
    """Does a decimal of enough digits stand for a fraction, or for what doubles make of it?"""
    for decimal, value, exact in ((expected, first, second), (given, second, first)):
        if not _is_decimal(decimal):
            continue
        digits = _significant(decimal)
        stands_for = digits >= _MIN_SIGNIFICANT and not _terminates(exact)
        if stands_for and round(exact, decimal.args[1]) == value:
            return True
        if decimal is expected and digits >= _DOUBLE_DIGITS:
            return _within_rounding(first, second) or _is_rounded_double(first, given)
    return False


def _within_rounding(double: Fraction, value: Fraction) -> bool:
    return abs(double - value) <= _DOUBLE_ROUNDING * abs(double)


def _is_rounded_double(double: Fraction, given: Node) -> bool:
    """0.142857 for 0.14285714285714285: enough digits of what is itself no short decimal."""
    short = Fraction(f"{float(double):.12g}")
    if not _is_decimal(given) or _significant(given) < _MIN_SIGNIFICANT:
        return False
    return not _within_rounding(double, short) and round(double, given.args[1]) == given.args[0]


def _terminates(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _may_agree(first: Node, second: Node) -> bool:
    """False when the values differ clearly at some point where both have one."""
    letters = sorted(symbols(first) | symbols(second))
    points = _SMALL_POINTS if any(map(_grows, (first, second))) else _POINTS
    for attempt in range(points if letters else 1):
        point = {name: _sample(name, attempt) for name in letters}
        a, b = number_at(first, point), number_at(second, point)
        if not all(map(math.isfinite, (a.real, a.imag, b.real, b.imag))):
            continue
        if abs(a - b) > _CLOSE * max(1.0, abs(a), abs(b)):
            return False
    return True


def _grows(tree: Node) -> bool:
    """Does it hold a function whose large values cancel each other, and leave only rounding?"""
    return any(part.op == "fn" and part.args[0] in ("sinh", "cosh") for part in walk(tree))


def _sample(name: str, attempt: int) -> float:
    """A value of a letter: whole numbers, small ones of both signs, and large ones."""
    spread = zlib.crc32(f"{name} {attempt}".encode("utf-8", "surrogatepass")) % 100_003 / 100_003
    if attempt < 2:
        return float(1 + int(7 * spread))
    if attempt < 4:
        return 0.3 + 2.4 * spread
    return 4.0 * spread - 2.0 if attempt < 6 else (-1) ** attempt * (20.0 + 300.0 * spread)
