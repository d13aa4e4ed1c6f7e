"""Countdown puzzles: reach the target, using each number exactly once."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rlsys.config.data import DataConfig
from rlsys.data.raw import RawRow, first_number, shown
from rlsys.data.rows import PromptKind, Row, build_row, question
from rlsys.data.trainer_formats import read_prompt

COLUMNS = ("nums", "target")
"""As the hub's sets of puzzles have them, such as Jiayi-Pan/Countdown-Tasks-3to4."""
_WHOLE = re.compile(r"-?[0-9]+")
MAX_NUMBERS = 5
"""Five numbers without a solution take a second, six more than a minute."""


def read_countdown(raw: RawRow, config: DataConfig) -> Row:
    """A puzzle that is its numbers and its target; the question is made of them, unless the row has
    a prompt of its own.

    The expected answer is {"numbers": [44, 19, 35], "target": 98}.
    """
    numbers = raw.value("nums", "a list of whole numbers")
    if not isinstance(numbers, list) or not numbers:
        raise raw.error("nums", "a list of whole numbers", shown(numbers))
    numbers = [_whole(raw, "nums", number, "a list of whole numbers") for number in numbers]
    target = _whole(raw, "target", raw.value("target", "a whole number"), "a whole number")
    kind, messages = PromptKind.QUESTION, question(_asked(numbers, target))
    if "prompt" in raw.values:
        kind, messages = read_prompt(raw, "prompt")
    return build_row(
        raw,
        config,
        source="countdown",
        kind=kind,
        messages=messages,
        expected={"numbers": numbers, "target": target},
        answer_column="nums",
        info=raw.rest("prompt", *COLUMNS),
        difficulty=first_number(raw.values, "difficulty", "level"),
    )


def _asked(numbers: list[int], target: int) -> str:
    return (
        f"Write an expression that equals {target}, of the numbers {', '.join(map(str, numbers))}. "
        "Use each number exactly once, with +, -, *, / and brackets. "
        "The answer is the expression."
    )


def _whole(raw: RawRow, column: str, value: Any, expected: str) -> int:
    """A whole number, which CSV files and pandas have as 98, "98" or 98.0."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return int(value)
    raise raw.error(column, expected, shown(raw.values[column]))


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

    Combines two of the remaining terms in every way until one is left, for the target and for its
    negative: the signs of terms can be drawn to the front, so this finds whatever there is. None
    when there is no such expression, or more than MAX_NUMBERS numbers.
    """
    if not is_searched(numbers):
        return None
    terms = [(Fraction(number), str(number)) for number in numbers]
    if found := _search(terms, Fraction(target)):
        return found
    negative = _search(terms, Fraction(-target))
    return negative and f"-{negative}"


def is_searched(numbers: Sequence[int]) -> bool:
    """Whether `solve` looks for an expression of so many numbers."""
    return 0 < len(numbers) <= MAX_NUMBERS


def is_unsolvable(expected: Any) -> bool:
    """Whether an expected answer is a puzzle that is known to have no solution."""
    puzzle = read_puzzle(expected)
    return puzzle is not None and is_searched(puzzle[0]) and solve(*puzzle) is None


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
