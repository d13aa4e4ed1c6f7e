"""The job's side of a session: requests for what a loaded program defines.

A request is a tuple (operation, mode, target, arguments, keyword arguments), by codec.py. The
target is the name of a global, or an object that an earlier answer kept here. What is answered is
the candidate's word, whatever this module does: nothing here decides anything.
"""

import contextlib
import itertools
import operator
import time
from collections.abc import Callable
from typing import Any

from verifiers.sandbox import arrays, codec, frames
from verifiers.sandbox.instances import DefinedClasses

BY_VALUE, AS_OBJECT, AS_DECLARED = "value", "object", "declared"
"""Modes: what is not carried comes as an object that stays here in each. All but BY_VALUE leave
also instances of subclasses here, which BY_VALUE carries as their base."""
CHANGES = "+changes"
"""Behind a mode: say what became of the arguments. Without it that is said only where the result
is None."""
MAX_MESSAGE_CHARS = 2000
MAX_KEPT = 200_000
_PREFETCH_S = 0.002
"""Seconds for which items of an iterator are made ahead of being asked for."""


class Served:
    """A loaded program, and the objects that its answers left here."""

    def __init__(self, names: dict[str, Any], entry_point: str) -> None:
        self._names, self._entry_point = names, entry_point
        self._kept: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._failures: dict[int, BaseException] = {}
        self._shared = DefinedClasses((), names.get)

    def answer(self, body: bytes) -> tuple[bytes, bytes]:
        """The kind and the body of the answer to a request (frames.py)."""
        try:
            if arrays.ARRAY.encode() in body or arrays.NUMBER.encode() in body:
                _import_numpy()
            request = codec.Decoder(
                body, lambda number, flags, name: self._kept[number], True, self._shared
            )
            operation, mode, target, args, kwargs = request.whole()
            return frames.VALUE, self._do(request, operation, mode, target, args, kwargs)
        except MemoryError:
            raise
        except codec.CodecError as error:
            return frames.REJECTED, codec.encode(str(error)[:MAX_MESSAGE_CHARS])
        except BaseException as error:
            # Whatever a candidate raises is an answer, SystemExit and KeyboardInterrupt, too.
            return frames.RAISED, described(error)

    def _do(
        self,
        request: codec.Decoder,
        operation: str,
        mode: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> bytes:
        if operation == "share":
            self._shared = DefinedClasses(args, self._names.get)
            return codec.encode(None)
        if type(target) is str:
            target = self._named(target or self._entry_point)
        if operation == "next":
            return codec.encode(self._items(target, *args), self._keep, shared=self._shared)
        action: Callable[..., Any] = target if operation == "call" else OPERATIONS[operation]
        result = action(*args, **kwargs) if operation == "call" else action(target, *args)
        mode, plus, _ = mode.partition("+")
        value = self._encoded(result, mode)
        can_change = request.containers or request.instances
        if operation != "call" or not (plus or result is None) or not can_change:
            return value
        return value + codec.encode_changes(
            request.containers, self._keep, request.instances, self._shared
        )

    def _encoded(self, result: Any, mode: str) -> bytes:
        if mode != BY_VALUE and not codec.is_listed(type(result)):
            return codec.encode_kept(*self._keep(result))
        return codec.encode(result, self._keep, shared=self._shared)

    def _named(self, name: str) -> Any:
        if name not in self._names:
            raise NameError(f"name {name!r} is not defined")
        return self._names[name]

    def _items(self, iterator: Any, count: int) -> tuple[list[Any], bool]:
        """The next items, at least one and at most `count`, as long as they come quickly; and
        whether the iterator is at its end."""
        if id(iterator) in self._failures:
            raise self._failures.pop(id(iterator))
        items: list[Any] = []
        began = time.perf_counter()
        while len(items) < count and (not items or time.perf_counter() - began < _PREFETCH_S):
            try:
                items.append(next(iterator))
            except StopIteration:
                return items, True
            except BaseException as error:
                if not items:
                    raise
                # It is raised when the item is asked for that the test would meet it at.
                self._failures[id(iterator)] = error
                break
        return items, False

    def _keep(self, value: Any) -> tuple[int, int, str]:
        """Keep an object here, once: its number, flags and class name."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
            if number >= MAX_KEPT:
                raise codec.CodecError(f"more than {MAX_KEPT} objects")
        kind = type(value)
        flags = codec.CALLABLE * callable(value) | codec.ITERATOR * hasattr(kind, "__next__")
        return number, flags, str(kind.__name__)[:200]


def _import_numpy() -> None:
    """Have arrays among the arguments come as arrays (arrays.py)."""
    with contextlib.suppress(ImportError):  # the name was part of a text
        import numpy  # noqa: F401


def described(error: BaseException) -> bytes:
    """The class and the words of an exception."""
    try:
        message = str(error)
    except BaseException:
        # The exception is the program's own class, so its words may raise, too.
        message = "an error without words"
    return codec.encode((type(error).__name__[:200], message[:MAX_MESSAGE_CHARS]))


ARITHMETIC = (
    *("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift"),
    *("and_", "or_", "xor"),
)
"""Operators of two sides, by their functions in the module operator."""
UNARY = ("neg", "pos", "abs", "invert")


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda right, left: function(left, right)


def _listed(value: Any) -> tuple[Any, Any]:
    """Length and items (of a mapping a dict), of what has them."""
    kind = type(value)
    length = len(value) if hasattr(kind, "__len__") else None
    if not hasattr(kind, "__iter__") and not hasattr(kind, "__getitem__"):
        return length, None
    items = list(itertools.islice(value, codec.MAX_ITEMS + 1))
    return length, {key: value[key] for key in items} if hasattr(kind, "keys") else items


OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in (*ARITHMETIC, *UNARY)},
    **{f"r{name}": _reflected(getattr(operator, name)) for name in ARITHMETIC},
    "get": getattr,
    "set": setattr,
    "delete": delattr,
    "len": len,
    "bool": bool,
    "str": str,
    "repr": repr,
    "item": operator.getitem,
    "set item": operator.setitem,
    "delete item": operator.delitem,
    "contains": operator.contains,
    "list": _listed,
    "iter": iter,
    **{kind.__name__: kind for kind in (int, float, complex)},
    "index": operator.index,
    "round": round,
    **{f"i{name}": getattr(operator, f"i{name.rstrip('_')}") for name in ARITHMETIC},
}
"""What may be done with a target beside calling it."""
QUESTIONS = frozenset(
    (
        *("get", "len", "bool", "str", "repr", "item", "contains", "list"),
        *("int", "float", "complex", "index", "round"),
    )
)
"""Those that an object answers the same way until something has changed it."""
CHANGING = frozenset(
    (
        *("call", "set", "delete", "set item", "delete item"),
        *(f"i{name}" for name in ARITHMETIC),
    )
)
"""What may change it."""
