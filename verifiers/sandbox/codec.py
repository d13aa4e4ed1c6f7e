"""Values as bytes, by type: what crosses between a job and its caller.

One tag byte, then the content, lengths and counts as 4 bytes, little-endian:

    N T F    None, True, False            l t S Z  count, items (list tuple set frozenset)
    i        length, two's complement     q        maxlen (a value), count, items (deque)
    f c      one or two IEEE doubles      d C O E  count, keys and values in turn (dict, Counter,
    s b a    length, bytes (UTF-8 with             OrderedDict; defaultdict, whose factory's name
             surrogates; bytearray)                comes first)
    R        number of a container of the request
    x        name of a type of carried.py, the value that it is made of
    o        number of an instance of a class that both sides have; its class name where it is new
    h        number, flags, class name: an object that stays in the job

What instances hold follows the value, each as a count with names and values in turn, in the order
of their numbers: so a long chain of them is not nested, and may be closed to a ring.

Decoding makes exact built-in objects of a closed list of types and calls nothing of the sender's.
It is bounded in depth, items, bytes and equal hashes: keys made to collide would take quadratic
time in the reader.

The containers that a request brings (lists, dicts, sets, deques, bytearrays) are numbered in the
order in which they begin. So one that occurs twice is one object on the other side, too, and the
answer can say what became of each (`encode_changes`, `apply_changes`).
"""

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from verifiers.sandbox import carried
from verifiers.sandbox.decoder import (
    COMPLEX,
    COUNT,
    DOUBLE,
    FACTORIES,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_INT_BYTES,
    MAX_ITEMS,
    Decoder,
    Held,
)
from verifiers.sandbox.instances import BY_VALUE_ONLY, Shared
from verifiers.sandbox.refusals import CodecError, UncarriedTypeError

CALLABLE, ITERATOR = 1, 2
"""Flags of an object that stays in the job."""

Keep = Callable[[Any], tuple[int, int, str] | None]
"""An object that is not carried -> its number, flags and class name; None: it must not stay."""


def encode(
    value: Any,
    keep: Keep | None = None,
    exact: bool = False,
    shared: Shared = BY_VALUE_ONLY,
) -> bytes:
    """Bytes of a value. Instances of subclasses are written as their built-in base.

    Args:
        keep: stands for what is not carried.
        exact: refuse instances of subclasses.
        shared: classes whose instances cross by what they hold.

    Raises:
        CodecError: another type inside, or past one of the bounds.
    """
    return Encoder(keep, exact, shared).encode(value)


def decode(data: bytes, held: Held | None = None) -> Any:
    """The value of bytes from anybody.

    Raises:
        CodecError: malformed, or past one of the bounds.
    """
    return Decoder(data, held).whole()


def encode_kept(number: int, flags: int, name: str) -> bytes:
    """Bytes of an object that stays in the job."""
    return b"h" + COUNT.pack(number) + bytes([flags]) + encode(name)


def is_listed(kind: type) -> bool:
    """Whether exact instances of a type are carried."""
    return kind in _WRITERS or carried.is_listed(kind)


def encode_changes(
    containers: Sequence[Any],
    keep: Keep | None,
    instances: Sequence[Any] = (),
    shared: Shared = BY_VALUE_ONLY,
) -> bytes:
    """What containers and instances hold now; those among them that they hold by number."""
    encoder = Encoder(keep, shared=shared)
    encoder.containers = list(containers)
    encoder.numbers = {id(container): number for number, container in enumerate(containers)}
    encoder.number_instances(instances)
    held = [encoder.contents(container) for container in containers]
    return b"".join([*held, encoder.held_by_instances()])


