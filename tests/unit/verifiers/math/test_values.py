"""Exact fractions and floating-point values of trees."""

import cmath
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math.reading import read_answer
from verifiers.math.tree import node, num
from verifiers.math.values import (
    MAX_RESULT_DIGITS,
    TooLargeError,
    fraction,
    is_constant,
    number_at,
)


def tree_of(text):
    tree = read_answer(text).tree
    assert tree is not None, text
    return tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3*4", 14),
        ("-2^2", -4),
        ("(-2)^2", 4),
        (r"\frac{3}{8}-1", Fraction(-5, 8)),
        ("2^{-3}", Fraction(1, 8)),
        (r"2\frac12", Fraction(5, 2)),
        (r"-2\frac12", Fraction(-5, 2)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        (r"\sqrt{\frac{9}{4}}", Fraction(3, 2)),
        ("8^{2/3}", 4),
        (r"\sqrt[3]{-27}", -3),
        (r"\sqrt[4]{16}", 2),
        ("6!", 720),
        ("0!", 1),
        (r"\binom{10}{3}", 120),
        (r"\binom{3}{10}", 0),
        (r"17 \bmod 5", 2),
        (r"\lfloor -1.5 \rfloor", -2),
        (r"\lceil 1.2 \rceil", 2),
        ("|3-5|", 2),
        (r"\gcd(12, 18)", 6),
        (r"\max(1, 5, 3)", 5),
        (r"25\%", Fraction(1, 4)),
        ("17 dozen", 204),
        ("(-1)^{10^{30}}", 1),
        ("1^{10^{30}+1}", 1),
    ],
)
def test_arithmetic_is_exact(text, value):
    assert fraction(tree_of(text)) == value


@pytest.mark.parametrize(
    "text",
    [r"\sqrt{2}", "x", r"\pi", "1/0", r"\frac{0}{0}", "0^0", r"\sqrt{-4}", "2^{1/2}", "(-1)!"],
)
def test_what_is_no_rational_number_has_no_fraction(text):
    assert fraction(tree_of(text)) is None


@given(st.integers(1, 10**40), st.integers(2, 9))
def test_root_of_a_power_is_its_base(base, degree):
    exact = node("pow", num(base**degree), node("div", num(1), num(degree)))
    assert fraction(exact) == base
    assert fraction(node("fn", "root", num(base**degree + 1), num(degree))) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "9^{9^{9}}",
            "10^{20001}",
            "10^{-20001}",
            "((10!)!)!",
            "10^{10^{10}}",
            "(10^6)!",
            "5001!",
        ),
        *(
            r"\binom{10^9}{10^8}",
            r"\frac{1}{7^{99999}}",
            r"(10^{9999})^{3}",
            r"2^{2^{2^{2^{2^{2}}}}}",
        ),
    ],
)
def test_number_of_too_many_digits_is_refused(text):
    with pytest.raises(TooLargeError):
        fraction(tree_of(text))


def test_numbers_below_the_bound_are_worked_out():
    assert fraction(tree_of("10^{19999}")) == 10**19_999
    assert fraction(tree_of("5000!")) == math.factorial(5000)
    assert MAX_RESULT_DIGITS == 20_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\sqrt{2}", math.sqrt(2)),
        (r"\pi/2", math.pi / 2),
        ("e^2", math.e**2),
        (r"\ln 2", math.log(2)),
        (r"\log 100", 2),
        (r"\log_2 8", 3),
        (r"\sin 30^\circ", 0.5),
        (r"\arctan 1", math.pi / 4),
        ("2i+1", 1 + 2j),
        (r"\sqrt{-4}", 2j),
        (r"\sqrt[3]{-8}", -2),
        ("x^2+y", 13),
        ("4!", 24),
        (r"\binom{5}{2}", 10),
    ],
)
def test_value_at_a_point(text, value):
    assert number_at(tree_of(text), {"x": 3.0, "y": 4.0}) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["1/0", r"\ln 0", r"\ln(-1)", "9^{9^{9}}", "z", r"(-2)^{0.5}", "400!", r"\infty"]
)
def test_without_a_value_at_a_point_it_is_nan(text):
    assert cmath.isnan(number_at(tree_of(text), {}))


def test_constants_have_no_letters_and_no_infinity():
    assert is_constant(tree_of(r"\frac{\pi}{2}+e"))
    assert not any(is_constant(tree_of(text)) for text in ("x", r"\infty", r"\mathbb{R}", "f(3)"))
