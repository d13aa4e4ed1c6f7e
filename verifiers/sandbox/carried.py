"""Values of the standard library (and of numpy) that cross as what they are made of.

A closed list: for each type a name, what it is taken apart into, and how it is put together again.
`take_apart` runs in the job, too, where whatever it reads is the candidate's word; `put_together`
gets that word, of plain values, checks it, and calls constructors of the standard library alone.
The modules are imported only where a value needs them: a job does not have them all.
"""

import functools
import operator
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from verifiers.sandbox import arrays
from verifiers.sandbox.refusals import CodecError

MAX_EQUAL_HASHES = 100
_MAX_EXACT_BITS = 1 << 16
"""Of numerator and denominator: to reduce a fraction takes time."""
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{1,100000}(?:\.[0-9]{0,100000})?|\.[0-9]{1,100000})(?:[eE][+-]?[0-9]{1,18})?"
    r"|[+-]?Infinity|[+-]?NaN"
)


class Match:
    """What a `re.Match` tells, as values. Like one, it is true, and equal to itself alone."""

    def __init__(self, text: str | bytes, spans: tuple[Any, ...], names: dict[str, int]) -> None:
        self.string = text
        self.pos, self.endpos = 0, len(text)
        self._spans, self._names = spans, names

    def _number(self, group: int | str) -> int:
        number = self._names.get(group) if isinstance(group, str) else group
        if number is None or not 0 <= number < len(self._spans):
            raise IndexError("no such group")
        return number

    def span(self, group: int | str = 0) -> tuple[int, int]:
        """First and last place of a group; (-1, -1) where it did not take part."""
        begin, end = self._spans[self._number(group)]
        return begin, end

    def start(self, group: int | str = 0) -> int:
        """First place of a group."""
        return self.span(group)[0]

    def end(self, group: int | str = 0) -> int:
        """The place behind a group."""
        return self.span(group)[1]

    def __getitem__(self, group: int | str) -> Any:
        begin, end = self.span(group)
        return None if begin < 0 else self.string[begin:end]

    def group(self, *groups: int | str) -> Any:
        """Text of a group, or of several; of the whole match without one."""
        found = tuple(self[group] for group in groups or (0,))
        return found[0] if len(found) == 1 else found

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        """Text of each group."""
        texts = (self[number] for number in range(1, len(self._spans)))
        return tuple(default if text is None else text for text in texts)

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        """Text of each named group."""
        texts = {name: self[number] for name, number in self._names.items()}
        return {name: default if text is None else text for name, text in texts.items()}


def is_named_tuple(kind: type) -> bool:
    """Whether instances of a subclass of tuple have names for their items."""
    return kind is not tuple and issubclass(kind, tuple) and hasattr(kind, "_fields")


def take_apart(value: Any, exact: bool) -> tuple[str, Any] | None:
    """(name of the type, plain value), of a value of a type of the list or of a subclass; an empty
    name where the plain value is what crosses. None: another type.

    Args:
        exact: only types of the list themselves.
    """
    if type(value) is type and _TYPES.get(value.__name__) is value:
        return "builtins.type", value.__name__
    if is_named_tuple(type(value)):
        kind = type(value)
        return "named tuple", (kind.__name__, tuple(kind._fields), tuple(value))
    for kind in type(value).__mro__[: 1 if exact else None]:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name in _VIEWS:
            return _VIEWS[name], list(value)
        if name in _TAKEN_APART:
            return name, _TAKEN_APART[name](value)
    return arrays.take_apart(value, exact)


def is_listed(kind: type) -> bool:
    """Whether a type is of the list."""
    if kind.__module__ == "numpy":
        return True
    name = f"{kind.__module__}.{kind.__qualname__}"
    return name in _TAKEN_APART or name in _VIEWS


