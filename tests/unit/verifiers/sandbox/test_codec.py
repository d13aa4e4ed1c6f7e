"""The codec: what is carried comes back equal and of the same type; bytes from anybody are safe."""

import array
import collections
import datetime
import decimal
import fractions
import math
import re
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

    class Pair(tuple):
        pass

    assert shape(decode(encode(Liar(3)))) == (int, 3)
    assert shape(decode(encode(Pair((1, 2))))) == shape((1, 2))


STANDARD = [
    range(2, 10**30, 3),
    collections.deque([1, [2]], maxlen=5),
    collections.deque(),
    collections.Counter("aab"),
    collections.OrderedDict(b=1, a=2),
    collections.defaultdict(list, {1: [2]}),
    bytearray(b"ab"),
    fractions.Fraction(-2, 6),
    decimal.Decimal("-1.10E+20"),
    decimal.Decimal("Infinity"),
    datetime.date(2024, 2, 29),
    datetime.datetime(2024, 2, 29, 1, 2, 3, 4, fold=1),
    datetime.datetime(1, 1, 1, tzinfo=datetime.timezone(-datetime.timedelta(hours=5, minutes=30))),
    datetime.time(23, 59, tzinfo=datetime.UTC),
    datetime.timedelta(days=-3, microseconds=7),
    array.array("d", [0.5]),
    int,
]


@pytest.mark.parametrize("value", STANDARD, ids=repr)
def test_standard_types_cross_exactly(value):
    for exact in (False, True):
        again = decode(encode([value], exact=exact))[0]
        assert (type(again), again, repr(again)) == (type(value), value, repr(value))


def test_views_cross_as_views_and_named_tuples_with_their_names():
    pairs = collections.OrderedDict(a=1, b=[2])
    for view in (pairs.keys(), pairs.values(), pairs.items(), dict(pairs).items()):
        again = decode(encode(view))
        assert list(again) == list(view)
        assert len(again) == 2
    assert decode(encode(pairs.keys())) == {"a", "b"}
    point = collections.namedtuple("point", "x y")(1, (2,))
    again = decode(encode(point))
    assert (again, again.x, again.y, repr(again)) == ((1, (2,)), 1, (2,), repr(point))


def test_named_tuples_hold_functions_but_not_as_methods_that_values_have():
    def sent(field):
        kept = codec.encode(collections.namedtuple("P", field)(len), lambda value: (0, 1, "f"))
        return decode(kept, lambda number, flags, name: abs)

    assert sent("made_by").made_by is abs
    for field in ("startswith", "issubset", "get", "compare"):
        with pytest.raises(CodecError, match="methods of its own"):
            sent(field)


def test_many_named_tuples_of_one_kind_are_of_one_type():
    point = collections.namedtuple("point", "x y")
    first, second = decode(encode([point(1, 2), point(3, 4)]))
    assert type(first) is type(second)


def test_a_match_tells_what_it_found_and_equals_nothing_else():
    found = re.search(r"(?P<a>a+)(b)?(c)", "xaac")
    again = decode(encode(found))
    assert again
    for ask in ("group", "groups", "groupdict", "span", "start", "end"):
        assert getattr(again, ask)() == getattr(found, ask)()
    assert (again["a"], again.group(0, 2), again.span(2)) == ("aa", ("aac", None), (-1, -1))
    assert again != decode(encode(found))
    with pytest.raises(IndexError):
        again.group(9)


def test_subclasses_become_the_listed_type_and_an_argument_s_are_refused():
    class Liar(fractions.Fraction):
        def __eq__(self, other):
            return True

        __hash__ = fractions.Fraction.__hash__

    again = decode(encode(Liar(1, 2)))
    assert type(again) is fractions.Fraction
    assert again != 3
    with pytest.raises(CodecError, match="Liar"):
        encode(Liar(1, 2), exact=True)


def forged(name, plain):
    head = name.encode()
    return b"x" + struct.pack("<I", len(head)) + head + encode(plain)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("os.system", "true"),
        ("builtins.range", (1, 2, 0)),
        ("builtins.range", (1, 2)),
        ("builtins.range", (1, 2, True)),
        ("fractions.Fraction", (1, 0)),
        ("fractions.Fraction", (1, 3**60_000)),
        ("fractions.Fraction", "1/2"),
        ("decimal.Decimal", "1_0"),
        ("decimal.Decimal", "１"),
        ("decimal.Decimal", (0, (1,), 2)),
        ("datetime.date", (b"\x07\xe8\x02\x1d", 1, 1)),
        ("datetime.date", (2024, 2, 30)),
        ("datetime.datetime", ((2024, 1, 1, 0, 0, 0, 0), 2, None)),
        ("datetime.datetime", ((2024, 1, 1, 0, 0, 0, 0), 0, (10**9, 0))),
        ("datetime.timedelta", (10**12, 0, 0)),
        ("keys", [[1]]),
        ("keys", {1: 2}),
        ("items", [(1, 2, 3)]),
        ("re.Match", ("a", ((0, 5),), {})),
        ("re.Match", ("a", (0,), {})),
        ("re.Match", ("a", ([0, 1],), {})),
        ("array.array", ("i", [2**99])),
        ("array.array", ("?", [])),
        ("builtins.type", "object"),
        ("builtins.type", ["int"]),
        ("named tuple", ("P", ("__eq__",), (1,))),
        ("named tuple", ("P", ("count",), (1,))),
        ("named tuple", ("P", ("x", "x"), (1, 2))),
        ("named tuple", ("P", ("x y",), (1,))),
        ("named tuple", ("P", ["x"], (1,))),
        ("named tuple", ("P", ("startswith",), (bool,))),
        ("named tuple", 3),
    ],
)
def test_what_no_such_value_is_made_of_is_refused(name, plain):
    with pytest.raises(CodecError):
        decode(forged(name, plain))


def test_containers_of_a_request_are_one_object_and_change_in_place():
    row, kept = [1], {"k": collections.deque([2])}
    grid = [row, row, kept]
    encoder = codec.Encoder(exact=True)
    request = codec.Decoder(encoder.encode((grid, row)), refers=True)
    theirs, same = request.whole()
    assert theirs[0] is theirs[1] is same
    same.append(theirs[2])
    theirs[2]["k"].appendleft(same)
    del theirs[1]
    codec.apply_changes(codec.encode_changes(request.containers, None), encoder.containers, None)
    assert grid[0] is row
    assert grid[1] is kept is row[1]
    assert kept["k"][0] is row
    assert len(grid) == 2


@pytest.mark.parametrize("body", [b"", b"d\0\0\0\0", b"l\1\0\0\0R\7\0\0\0", b"l\0\0\0\0N", b"N"])
def test_changes_of_another_kind_are_refused_and_change_nothing(body):
    own = [1]
    with pytest.raises(CodecError):
        codec.apply_changes(body, [own], None)
    assert own == [1]


def test_a_result_cannot_name_a_container_again():
    body = b"l\2\0\0\0" + b"l\0\0\0\0" + b"R\1\0\0\0"
    assert codec.Decoder(body, refers=True).whole() == [[], []]
    with pytest.raises(CodecError, match="not there"):
        decode(body)


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