def apply_changes(
    data: bytes,
    containers: Sequence[Any],
    held: Held | None,
    instances: Sequence[Any] = (),
    shared: Shared = BY_VALUE_ONLY,
) -> None:
    """Have containers and instances hold what `encode_changes` says, each staying the object that
    it is.

    Raises:
        CodecError: malformed, or not the kinds that the containers have.
    """
    decoder = Decoder(data, held, refers=True, shared=shared)
    decoder.containers = list(containers)
    decoder.is_fixed = True
    decoder.instances = list(instances)
    new = [decoder.value(0) for _ in containers]
    decoder.fill_instances()
    decoder.require_end()
    if any(type(now) is not type(own) for now, own in zip(new, containers, strict=True)):
        raise CodecError("an argument that is another one")
    for now, own in zip(new, containers, strict=True):
        if isinstance(own, list | bytearray):
            own[:] = now
        elif isinstance(own, dict):
            own.clear()
            for key, item in now.items():
                own[key] = item
        else:
            own.clear()
            own.extend(now) if isinstance(own, deque) else own.update(now)


class Encoder:
    """Writes one value."""

    def __init__(
        self, keep: Keep | None = None, exact: bool = False, shared: Shared = BY_VALUE_ONLY
    ) -> None:
        self.instances: list[Any] = []
        """Of classes that both sides have, by number."""
        self.containers: list[Any] = []
        """By number; kept alive here, so that no other object gets the id of one."""
        self.numbers: dict[int, int] | None = {} if exact else None
        """By id. Only the trusted side's requests and a job's changes number their containers: a
        result is a tree."""
        self._keep, self._exact, self._shared = keep, exact, shared
        self._numbers_of_instances: dict[int, int] = {}
        self._parts: list[bytes] = []
        self._items = 0
        self._size = 0

    def encode(self, value: Any) -> bytes:
        """See codec.encode."""
        self._value(value, 0)
        return self._taken() + self.held_by_instances()

    def number_instances(self, instances: Sequence[Any]) -> None:
        """Give instances their numbers before they are met."""
        self.instances = list(instances)
        self._numbers_of_instances = {id(value): n for n, value in enumerate(instances)}

    def held_by_instances(self) -> bytes:
        """What each instance holds, those that come up meanwhile included."""
        for value in self.instances:  # grows
            attributes = self._shared.attributes(value)
            self._add(COUNT.pack(len(attributes)))
            for name, item in attributes.items():
                self._value(name, 1)
                self._value(item, 1)
        return self._taken()

    def contents(self, container: Any) -> bytes:
        """A container itself, where it would otherwise be written by number."""
        self._writer(type(container))(self, container, 0)
        return self._taken()

    def _taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def _add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_BYTES:
            raise CodecError(f"more than {MAX_BYTES} bytes")
        self._parts.append(data)

    def _sized(self, tag: bytes, data: bytes | bytearray) -> None:
        self._add(tag + COUNT.pack(len(data)) + data)

    def _value(self, value: Any, depth: int) -> None:
        self._items += 1
        if self._items > MAX_ITEMS:
            raise CodecError(f"more than {MAX_ITEMS} items")
        if depth > MAX_DEPTH:
            raise CodecError(f"nested more than {MAX_DEPTH} deep, or inside itself")
        kind = type(value)
        if self.numbers is not None and kind in _CONTAINERS:
            number = self.numbers.get(id(value))
            if number is not None:
                self._add(b"R" + COUNT.pack(number))
                return
            if self._exact:
                self.numbers[id(value)] = len(self.containers)
                self.containers.append(value)
        writer = _WRITERS.get(kind)
        if writer is None and (name := self._shared.name_of(kind)):
            self._instance(value, name)
            return
        if writer is None and not self._exact and not carried.is_named_tuple(kind):
            writer = self._writer(kind)
        if writer is not None:
            writer(self, value, depth)
            return
        plain = carried.take_apart(value, self._exact)
        if plain is not None:
            name, made_of = plain
            if name:
                self._sized(b"x", name.encode())
            self._value(made_of, depth + 1)
            return
        kept = self._keep(value) if self._keep else None
        if kept is None:
            raise UncarriedTypeError(kind)
        self._add(encode_kept(*kept))

    def _instance(self, value: Any, name: str) -> None:
        number = self._numbers_of_instances.get(id(value))
        if number is not None:
            self._add(b"o" + COUNT.pack(number))
            return
        number = self._numbers_of_instances[id(value)] = len(self.instances)
        self.instances.append(value)
        self._add(b"o" + COUNT.pack(number))
        self._text(name, 0)

    @staticmethod
    def _writer(kind: type) -> Any:
        # By the real class, whatever its instances say of theirs.
        return next((_WRITERS[base] for base in kind.__mro__ if base in _WRITERS), None)

    def _constant(self, value: Any, depth: int) -> None:
        self._add(b"N" if value is None else b"T" if value else b"F")

    def _integer(self, value: int, depth: int) -> None:
        size = int.bit_length(value) // 8 + 1
        if size > MAX_INT_BYTES:
            raise CodecError(f"an int of more than {MAX_INT_BYTES} bytes")
        self._sized(b"i", int.to_bytes(value, size, "little", signed=True))

    def _float(self, value: float, depth: int) -> None:
        self._add(b"f" + DOUBLE.pack(float.__float__(value)))

    def _complex(self, value: complex, depth: int) -> None:
        exact = complex.__complex__(value)
        self._add(b"c" + COMPLEX.pack(exact.real, exact.imag))

    def _text(self, value: str, depth: int) -> None:
        self._sized(b"s", str.encode(value, "utf-8", "surrogatepass"))

    def _bytes(self, value: bytes, depth: int) -> None:
        self._sized(b"b", bytes.__getitem__(value, slice(None)))

    def _bytearray(self, value: bytearray, depth: int) -> None:
        self._sized(b"a", bytearray.__getitem__(value, slice(None)))

    def _deque(self, value: deque[Any], depth: int) -> None:
        self._add(b"q")
        self._value(vars(deque)["maxlen"].__get__(value), depth + 1)
        self._each(b"", deque, value, depth)

    def _each(self, tag: bytes, kind: Any, value: Any, depth: int) -> None:
        self._add(tag + COUNT.pack(kind.__len__(value)))
        for item in kind.__iter__(value):
            self._value(item, depth + 1)

    def _dict(self, value: dict[Any, Any], depth: int) -> None:
        kind = next((k for k in _DICT_TAGS if type(value) is k), dict)
        self._add(_DICT_TAGS[kind])
        if isinstance(value, defaultdict) and kind is defaultdict:
            factory = value.default_factory
            name = getattr(factory, "__name__", "") if factory is not None else ""
            if not isinstance(name, str) or FACTORIES.get(name, self) is not factory:
                if self._exact:
                    raise CodecError("a defaultdict with a factory of its own")
                name = ""
            self._value(name, depth + 1)
        self._add(COUNT.pack(dict.__len__(value)))
        for key, item in dict.items(value):
            self._value(key, depth + 1)
            self._value(item, depth + 1)


def _writes_each(tag: bytes, kind: Any) -> Callable[[Encoder, Any, int], None]:
    return lambda encoder, value, depth: encoder._each(tag, kind, value, depth)


_DICT_TAGS: dict[type, bytes] = {dict: b"d", Counter: b"C", OrderedDict: b"O", defaultdict: b"E"}
_CONTAINERS = frozenset({list, set, deque, bytearray, *_DICT_TAGS})
_WRITERS: dict[type, Any] = {
    type(None): Encoder._constant,
    bool: Encoder._constant,
    int: Encoder._integer,
    float: Encoder._float,
    complex: Encoder._complex,
    str: Encoder._text,
    bytes: Encoder._bytes,
    bytearray: Encoder._bytearray,
    deque: Encoder._deque,
    **dict.fromkeys(_DICT_TAGS, Encoder._dict),
    **{
        kind: _writes_each(tag, kind)
        for tag, kind in ((b"l", list), (b"t", tuple), (b"S", set), (b"Z", frozenset))
    },
}