def put_together(name: str, plain: Any) -> Any:
    """The value of a name and what it is made of, by anybody.

    Raises:
        CodecError: no such name, or not what such a value is made of.
    """
    maker = _PUT_TOGETHER.get(name)
    if maker is None:
        raise CodecError(f"unknown type {name[:80]!r}")
    try:
        return maker(plain)
    except CodecError:
        raise
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise CodecError(f"not a {name}") from error


def _offset(zone: Any) -> Any:
    """Seconds and microseconds of a fixed offset; None without one."""
    import datetime

    if zone is None:
        return None
    if type(zone) is not datetime.timezone:
        raise CodecError(f"a time zone of type {type(zone).__name__}; only fixed offsets cross")
    offset = zone.utcoffset(None)
    return (offset.days * 86400 + offset.seconds, offset.microseconds)


def _zone(plain: Any) -> Any:
    import datetime

    if plain is None:
        return None
    seconds, micros = _integers(plain, 2)
    return datetime.timezone(datetime.timedelta(seconds=seconds, microseconds=micros))


def _integers(plain: Any, count: int) -> tuple[int, ...]:
    if type(plain) is not tuple or [type(item) for item in plain] != [int] * count:
        raise TypeError
    return plain


def _range(plain: Any) -> range:
    return range(*_integers(plain, 3))


def _three(plain: Any) -> tuple[Any, Any, Any]:
    first, second, third = plain
    return first, second, third


def _fraction(plain: Any) -> Any:
    import fractions

    above, below = _integers(plain, 2)
    if max(above.bit_length(), below.bit_length()) > _MAX_EXACT_BITS:
        raise CodecError(f"a fraction of more than {_MAX_EXACT_BITS} bits")
    return fractions.Fraction(above, below)


def _decimal(plain: Any) -> Any:
    import decimal

    if type(plain) is not str or not _DECIMAL.fullmatch(plain):
        raise TypeError
    return decimal.Decimal(plain)


def _date(plain: Any) -> Any:
    import datetime

    return datetime.date(*_integers(plain, 3))


def _timedelta(plain: Any) -> Any:
    import datetime

    return datetime.timedelta(*_integers(plain, 3))


def _datetime(plain: Any) -> Any:
    import datetime

    fields, fold, zone = plain
    (flag,) = _integers((fold,), 1)
    numbers: Any = _integers(fields, 7)
    return datetime.datetime(*numbers).replace(tzinfo=_zone(zone), fold=flag)


def _time(plain: Any) -> Any:
    import datetime

    fields, fold, zone = plain
    (flag,) = _integers((fold,), 1)
    numbers: Any = _integers(fields, 4)
    return datetime.time(*numbers).replace(tzinfo=_zone(zone), fold=flag)


def _array(plain: Any) -> Any:
    import array

    code, items = plain
    return array.array(code, _list(items))


def _named_tuple(plain: Any) -> Any:
    """A tuple whose items have names, too; it is equal to what the tuple is."""
    from verifiers.sandbox.value_names import VALUE_NAMES

    name, fields, items = plain
    if type(fields) is not tuple or type(items) is not tuple:
        raise TypeError  # an object of the job would give other names each time
    if not len(items) == len(fields) == len(set(fields)):
        raise ValueError
    if any(type(text) is not str or not text.isidentifier() for text in (name, *fields)):
        raise ValueError
    if any(field.startswith("_") or field in dir(tuple) for field in fields):
        raise CodecError("a named tuple with names that tuples have themselves")
    if any(field in VALUE_NAMES and callable(item) for field, item in zip(*plain[1:], strict=True)):
        raise CodecError("a named tuple with methods of its own in place of a value's")
    return _named_tuple_type(name, fields)(items)


@functools.lru_cache(maxsize=128)
def _named_tuple_type(name: str, fields: tuple[str, ...]) -> Any:
    shown = ", ".join(f"{field}=%r" for field in fields)
    places = {field: property(operator.itemgetter(n)) for n, field in enumerate(fields)}
    show = {"__repr__": lambda self: name + f"({shown % self})"}
    return type(name, (tuple,), {"__slots__": (), "_fields": fields, **show, **places})


