"""What a tree is worth: an exact fraction where it has one, a floating-point value at a point.

Both are bounded. A power or a factorial whose digits would pass the limit is refused before it is
worked out, so that `9^{9^9}` costs nothing.
"""

import cmath
import math
from fractions import Fraction
from typing import Any

from verifiers.math.tree import Node, num, symbols, walk

MAX_RESULT_DIGITS = 20_000
"""Digits of any number that is worked out."""
_MAX_FACTORIAL = 5000  # 16,326 digits
_MAX_BITS = int(MAX_RESULT_DIGITS / math.log10(2))


class TooLargeError(ValueError):
    """A number of this size is not worked out."""


def fraction(tree: Node) -> Fraction | None:
    """The exact value of a tree that is a rational number by arithmetic alone, else None.

    Raises:
        TooLargeError: a number in it would have more than MAX_RESULT_DIGITS digits.
    """
    op, args = tree
    if op == "num":
        return args[0]
    if op in ("mixed", "repeating"):
        return args[0]
    rule = _RATIONAL.get(op)
    if rule is None and op != "fn":
        return None
    values = [fraction(argument) for argument in args if isinstance(argument, Node)]
    if any(value is None for value in values):
        return None
    made = _function(args[0], values) if rule is None else rule(values)  # type: ignore[arg-type]
    return None if made is None else _bounded(made)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise TooLargeError(f"a number of more than {MAX_RESULT_DIGITS} digits")
    return value


def _sum(values: list[Fraction]) -> Fraction:
    made = Fraction(0)
    for value in values:
        made = _bounded(made + value)
    return made


def _product(values: list[Fraction]) -> Fraction:
    made = Fraction(1)
    for value in values:
        made = _bounded(made * value)
    return made


def _quotient(values: list[Fraction]) -> Fraction | None:
    return values[0] / values[1] if values[1] else None


def _power(values: list[Fraction]) -> Fraction | None:
    base, exponent = values
    if exponent.denominator != 1:
        return _rational_root(base, exponent)
    if not base and exponent <= 0:
        return None
    bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
    if bits * abs(exponent) > _MAX_BITS:
        raise TooLargeError(f"a power of more than {MAX_RESULT_DIGITS} digits")
    if abs(exponent) > 10**9:  # 1 to any power, -1 to a huge one
        exponent = exponent % 2 + 2
    return base ** int(exponent)


def _rational_root(base: Fraction, exponent: Fraction) -> Fraction | None:
    """8^{1/3} is 2; None where the root is irrational or not real."""
    degree = exponent.denominator
    if base < 0 or degree > 64:
        return None
    parts = [_integer_root(part, degree) for part in (base.numerator, base.denominator)]
    if parts[0] is None or parts[1] is None:
        return None
    return _power([Fraction(parts[0], parts[1]), Fraction(exponent.numerator)])


