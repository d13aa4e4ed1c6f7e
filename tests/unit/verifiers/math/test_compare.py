"""Equality by kind: what is decided exactly, and what is asked of a proof."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math.compare import equal
from verifiers.math.reading import read_answer, read_expected
from verifiers.math.values import TooLargeError
from verifiers.math.words import algebra


def no_proof(first, second):
    raise AssertionError(f"a proof of {first} = {second} was asked for")


def same(expected, given_text, prove=no_proof):
    first, second = read_expected(expected).tree, read_answer(given_text).tree
    assert first is not None
    assert second is not None
    return equal(algebra(first), algebra(second), prove)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("0.5", r"\frac{1}{2}"),
        ("1024", "2^{10}"),
        ("120", "5!"),
        (r"\frac{1}{3}", "0.333333"),
        ("0.1666666666666666", "1/6"),
        (r"\sqrt{2}", "1.41421356"),
        (r"50\%", "0.5"),
        ("2 hours", "120 min"),
        ("x", "x"),
        ("24", "AB = 6 \\cdot 4 = 24"),
        ("1, 2, 3", "3, 2, 1"),
        ("(1, 2)", "x = 1, y = 2"),
        ("(1, 2)", "1 < x < 2"),
        (r"\pm 3", "3, -3"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1, 2)"),
        (r"\text{no solution}", r"\emptyset"),
        ("3:4", r"\frac{3}{4}"),
        ("40_9", "40"),
    ],
)
def test_ordinary_answers_are_equal_without_a_proof(expected, answer):
    assert same(expected, answer)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("17", "18"),
        ("17", r"\sqrt{290}"),
        (r"\sqrt{2}", r"\sqrt{3}"),
        ("(x-1)(x+1)", "x^2+1"),
        ("x", "y"),
        ("2x", "2xy"),
        (r"\sin x", r"\cos x"),
        ("x^2", "|x|^3"),
        (r"\infty", "5"),
        (r"\ln x", r"\log x"),
        ("f(3)", "f(4)"),
        ("(1, 2)", "(2, 1)"),
        (r"\sqrt{2}, 1", r"\sqrt{3}, 1"),
    ],
)
def test_what_differs_clearly_is_told_apart_without_a_proof(expected, answer):
    assert not same(expected, answer)


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("(x-1)(x+1)", "x^2-1"),
        (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
        (r"\sin 2x", r"2\sin x\cos x"),
        ("10^{-9}x", "0"),
        (r"\sqrt{10^{20}+1}", "10^{10}"),
    ],
)
@pytest.mark.parametrize("proved", [True, False])
def test_what_agrees_in_floating_point_is_as_equal_as_its_proof_says(expected, answer, proved):
    asked = []

    def prove(first, second):
        asked.append((first, second))
        return proved

    assert same(expected, answer, prove) is proved
    assert len(asked) == 1


def test_fault_of_a_proof_is_raised():
    def broken(first, second):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        same("(x-1)(x+1)", "x^2-1", broken)


def test_number_that_is_too_large_is_raised_only_for_the_given_answer():
    with pytest.raises(TooLargeError):
        same("17", "9^{9^9}")
    assert not same("9^{9^9}", "17")


@pytest.mark.parametrize(("items", "is_decided"), [(20, True), (21, False)])
def test_proofs_of_one_answer_are_limited(items, is_decided):
    expected, answer = (f"({', '.join([one] * items)})" for one in ("x(x+1)", "x^2+x"))
    if is_decided:
        assert same(expected, answer, lambda *_: True)
    else:
        with pytest.raises(TooLargeError):
            same(expected, answer, lambda *_: True)


@given(st.permutations(["1", "x", "0.5", r"\sqrt{2}", "-3"]))
def test_list_is_equal_in_any_order(items):
    assert same(r"1, x, 0.5, \sqrt{2}, -3", ", ".join(items))
    assert same(r"\{1, x, 0.5, \sqrt{2}, -3\}", rf"\{{{', '.join(items)}\}}")


@pytest.mark.parametrize("items", [*itertools.permutations("123")])
def test_tuple_is_equal_in_its_order_only(items):
    assert same("(1, 2, 3)", f"({', '.join(items)})") is (items == ("1", "2", "3"))


def test_list_counts_how_often_and_a_set_does_not():
    assert not same("1, 1, 2", "1, 2, 2")
    assert not same("1, 2", "1, 1, 2")
    assert same(r"\{1, 2\}", r"\{1, 1, 2\}")


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**12), st.integers(2, 99))
def test_fraction_is_equal_to_itself_expanded_and_to_no_neighbour(above, below, factor):
    expected = rf"\frac{{{above}}}{{{below}}}"
    assert same(expected, rf"\frac{{{above * factor}}}{{{below * factor}}}")
    assert same(expected, f"{above}/{below}")
    assert not same(expected, f"{above * factor + 1}/{below * factor}")


@given(st.integers(-(10**20), 10**20), st.integers(0, 12))
def test_every_way_to_write_a_decimal_is_equal(digits, places):
    sign, text = ("-" if digits < 0 else ""), str(abs(digits)).rjust(places + 1, "0")
    whole, part = (text[:-places], text[-places:]) if places else (text, "0")
    expected = rf"\frac{{{digits}}}{{{10**places}}}"
    for written in (whole, f"{int(whole):,}", "00" + whole):
        assert same(expected, f"{sign}{written}.{part}")
        assert same(f"{sign}{written}.{part}", expected)


@given(st.integers(2, 10**6), st.integers(3, 7))
def test_rounded_third_needs_six_digits(number, digits):
    rounded = f"{number}." + "3" * digits
    enough = len(str(number)) + digits >= 6
    assert same(rf"\frac{{{3 * number + 1}}}{{3}}", rounded) is enough


@pytest.mark.parametrize("chain", ["5 = 6 = 24", "6*4 = 25 = 24", "24 = 25", r"24 \approx 30"])
def test_chain_whose_numbers_disagree_is_no_answer(chain):
    assert not same("24", chain)


@pytest.mark.parametrize(
    ("given_text", "is_equal"),
    [("6x - 3y = -3", True), ("y - 2x = 1", True), ("2x - y = 1", False), ("4x - 3y = -3", False)],
)
def test_equation_is_equal_to_itself_times_a_number(given_text, is_equal):
    assert same("y = 2x + 1", given_text, lambda *_: True) is is_equal