def _match(plain: Any) -> Match:
    text, spans, names = plain
    if type(text) not in (str, bytes) or type(spans) is not tuple or type(names) is not dict:
        raise TypeError
    for span in spans:
        begin, end = _integers(span, 2)
        if not -1 <= begin <= end <= len(text):
            raise ValueError
    if any(type(name) is not str or type(number) is not int for name, number in names.items()):
        raise TypeError
    return Match(text, spans, names)


def _match_apart(value: Any) -> Any:
    spans = tuple(value.span(number) for number in range(value.re.groups + 1))
    return value.string, spans, dict(value.re.groupindex)


def _list(plain: Any) -> list[Any]:
    if type(plain) is not list:
        raise TypeError
    return plain


def _clock(value: Any) -> tuple[int, int, int, int]:
    return value.hour, value.minute, value.second, value.microsecond


_VIEWS = {
    "builtins.dict_keys": "keys",
    "builtins.dict_values": "values",
    "builtins.dict_items": "items",
    "builtins.odict_keys": "keys",
    "builtins.odict_values": "values",
    "builtins.odict_items": "items",
}
_TAKEN_APART: dict[str, Callable[[Any], Any]] = {
    "builtins.range": lambda value: (value.start, value.stop, value.step),
    "builtins.slice": lambda value: (value.start, value.stop, value.step),
    "fractions.Fraction": lambda value: (value.numerator, value.denominator),
    "decimal.Decimal": str,
    # Before date, whose subclass it is.
    "datetime.datetime": lambda value: (
        (value.year, value.month, value.day, *_clock(value)),
        value.fold,
        _offset(value.tzinfo),
    ),
    "datetime.date": lambda value: (value.year, value.month, value.day),
    "datetime.time": lambda value: (_clock(value), value.fold, _offset(value.tzinfo)),
    "datetime.timedelta": lambda value: (value.days, value.seconds, value.microseconds),
    "re.Match": _match_apart,
    "array.array": lambda value: (value.typecode, value.tolist()),
}
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(bool, bytes, complex, dict, float, frozenset, int, list, range, set, str, tuple),
        type(None),
    )
}
_PUT_TOGETHER: dict[str, Callable[[Any], Any]] = {
    "builtins.range": _range,
    "builtins.slice": lambda plain: slice(*_three(plain)),
    arrays.ARRAY: arrays.array,
    arrays.NUMBER: arrays.number,
    "fractions.Fraction": _fraction,
    "decimal.Decimal": _decimal,
    "datetime.datetime": _datetime,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _timedelta,
    "re.Match": _match,
    "array.array": _array,
    "builtins.type": lambda plain: _TYPES[plain],
    "named tuple": _named_tuple,
    "keys": lambda plain: _keyed(_list(plain), [None] * len(plain)).keys(),
    "values": lambda plain: dict(enumerate(_list(plain))).values(),
    "items": lambda plain: _keyed(*_columns(_list(plain))).items(),
}


def _columns(pairs: list[Any]) -> tuple[list[Any], list[Any]]:
    if any(type(pair) is not tuple or len(pair) != 2 for pair in pairs):
        raise TypeError
    return [key for key, _ in pairs], [item for _, item in pairs]


def _keyed(keys: list[Any], items: list[Any]) -> dict[Any, Any]:
    return dict(zip(hashable(keys), items, strict=True))


def hashable(keys: list[Any]) -> list[Any]:
    """The keys, if a table of them can be built in reasonable time."""
    try:
        equal = Counter(map(hash, keys)) if len(keys) > MAX_EQUAL_HASHES else Counter()
        hash(tuple(keys))
    except TypeError as error:
        raise CodecError("a key that cannot be one") from error
    if equal and max(equal.values()) > MAX_EQUAL_HASHES:
        raise CodecError(f"more than {MAX_EQUAL_HASHES} keys with one hash")
    return keys