def _integer_root(value: int, degree: int) -> int | None:
    if value == 0:
        return 0
    if degree == 2:
        root = math.isqrt(value)
    else:
        root = 1 << -(-value.bit_length() // degree)
        while (lower := ((degree - 1) * root + value // root ** (degree - 1)) // degree) < root:
            root = lower  # Newton's method from above
    return root if root**degree == value else None


def _factorial(values: list[Fraction]) -> Fraction | None:
    if values[0].denominator != 1 or values[0] < 0:
        return None
    if values[0] > _MAX_FACTORIAL:
        raise TooLargeError(f"a factorial above {_MAX_FACTORIAL}")
    return Fraction(math.factorial(int(values[0])))


def _binomial(values: list[Fraction]) -> Fraction | None:
    if any(value.denominator != 1 or value < 0 for value in values):
        return None
    above, below = (int(value) for value in values)
    if below > above:
        return Fraction(0)
    if min(below, above - below) * above.bit_length() > _MAX_BITS:
        raise TooLargeError(f"a binomial of more than {MAX_RESULT_DIGITS} digits")
    return Fraction(math.comb(above, below))


def _modulo(values: list[Fraction]) -> Fraction | None:
    return values[0] % values[1] if values[1] else None


_RATIONAL: dict[str, Any] = {
    "add": _sum,
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "neg": lambda values: -values[0],
    "percent": lambda values: values[0] / 100,
    "fact": _factorial,
    "binom": _binomial,
    "mod": _modulo,
}


def _function(name: str, values: list[Fraction]) -> Fraction | None:
    if name == "sqrt":
        return _power([values[0], Fraction(1, 2)])
    if name == "root" and values[1].denominator == 1 and values[1] > 0:
        negative = values[0] < 0 and values[1] % 2 == 1
        root = _power([abs(values[0]), 1 / values[1]])
        return -root if negative and root is not None else root
    if name == "abs":
        return abs(values[0])
    if name in ("floor", "ceil"):
        return Fraction(math.floor(values[0]) if name == "floor" else math.ceil(values[0]))
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if name in ("gcd", "lcm") and all(value.denominator == 1 for value in values):
        whole = [int(value) for value in values]
        return Fraction(math.gcd(*whole) if name == "gcd" else math.lcm(*whole))
    return None


def number_at(tree: Node, point: dict[str, float]) -> complex:
    """The floating-point value at a point; nan where it has none there, or is too large to say.

    Args:
        point: values of the letters.
    """
    try:
        return _at(tree, point)
    except (ArithmeticError, ValueError, KeyError, TypeError, RecursionError):
        return complex("nan")


def _at(tree: Node, point: dict[str, float]) -> complex:
    op, args = tree
    if op in ("num", "mixed", "repeating"):
        return complex(float(args[0]))
    if op == "sym":
        return complex(point[args[0]])
    if op == "const":
        return {"pi": cmath.pi, "e": cmath.e, "i": 1j}[args[0]]
    if op == "deg":
        return _at(args[0], point) * cmath.pi / 180
    if op == "unit":
        return _at(args[0], point)
    if op == "fn":
        return _applied(args[0], [_at(argument, point) for argument in args[1:]])
    values = [_at(argument, point) for argument in args]
    if op == "add":
        return sum(values, 0j)
    if op == "mul":
        return math.prod(values, start=1 + 0j)
    if op == "div":
        return values[0] / values[1]
    if op == "pow":
        return _real_power(values[0], values[1])
    if op in ("neg", "percent"):
        return -values[0] if op == "neg" else values[0] / 100
    if op == "fact":
        return complex(math.gamma(values[0].real + 1))
    if op == "binom":
        above, below = values[0].real, values[1].real
        return complex(
            math.gamma(above + 1) / math.gamma(below + 1) / math.gamma(above - below + 1)
        )
    if op == "mod":
        return complex(values[0].real % values[1].real)
    raise ValueError(op)


def _real_power(base: complex, exponent: complex) -> complex:
    """A power; nan for an even root of a negative number, which no answer means."""
    if (
        not base.imag
        and base.real < 0
        and not exponent.imag
        and exponent.real != int(exponent.real)
    ):
        return complex("nan")
    return base**exponent


def _applied(name: str, values: list[complex]) -> complex:
    first = values[0]
    if name in ("sqrt", "root"):
        degree = values[1].real if name == "root" else 2.0
        if not first.imag and first.real < 0:
            if degree % 2 == 1:
                return complex(-((-first.real) ** (1 / degree)))
            return complex(0, (-first.real) ** 0.5) if degree == 2 else complex("nan")
        return first ** (1 / degree)
    if name in ("ln", "log"):
        base = values[1] if len(values) > 1 else (cmath.e if name == "ln" else 10.0)
        if not first.imag and first.real <= 0:
            return complex("nan")
        return cmath.log(first) / cmath.log(base)
    if name in ("max", "min", "gcd", "lcm"):
        return complex(
            max(v.real for v in values) if name == "max" else min(v.real for v in values)
        )
    return complex(_ANALYTIC[name](first))


_ANALYTIC: dict[str, Any] = {
    **{name: getattr(cmath, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp")},
    "cot": lambda x: 1 / cmath.tan(x),
    "sec": lambda x: 1 / cmath.cos(x),
    "csc": lambda x: 1 / cmath.sin(x),
    "coth": lambda x: 1 / cmath.tanh(x),
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "arccot": lambda x: cmath.pi / 2 - cmath.atan(x),
    "abs": abs,
    "floor": lambda x: math.floor(x.real),
    "ceil": lambda x: math.ceil(x.real),
}


def is_constant(tree: Node) -> bool:
    """No letter, no word, no infinity: it has one value."""
    return not symbols(tree) and not any(
        here.op == "text" or here.args in (("inf",), ("reals",)) for here in walk(tree)
    )


def substituted(tree: Node, at: dict[str, Fraction]) -> Node:
    """The tree with numbers for its letters."""
    if tree.op == "sym":
        return num(at[tree.args[0]])
    return Node(
        tree.op,
        tuple(substituted(part, at) if isinstance(part, Node) else part for part in tree.args),
    )
