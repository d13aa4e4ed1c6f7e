"""Values as bytes, by type: what crosses between a job and its caller.

One tag byte, then the content, lengths and counts as 4 bytes, little-endian:

    N T F           None, True, False            s b   length, bytes (UTF-8 with surrogates)
    i               length, two's complement     l t S Z   count, items (list tuple set frozenset)
    f c             one or two IEEE doubles      d     count, keys and values in turn

Decoding makes exact built-in objects and calls nothing of the sender's. It is bounded in depth,
items, bytes and equal hashes: keys made to collide would take quadratic time in the reader.
"""

import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 100
MAX_ITEMS = 200_000
MAX_BYTES = 8 << 20
MAX_INT_BYTES = 1 << 17
MAX_EQUAL_HASHES = 100

_COUNT = struct.Struct("<I")
_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")


class CodecError(ValueError):
    """A value is not carried, or bytes are not a value."""


def encode(value: Any) -> bytes:
    """Bytes of a value. Instances of subclasses are written as their built-in base.

    Raises:
        CodecError: another type inside, or past one of the bounds.
    """
    return _Encoder().encode(value)


def decode(data: bytes) -> Any:
    """The value of bytes from anybody.

    Raises:
        CodecError: malformed, or past one of the bounds.
    """
    if len(data) > MAX_BYTES:
        raise CodecError(f"more than {MAX_BYTES} bytes")
    decoder = _Decoder(data)
    value = decoder.value(0)
    if decoder.position != len(data):
        raise CodecError("bytes after the value")
    return value


class _Encoder:
    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._items = 0
        self._size = 0

    def encode(self, value: Any) -> bytes:
        self._value(value, 0)
        return b"".join(self._parts)

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise CodecError(f"more than {MAX_BYTES} bytes")
        self._parts.append(data)

    def _sized(self, tag: bytes, data: bytes) -> None:
        self._add(tag + _COUNT.pack(len(data)) + data)

    def _value(self, value: Any, depth: int) -> None:
        self._items += 1
        if self._items > MAX_ITEMS:
            raise CodecError(f"more than {MAX_ITEMS} items")
        if depth > MAX_DEPTH:
            raise CodecError(f"nested more than {MAX_DEPTH} deep, or inside itself")
        if value is None or value is True or value is False:
            self._add(b"N" if value is None else b"T" if value else b"F")
        elif isinstance(value, int):
            self._integer(value)
        elif isinstance(value, float):
            self._add(b"f" + _DOUBLE.pack(float.__float__(value)))
        elif isinstance(value, complex):
            exact = complex.__complex__(value)
            self._add(b"c" + _COMPLEX.pack(exact.real, exact.imag))
        elif isinstance(value, str):
            self._sized(b"s", str.encode(value, "utf-8", "surrogatepass"))
        elif isinstance(value, bytes):
            self._sized(b"b", bytes.__getitem__(value, slice(None)))
        elif isinstance(value, dict):
            self._add(b"d" + _COUNT.pack(dict.__len__(value)))
            for key, item in dict.items(value):
                self._value(key, depth + 1)
                self._value(item, depth + 1)
        else:
            self._sequence(value, depth)

    def _integer(self, value: int) -> None:
        size = int.bit_length(value) // 8 + 1
        if size > MAX_INT_BYTES:
            raise CodecError(f"an int of more than {MAX_INT_BYTES} bytes")
        self._sized(b"i", int.to_bytes(value, size, "little", signed=True))

    def _sequence(self, value: Any, depth: int) -> None:
        for tag, kind in _SEQUENCES.items():
            if isinstance(value, kind):
                self._add(tag + _COUNT.pack(kind.__len__(value)))
                for item in kind.__iter__(value):
                    self._value(item, depth + 1)
                return
        raise CodecError(f"a value of type {type(value).__name__}, which does not cross")


_SEQUENCES: dict[bytes, Any] = {b"l": list, b"t": tuple, b"S": set, b"Z": frozenset}


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._items = 0
        self.position = 0
        self._readers: dict[bytes, Callable[[int], Any]] = {
            b"N": lambda depth: None,
            b"T": lambda depth: True,
            b"F": lambda depth: False,
            b"i": lambda depth: self._integer(),
            b"f": lambda depth: _DOUBLE.unpack(self._take(8))[0],
            b"c": lambda depth: complex(*_COMPLEX.unpack(self._take(16))),
            b"s": lambda depth: self._text(),
            b"b": lambda depth: self._take(self._count()),
            b"l": self._list,
            b"t": lambda depth: tuple(self._list(depth)),
            b"S": lambda depth: set(_hashable(self._list(depth))),
            b"Z": lambda depth: frozenset(_hashable(self._list(depth))),
            b"d": self._dict,
        }

    def value(self, depth: int) -> Any:
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
        return int(_COUNT.unpack(self._take(4))[0])

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

    def _list(self, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(self._count())]

    def _dict(self, depth: int) -> dict[Any, Any]:
        keys, values = [], []
        for _ in range(self._count()):
            keys.append(self.value(depth + 1))
            values.append(self.value(depth + 1))
        return dict(zip(_hashable(keys), values, strict=True))


def _hashable(keys: list[Any]) -> list[Any]:
    """The keys, if a table of them can be built in reasonable time."""
    try:
        equal = Counter(map(hash, keys)) if len(keys) > MAX_EQUAL_HASHES else Counter()
        hash(tuple(keys))
    except TypeError as error:
        raise CodecError("a key that cannot be one") from error
    if equal and max(equal.values()) > MAX_EQUAL_HASHES:
        raise CodecError(f"more than {MAX_EQUAL_HASHES} keys with one hash")
    return keys
