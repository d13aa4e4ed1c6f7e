"""Reads values from bytes by anybody; the format and what is promised stand in codec.py."""

import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

from verifiers.sandbox import carried
from verifiers.sandbox.carried import hashable
from verifiers.sandbox.instances import BY_VALUE_ONLY, Shared
from verifiers.sandbox.refusals import CodecError

MAX_DEPTH = 100
MAX_ITEMS = 200_000
MAX_BYTES = 8 << 20
MAX_INT_BYTES = 1 << 17

COUNT = struct.Struct("<I")
DOUBLE = struct.Struct("<d")
COMPLEX = struct.Struct("<dd")
FACTORIES: dict[str, Any] = {
    "": None,
    **{kind.__name__: kind for kind in (bool, dict, float, int, list, set, str, tuple)},
}

Held = Callable[[int, int, str], Any]
"""Number, flags and class name of an object that stays in the job -> what stands for it."""


class Decoder:
    """Reads values from bytes; `containers` are those that it has made, by number.

    Args:
        refers: take numbers of containers in place of them. Not in results: a candidate's could
            name one list so often that to look through them all would not end.
    """

    def __init__(
        self,
        data: bytes,
        held: Held | None = None,
        refers: bool = False,
        shared: Shared = BY_VALUE_ONLY,
    ) -> None:
        if len(data) > MAX_BYTES:
            raise CodecError(f"more than {MAX_BYTES} bytes")
        self.instances: list[Any] = []
        self._shared = shared
        self.containers: list[Any] = []
        self.is_fixed = False
        """Whether the containers are given, and those that are read have no numbers."""
        self._data = data
        self._held, self._refers = held, refers
        self._items = 0
        self.position = 0
        self._readers: dict[bytes, Callable[[int], Any]] = {
            b"N": lambda depth: None,
            b"T": lambda depth: True,
            b"F": lambda depth: False,
            b"i": lambda depth: self._integer(),
            b"f": lambda depth: DOUBLE.unpack(self._take(8))[0],
            b"c": lambda depth: complex(*COMPLEX.unpack(self._take(16))),
            b"s": lambda depth: self._text(),
            b"b": lambda depth: self._take(self._count()),
            b"a": lambda depth: self._filled(bytearray(self._take(self._count()))),
            b"l": lambda depth: self._numbered(lambda: list(self._each(depth))),
            b"t": lambda depth: tuple(self._each(depth)),
            b"S": lambda depth: self._numbered(lambda: set(hashable([*self._each(depth)]))),
            b"Z": lambda depth: frozenset(hashable([*self._each(depth)])),
            b"q": lambda depth: self._numbered(lambda: self._deque(depth)),
            b"d": lambda depth: self._numbered(lambda: dict(self._pairs(depth))),
            b"C": lambda depth: self._numbered(lambda: Counter(dict(self._pairs(depth)))),
            b"O": lambda depth: self._numbered(lambda: OrderedDict(self._pairs(depth))),
            b"E": lambda depth: self._numbered(lambda: self._defaultdict(depth)),
            b"R": lambda depth: self._reference(),
            b"x": lambda depth: carried.put_together(self._text(), self.value(depth + 1)),
            b"o": self._instance,
            b"h": self._object,
        }

    def whole(self) -> Any:
        """The one value that the bytes are."""
        value = self.first()
        self.require_end()
        return value

    def first(self) -> Any:
        """The value that the bytes begin with."""
        value = self.value(0)
        self.fill_instances()
        return value

    def fill_instances(self) -> None:
        """Read what each instance holds, those that come up meanwhile included."""
        for instance in self.instances:  # grows
            names, items = [], []
            for _ in range(self._count()):
                names.append(self.value(1))
                items.append(self.value(1))
            if any(type(name) is not str for name in names):
                raise CodecError("an attribute without a name")
            self._shared.fill(instance, dict(zip(names, items, strict=True)))

    def require_end(self) -> None:
        """Raises CodecError where something follows."""
        if self.position != len(self._data):
            raise CodecError("bytes after the value")

    def value(self, depth: int) -> Any:
        """The next value."""
        self._items += 1
        if self._items > MAX_ITEMS:
            raise CodecError(f"more than {MAX_ITEMS} items")
        if depth > MAX_DEPTH:
            raise CodecError(f"nested more than {MAX_DEPTH} deep")
        tag = self._take(1)
        reader = self._readers.get(tag)
        if reader is None:
            raise CodecError(f"unknown tag {tag!r}")
        return reader(depth)

    def _take(self, size: int) -> bytes:
        data = self._data[self.position : self.position + size]
        if len(data) != size:
            raise CodecError("cut off")
        self.position += size
        return data

    def _count(self) -> int:
        return int(COUNT.unpack(self._take(4))[0])

    def _integer(self) -> int:
        size = self._count()
        if size > MAX_INT_BYTES:
            raise CodecError(f"an int of more than {MAX_INT_BYTES} bytes")
        return int.from_bytes(self._take(size), "little", signed=True)

    def _text(self) -> str:
        try:
            return self._take(self._count()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise CodecError("text that is not UTF-8") from error

    def _each(self, depth: int) -> Iterator[Any]:
        for _ in range(self._count()):
            yield self.value(depth + 1)

    def _pairs(self, depth: int) -> Iterator[tuple[Any, Any]]:
        keys, values = [], []
        for _ in range(self._count()):
            keys.append(self.value(depth + 1))
            values.append(self.value(depth + 1))
        return zip(hashable(keys), values, strict=True)

    def _deque(self, depth: int) -> deque[Any]:
        maxlen = self.value(depth + 1)
        if maxlen is not None and (type(maxlen) is not int or not 0 <= maxlen < 2**31):
            raise CodecError("a deque of no length")
        return deque(self._each(depth), maxlen)

    def _defaultdict(self, depth: int) -> defaultdict[Any, Any]:
        name = self.value(depth + 1)
        if type(name) is not str or name not in FACTORIES:
            raise CodecError("a defaultdict with a factory of its own")
        return defaultdict(FACTORIES[name], self._pairs(depth))

    def _numbered(self, read: Callable[[], Any]) -> Any:
        if self.is_fixed:
            return read()
        number = len(self.containers)
        self.containers.append(None)
        self.containers[number] = value = read()
        return value

    def _filled(self, value: Any) -> Any:
        return self._numbered(lambda: value)

    def _reference(self) -> Any:
        number = self._count()
        value = self.containers[number] if number < len(self.containers) else None
        if value is None or not self._refers:
            raise CodecError("a container that is not there, or inside itself")
        return value

    def _instance(self, depth: int) -> Any:
        number = self._count()
        if number < len(self.instances):
            return self.instances[number]
        name = self.value(depth + 1)
        if number != len(self.instances) or type(name) is not str:
            raise CodecError("an instance without a class")
        self.instances.append(self._shared.new(name))
        return self.instances[number]

    def _object(self, depth: int) -> Any:
        number, flags, name = self._count(), self._take(1)[0], self.value(depth + 1)
        if type(name) is not str:
            raise CodecError("an object without a class")
        if self._held is None:
            raise CodecError(f"a value of type {name[:200]}, which does not cross")
        return self._held(number, flags, name[:200])
