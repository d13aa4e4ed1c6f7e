"""Countdown: reach a target with each of the given numbers exactly once.

The answer is an arithmetic expression, read by the small parser below over exact fractions. It is
never evaluated by Python, so there is nothing in it that could run.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.extract import final_answer
from verifiers.math.reading import clean

MAX_CHARS = 500
MAX_DEPTH = 30
MAX_DIGITS = 12

_TOKEN = re.compile(r"\s*([0-9]+|[-+*/()])")
_SIGNS = (
    *(("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"), ("\\left", ""), ("\\right", "")),
    *(("×", "*"), ("·", "*"), ("÷", "/"), ("−", "-")),
)


class ExpressionError(ValueError):
    """The text is not an expression of numbers, + - * / and brackets."""


@dataclass
class CountdownVerifier:
    """Reward 1 when the expression uses each number once and gives the target, else 0.

    The expected answer is {"numbers": [44, 19, 35], "target": 98}. `expression = value` is
    accepted when the value is right.
    """

    name: str = field(default="countdown", init=False)

    def verify(self, completion: Completion) -> Verdict:
        """Grade the expression.

        Raises:
            VerifierError: the expected answer has no numbers or no target.
        """
        numbers, target = _read_expected(completion.answer)
        truncated = completion.finish_reason == "length"
        found = final_answer(completion.text, completion.prompt, truncated)
        if found is None or not found.text or not found.marked:
            return Verdict(0.0, Status.UNPARSABLE, "no answer that is marked as one")
        if len(found.text) > MAX_CHARS:
            return Verdict(0.0, Status.REJECTED, f"more than {MAX_CHARS} characters")
        try:
            value, used, claimed = evaluate_equation(found.text)
        except ExpressionError as error:
            return Verdict(0.0, Status.UNPARSABLE, str(error))
        if value != claimed:
            return Verdict(0.0, Status.WRONG, f"gives {value} and says {claimed}")
        if Counter(used) != Counter(numbers):
            return Verdict(0.0, Status.WRONG, f"uses {sorted(used)} instead of {sorted(numbers)}")
        if value != target:
            return Verdict(0.0, Status.WRONG, f"gives {value} instead of {target}")
        return Verdict(1.0, Status.CORRECT)

    def self_test(self) -> list[tuple[Completion, float]]:
        """Right, the wrong value, a number left out, the target itself, and code."""
        expected = {"numbers": [44, 19, 35], "target": 98}
        cases = {
            "(44 + 19) + 35": 1.0,
            "44 + 19 + 35 = 98": 1.0,
            "44 + 19 - 35": 0.0,
            "44 + 19 + 35 + 35 - 35": 0.0,
            "98": 0.0,
            "__import__('os')": 0.0,
        }
        return [
            (Completion("", f"<think>t</think><answer>{text}</answer>", expected), reward)
            for text, reward in cases.items()
        ]


def evaluate_equation(text: str) -> tuple[Fraction, list[int], Fraction]:
    """Read `expression` or `expression = value`: its value, the numbers used, the value it claims.

    Raises:
        ExpressionError: it is neither.
    """
    text = clean(text)
    for written, sign in _SIGNS:
        text = text.replace(written, sign)
    left, equals, right = text.partition("=")
    value, used = evaluate(left)
    return value, used, evaluate(right)[0] if equals else value


def evaluate(text: str) -> tuple[Fraction, list[int]]:
    """Value of an expression and the numbers that it uses, in order of use.

    Raises:
        ExpressionError: not an expression, nested too deep, a number too long, or n / 0.
    """
    parser = _Parser(_tokens(text))
    value = parser.sum(0)
    if parser.peek():
        raise ExpressionError(f"unexpected {parser.peek()!r} in {text[:80]!r}")
    return value, parser.used


class _Parser:
    """sum: product (+- product)*; product: factor (*/ factor)*; factor: number, -factor, (sum)."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self.used: list[int] = []

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def sum(self, depth: int) -> Fraction:
        value = self._product(depth)
        while self.peek() in ("+", "-"):
            sign = 1 if self._take() == "+" else -1
            value += sign * self._product(depth)
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._factor(depth)
        while self.peek() in ("*", "/"):
            if self._take() == "*":
                value *= self._factor(depth)
                continue
            divisor = self._factor(depth)
            if not divisor:
                raise ExpressionError("division by zero")
            value /= divisor
        return value

    def _factor(self, depth: int) -> Fraction:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep")
        token = self._take()
        if token.isdecimal():
            self.used.append(int(token))
            return Fraction(int(token))
        if token == "-":
            return -self._factor(depth + 1)
        if token == "(":
            value = self.sum(depth + 1)
            if self._take() != ")":
                raise ExpressionError("a bracket is not closed")
            return value
        raise ExpressionError(f"expected a number, found {token or 'the end'!r}")

    def _take(self) -> str:
        token = self.peek()
        self._next += 1
        return token


def _tokens(text: str) -> list[str]:
    tokens, position, text = [], 0, text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ExpressionError(f"unexpected {text[position:].strip()[:20]!r}")
        if len(found[1]) > MAX_DIGITS:
            raise ExpressionError(f"a number of more than {MAX_DIGITS} digits")
        tokens.append(found[1])
        position = found.end()
    return tokens


def _read_expected(answer: Any) -> tuple[list[int], Fraction]:
    if not isinstance(answer, dict) or not {"numbers", "target"} <= answer.keys():
        raise VerifierError(
            f"countdown: expected answer {str(answer)[:80]!r} is not an object with numbers and "
            "target"
        )
    numbers, target = answer["numbers"], _exact(answer["target"])
    used = [_exact(number) for number in numbers] if isinstance(numbers, list) else []
    # A sign is an operation: 19 - 4 uses 4, and no expression uses -4.
    if not used or not all(n is not None and n >= 0 and n.denominator == 1 for n in used):
        raise VerifierError(
            f"countdown: numbers {str(numbers)[:80]} are not a list of whole numbers from 0 on, "
            "which alone an expression can use"
        )
    if target is None:
        raise VerifierError(f"countdown: target {str(answer['target'])[:80]!r} is not a number")
    return [int(number) for number in used if number is not None], target


def _exact(value: Any) -> Fraction | None:
    """A number as it is, or as its text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return Fraction(value)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
