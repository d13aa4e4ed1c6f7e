"""Countdown puzzles: reach the target, using each number exactly once."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

MAX_NUMBERS = 5
"""Five numbers without a solution take half a second, six most of a minute."""


def read_puzzle(expected: Any) -> tuple[list[int], int] | None:
    """The numbers and the target of a puzzle's expected answer; None for any other answer."""
    if not isinstance(expected, dict):
        return None
    numbers, target = expected.get("numbers"), expected.get("target")
    if not isinstance(target, int) or not isinstance(numbers, list):
        return None
    return (numbers, target) if all(isinstance(n, int) for n in numbers) else None


def solve(numbers: Sequence[int], target: int) -> str | None:
    """An expression over + - * / that uses every number once and equals the target exactly.

    Combines two of the remaining terms in every way until one is left. None when there is no
    such expression, or more than MAX_NUMBERS numbers.
    """
    if not 0 < len(numbers) <= MAX_NUMBERS:
        return None
    return _search([(Fraction(number), str(number)) for number in numbers], Fraction(target))


def _search(terms: list[tuple[Fraction, str]], target: Fraction) -> str | None:
    if len(terms) == 1:
        value, expression = terms[0]
        return expression if value == target else None
    for first in range(len(terms)):
        for second in range(first + 1, len(terms)):
            rest = [term for i, term in enumerate(terms) if i not in (first, second)]
            for combined in _combinations(terms[first], terms[second]):
                found = _search([*rest, combined], target)
                if found is not None:
                    return found
    return None


def _combinations(
    left: tuple[Fraction, str], right: tuple[Fraction, str]
) -> list[tuple[Fraction, str]]:
    (a, a_text), (b, b_text) = left, right
    combined = [
        (a + b, f"({a_text} + {b_text})"),
        (a * b, f"({a_text} * {b_text})"),
        (a - b, f"({a_text} - {b_text})"),
        (b - a, f"({b_text} - {a_text})"),
    ]
    if b:
        combined.append((a / b, f"({a_text} / {b_text})"))
    if a:
        combined.append((b / a, f"({b_text} / {a_text})"))
    return combined
