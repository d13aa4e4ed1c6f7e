"""Expected answers that no completion can match, found while rows are read."""

import math
from typing import Any

from rlsys.data.raw import is_blank, is_filled

PUZZLE = ("numbers", "target")


def flaw(expected: Any) -> str:
    """What keeps everything from matching an expected answer; empty where something can match.

    The text `nan` is an answer like any other; only the number NaN is a missing value. Each of a
    list's alternatives must be one that can be matched. A struct is a verifier's own matter, so
    only one without any value, and a countdown puzzle with a gap, are at fault.

        flaw(float("nan")) -> "a missing value"        flaw(["4", ""]) -> "item 2 is blank"
    """
    part, found = _look(expected)
    return f"{part} is {found}" if part else found


def _look(expected: Any) -> tuple[str, str]:
    """Which part is at fault, empty for the answer as a whole, and how."""
    if isinstance(expected, list) and expected:
        return _look_at_parts({f"item {n}": item for n, item in enumerate(expected, start=1)})
    if isinstance(expected, dict) and all(name in expected for name in PUZZLE):
        return _look_at_parts({name: expected[name] for name in PUZZLE})
    return "", _whole(expected)


def _look_at_parts(parts: dict[str, Any]) -> tuple[str, str]:
    for name, value in parts.items():
        inner, found = _look(value)
        if found:
            return f"{inner} of {name}" if inner else name, found
    return "", ""


def _whole(expected: Any) -> str:
    if expected is None:
        return "null"
    if isinstance(expected, bool):
        return 'a truth value; a yes/no answer is written as text, such as "yes"'
    if isinstance(expected, float) and not math.isfinite(expected):
        return "a missing value" if math.isnan(expected) else r'infinite; as text it is "\infty"'
    if isinstance(expected, str):
        return "blank" if is_blank(expected) else ""
    if isinstance(expected, list | dict) and not expected:
        return "empty"
    if isinstance(expected, dict) and not any(map(is_filled, expected.values())):
        return "a struct without any value"
    return ""
