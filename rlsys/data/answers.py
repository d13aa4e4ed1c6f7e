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
    if answer is None:
        return "null"
    if isinstance(answer, bool):
        return 'a truth value; a yes/no answer is written as text, such as "yes"'
    if isinstance(answer, float) and not math.isfinite(answer):
        return "a missing value" if math.isnan(answer) else r'infinite; as text it is "\infty"'
    if isinstance(answer, str):
        return "blank" if is_blank(answer) else ""
    if isinstance(answer, list):
        items = enumerate(answer, start=1)
        return _first_flaw({f"item {number}": item for number, item in items}) or _if_empty(answer)
    if isinstance(answer, dict):
        if all(name in answer for name in _PUZZLE):
            return _first_flaw({name: answer[name] for name in _PUZZLE})
        without = "" if any(map(is_filled, answer.values())) else "a struct without any value"
        return _if_empty(answer) or without
    return ""


def _first_flaw(parts: dict[str, Any]) -> str:
    flaws = ((name, flaw(value)) for name, value in parts.items())
    return next((f"{name} is {found}" for name, found in flaws if found), "")


def _if_empty(answer: list[Any] | dict[str, Any]) -> str:
    return "" if answer else "empty"
