"""The codec: what is carried comes back equal and of the same type; bytes from anybody are safe."""

import collections
import math
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifiers.sandbox import codec
from verifiers.sandbox.codec import CodecError, decode, encode

KEYS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text(st.characters())
    | st.binary(),
    lambda inner: st.lists(inner).map(tuple) | st.frozensets(inner),
    max_leaves=5,
)
VALUES = st.recursive(
    KEYS,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.sets(KEYS),
    max_leaves=20,
)


FEW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def shape(value):
    """A value with the type of each part, since True == 1 == 1.0."""
    if isinstance(value, list | tuple):
        return (type(value), [shape(item) for item in value])
    if isinstance(value, set | frozenset):
        return (type(value), sorted(repr(shape(item)) for item in value))
    if isinstance(value, dict):
        return (dict, [(shape(key), shape(item)) for key, item in value.items()])
    return (type(value), value)


@FEW
@given(VALUES)
def test_values_come_back_with_the_type_of_every_part(value):
    assert repr(shape(decode(encode(value)))) == repr(shape(value))


@FEW
@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(data):
    try:
        value = decode(data)
    except CodecError:
        return
    assert shape(decode(encode(value))) is not None


@FEW
@given(VALUES, st.data())
def test_changed_bytes_decode_or_are_refused(value, data):
    good = bytearray(encode(value))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(good))
    except CodecError:
        return


def test_the_format_is_what_the_module_says():
    assert encode([1, "a"]) == b"l\x02\0\0\0" + b"i\x01\0\0\0\x01" + b"s\x01\0\0\0a"
    assert encode({None: 1.5}) == b"d\x01\0\0\0N" + b"f" + struct.pack("<d", 1.5)


def test_nan_infinities_and_lone_surrogates_cross():
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode([math.inf, -0.0, "\ud800"])) == [math.inf, 0.0, "\ud800"]


def test_instances_of_subclasses_become_their_base():
    class Liar(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    point = collections.namedtuple("point", "x y")
    assert shape(decode(encode(Liar(3)))) == (int, 3)
    assert shape(decode(encode(collections.Counter("aab")))) == shape({"a": 2, "b": 1})
    assert shape(decode(encode(point(1, 2)))) == shape((1, 2))


def inside_itself():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((item for item in ()), "generator"),
        (len, "builtin_function_or_method"),
        (object(), "object"),
        (memoryview(b"a"), "memoryview"),
        (inside_itself(), "inside itself"),
        (1 << (8 * codec.MAX_INT_BYTES), "int of more"),
        ([None] * codec.MAX_ITEMS, "items"),
        (b"a" * codec.MAX_BYTES, "bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_not_carried_is_refused_with_a_reason(value, reason):
    with pytest.raises(CodecError, match=reason):
        encode(value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cut off"),
        (b"?", "unknown tag"),
        (b"NN", "after the value"),
        (b"l\xff\xff\xff\xff" + b"N" * 10, "cut off"),
        (b"l\x01\0\0\0" * 1000 + b"N", "deep"),
        (b"S\x01\0\0\0l\0\0\0\0", "cannot be"),
        (b"s\x01\0\0\0\xff", "UTF-8"),
    ],
)
def test_malformed_bytes_are_refused_with_a_reason(data, reason):
    with pytest.raises(CodecError, match=reason):
        decode(data)


@pytest.mark.parametrize("container", [set, frozenset, dict.fromkeys])
def test_keys_made_to_collide_are_refused(container):
    period = 2**61 - 1  # hash(n) == n mod period
    with pytest.raises(CodecError, match="one hash"):
        decode(encode(container(n * period for n in range(1, 200))))
