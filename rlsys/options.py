"""Options of a user's function or class: a value as YAML has it, against an annotation."""

import inspect
import typing
from typing import Any


def fits(value: Any, hint: Any) -> bool:
    """Whether a value read from YAML fits a parameter's annotation; unknown ones fit."""
    hint = typing.get_origin(hint) or hint
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str, list, dict):
        return isinstance(value, hint)
    return True


def type_name(hint: Any) -> str:
    """As its author wrote it."""
    return hint.__name__ if inspect.isclass(hint) else str(hint)
