"""Does a program's output match the expected one: as judges compare, exactly, by tokens, or within
a tolerance?

Everything is compared as bytes, so that no Unicode digit or white space is ever read as an ASCII
one. Numbers are read by a strict pattern: Python's own float() accepts `1_0`, `nan` and `infinity`.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from rlsys.errors import VerifierError

Checker = Callable[[bytes, bytes], str]
"""(expected, given) -> "" when they match, else what differs first."""

_INTEGER = re.compile(rb"[+-]?[0-9]{1,1000}")
_DECIMAL = re.compile(
    rb"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,3})?"
)
_TOLERANCE = re.compile(r"float(?::([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]{1,3})?))?")
_DEFAULT_TOLERANCE = 1e-6
_SHOWN = 40


def checker_named(name: str) -> Checker:
    """The comparison of a name: `judge`, `exact`, `tokens`, `float` (1e-6) or `float:TOLERANCE`.

    judge: as tokens, where numbers count by their value: an expected one with a decimal point or an
        exponent within 1e-6, absolute or relative; an expected integer exactly, by the same text or
        as a decimal (6 is met by `6.0`, 0 not by `1e-9`).
    exact: equal but for line ends (CRLF) and white space at the end of the output.
    tokens: equal sequences of texts between ASCII white space.
    float: as tokens, where two decimal numbers are also equal within the absolute or relative
        tolerance. Two integers are never compared with tolerance.

    Raises:
        VerifierError: no checker has this name.
    """
    if name == "exact":
        return compare_exact
    if name == "tokens":
        return partial(_compare_tokens, None)
    if name == "judge":
        return partial(_compare_tokens, _as_judged)
    found = _TOLERANCE.fullmatch(name)
    if found is None:
        raise VerifierError(f"no checker {name!r}; nearest valid: judge, exact, tokens, float:1e-6")
    tolerance = float(found[1]) if found[1] else _DEFAULT_TOLERANCE
    return partial(_compare_tokens, partial(_close, tolerance))


def compare_exact(expected: bytes, given: bytes) -> str:
    """Equal but for CRLF and white space at the very end."""
    wanted, got = (text.replace(b"\r\n", b"\n").rstrip() for text in (expected, given))
    if wanted == got:
        return ""
    lines = zip(wanted.split(b"\n"), got.split(b"\n"), strict=False)
    for number, (line, other) in enumerate(lines, start=1):
        if line != other:
            return f"line {number}: {_shown(other)} is not the expected text"
    return f"{got.count(10) + 1} lines, expected {wanted.count(10) + 1}"


def _compare_tokens(
    same_number: Callable[[bytes, bytes], bool] | None, expected: bytes, given: bytes
) -> str:
    wanted, got = expected.split(), given.split()
    if len(wanted) != len(got):
        return f"{len(got)} tokens, expected {len(wanted)}"
    for number, (token, other) in enumerate(zip(wanted, got, strict=True), start=1):
        if token != other and (same_number is None or not same_number(token, other)):
            return f"token {number}: {_shown(other)} is not the expected one"
    return ""


def _as_judged(expected: bytes, given: bytes) -> bool:
    """Equal numbers, where only an expected decimal has a tolerance: one for an expected integer
    would pay for `1e-9` where 0 is right. Two integers differ where their texts do: `010` may be
    binary."""
    if not _INTEGER.fullmatch(expected):
        return _close(_DEFAULT_TOLERANCE, expected, given)
    padded = len(expected) > 1 and expected.lstrip(b"+-").startswith(b"0")
    if padded or _INTEGER.fullmatch(given) or not _DECIMAL.fullmatch(given):
        return False
    return Decimal(expected.decode()) == Decimal(given.decode())


def _close(tolerance: float, expected: bytes, given: bytes) -> bool:
    """Two finite decimal numbers within tolerance, absolute or relative to the expected one."""
    if _INTEGER.fullmatch(expected) and _INTEGER.fullmatch(given):
        return int(expected) == int(given)
    if not _DECIMAL.fullmatch(expected) or not _DECIMAL.fullmatch(given):
        return False
    wanted, got = float(expected), float(given)
    if not math.isfinite(wanted) or not math.isfinite(got):
        return False
    return abs(wanted - got) <= tolerance * max(1.0, abs(wanted))


def _shown(token: bytes) -> str:
    text = token[:_SHOWN].decode("ascii", "backslashreplace")
    return repr(text) + ("..." if len(token) > _SHOWN else "")
