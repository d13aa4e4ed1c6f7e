"""Words behind numbers."""

from fractions import Fraction

import pytest

from verifiers.math.reading import read_answer
from verifiers.math.tree import node, num
from verifiers.math.units import added, asked_unit, unit_of
from verifiers.math.values import fraction

METRE = (("length", 1),)


@pytest.mark.parametrize(
    ("words", "dimension", "scale"),
    [
        ("m", METRE, 1),
        ("centimeters", METRE, Fraction(1, 100)),
        ("Miles", METRE, Fraction(201168, 125)),
        ("square cm", (("length", 2),), Fraction(1, 10_000)),
        ("cm^2", (("length", 2),), Fraction(1, 10_000)),
        ("cubic feet", (("length", 3),), Fraction(381, 1250) ** 3),
        ("km / h", (("length", 1), ("time", -1)), Fraction(1000, 3600)),
        ("km per hour", (("length", 1), ("time", -1)), Fraction(1000, 3600)),
        ("m s^-1", (("length", 1), ("time", -1)), 1),
        ("mph", (("length", 1), ("time", -1)), Fraction(201168, 125) / 3600),
        ("cents", (("dollars", 1),), Fraction(1, 100)),
    ],
)
def test_unit_is_known_by_its_kind_and_size(words, dimension, scale):
    assert unit_of(words) == (dimension, scale)


@pytest.mark.parametrize("words", ["apples", "km apples", "", "red cm", "per"])
def test_other_words_are_no_unit(words):
    assert unit_of(words) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("5 ft 3 in", Fraction(63 * 127, 5000)), ("2 hours 15 minutes", 8100), ("1 kg 50 g", 1050)],
)
def test_parts_of_one_measure_are_added(text, value):
    tree = read_answer(text).tree
    assert tree is not None
    assert tree.op == "unit"
    assert fraction(tree.args[0]) == value


def test_measures_of_different_kinds_are_not_added():
    five, three = node("unit", num(5), "m"), node("unit", num(3), "s")
    assert added(five, three) is None
    assert added(five, num(3)) is None
    assert added(five, node("unit", num(3), "apples")) is None


@pytest.mark.parametrize(
    ("question", "unit"),
    [
        ("How many dollars does she pay?", "dollars"),
        ("how many more minutes are left", "minutes"),
        ("How many square feet is it?", "square feet"),
        ("How many apples are there?", ""),
        ("How many dollars and how many cents?", ""),
        ("What does it cost?", ""),
    ],
)
def test_question_asks_for_one_known_unit_or_none(question, unit):
    assert asked_unit(question) == unit
