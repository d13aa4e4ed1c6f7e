"""numpy's arrays and numbers as plain values: type, shape and items.

Results become arrays again where the tests have imported numpy themselves, and nested lists where
they have not; arguments become arrays in the job. numpy is never imported for a result's sake.
"""

import math
import re
import sys
from typing import Any

from verifiers.sandbox.refusals import CodecError

ARRAY, NUMBER = "numpy.ndarray", "numpy.generic"
_MAX_ITEMS, _MAX_BYTES = 200_000, 64 << 20
_TYPES: dict[str, type] = {
    **{"b": bool, "i": int, "u": int, "f": float, "c": complex, "U": str, "S": bytes}
}
"""Python's types of an array's items, by numpy's letter for the kind."""
_TYPE = re.compile(r"[<>|=][biufcUS][0-9]{1,7}")


def take_apart(value: Any, exact: bool) -> tuple[str, Any] | None:
    """A numpy array as its type, shape and items; a number of numpy's as Python's own, unless it
    has to be exact."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
        return None
    is_array = type(value) is numpy.ndarray
    kind, size = value.dtype.kind, value.dtype.itemsize
    if kind not in _TYPES or not (is_array or isinstance(value, numpy.generic)):
        return None
    if kind in "fc" and size > (8 if kind == "f" else 16):
        raise CodecError(f"numpy's {value.dtype.name}, which no float is exact for")
    if not is_array:
        return (NUMBER, (value.dtype.str, value.item())) if exact else ("", value.item())
    return ARRAY, (value.dtype.str, tuple(value.shape), value.ravel().tolist())


def array(plain: Any) -> Any:
    """An array; the nested list of its items where numpy is not in use here."""
    name, shape, items = plain
    kind = _kind(name)
    if type(shape) is not tuple or any(type(size) is not int or size < 0 for size in shape):
        raise TypeError
    if len(shape) > 32 or math.prod(max(size, 1) for size in shape) > _MAX_ITEMS:
        raise CodecError(f"an array of more than {_MAX_ITEMS} items")
    if type(items) is not list or math.prod(shape) != len(items) or _others(items, kind):
        raise TypeError
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return _nested(items, shape)
    if int(name[2:]) * (4 if kind == "U" else 1) * len(items) > _MAX_BYTES:
        raise CodecError(f"an array of more than {_MAX_BYTES} bytes")
    return numpy.array(items, dtype=name).reshape(shape)


def number(plain: Any) -> Any:
    """A number of numpy's; Python's own where numpy is not in use here."""
    name, item = plain
    if type(item) is not _TYPES[_kind(name)]:
        raise TypeError
    numpy = sys.modules.get("numpy")
    return item if numpy is None else numpy.dtype(name).type(item)


def _kind(name: Any) -> str:
    """The letter of a kind in a type's name, such as `<f8`."""
    if type(name) is not str or not _TYPE.fullmatch(name):
        raise TypeError
    return name[1]


def _nested(items: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return items[0]
    size = len(items) // shape[0] if shape[0] else 0
    rows = [items[place * size : (place + 1) * size] for place in range(shape[0])]
    return items if len(shape) == 1 else [_nested(row, shape[1:]) for row in rows]


def _others(items: list[Any], kind: str) -> bool:
    """Whether some items are not what an array of a kind has."""
    return bool({*map(type, items)} - {_TYPES[kind]})
