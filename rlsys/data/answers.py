"""Expected answers that no completion can match, found while rows are read."""

import math
from typing import Any

from rlsys.data.raw import is_blank, is_filled

_PUZZLE = ("numbers", "target")


def flaw(answer: Any) -> str:
    """What keeps everything from matching an expected answer; empty where something can match.

    The text `nan` is an answer like any other; only the number NaN is a missing value. Each of a
    list's alternatives must be one that can be matched. A struct is a verifier's own matter, so
    only one without any value, and a countdown puzzle with a gap, are at fault.

        flaw(float("nan")) -> "a missing value"        flaw(["4", ""]) -> "item 2 is blank"
    """
    part, found = _look(answer)
    return f"{part} is {found}" if part else found


def _look(answer: Any) -> tuple[str, str]:
    """Which part is at fault, empty for the answer as a whole, and how."""
    if isinstance(answer, list) and answer:
        return _look_at_parts({f"item {n}": item for n, item in enumerate(answer, start=1)})
    if isinstance(answer, dict) and all(name in answer for name in _PUZZLE):
        return _look_at_parts({name: answer[name] for name in _PUZZLE})
    return "", _whole(answer)


def _look_at_parts(parts: dict[str, Any]) -> tuple[str, str]:
    for name, value in parts.items():
        inner, found = _look(value)
        if found:
            return f"{inner} of {name}" if inner else name, found
    return "", ""


def _whole(answer: Any) -> str:
    if answer is None:
        return "null"
    if isinstance(answer, bool):
        return 'a truth value; a yes/no answer is written as text, such as "yes"'
    if isinstance(answer, float) and not math.isfinite(answer):
        return "a missing value" if math.isnan(answer) else r'infinite; as text it is "\infty"'
    if isinstance(answer, str):
        return "blank" if is_blank(answer) else ""
    if isinstance(answer, list | dict) and not answer:
        return "empty"
    if isinstance(answer, dict) and not any(map(is_filled, answer.values())):
        return "a struct without any value"
    return ""
