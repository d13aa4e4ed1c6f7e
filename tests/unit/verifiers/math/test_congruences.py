"""Congruences by their parts."""

import pytest

from verifiers.math.congruences import are_congruent, congruence_of, is_congruence
from verifiers.math.reading import read_answer
from verifiers.math.tree import num, show


def tree(text):
    return read_answer(text).tree


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"x \equiv 5 \pmod 7", ("5", "7", "x", True)),
        (r"5 \pmod{7}", ("5", "7", None, True)),
        (r"x \equiv 1, 4 \pmod 5", ("1, 4", "5", "x", True)),
        (r"2^{10} \equiv 1 \pmod{11}", ("1", "11", None, True)),
        (r"2^{10} \equiv 2 \pmod{11}", ("2", "11", None, False)),
        (r"2x \equiv 5 \pmod 7", ("5", "7", "2*x", False)),
        ("x = 5", ("5", None, "x", True)),
        ("5", ("5", None, None, True)),
    ],
)
def test_congruence_has_a_value_a_modulus_and_a_name(text, shown):
    found = congruence_of(tree(text))
    parts = (found.value, found.modulus, found.name)
    assert (*(part and show(part) for part in parts), found.holds) == shown


def test_a_remainder_that_is_worked_out_is_no_congruence():
    assert is_congruence(tree("5 (mod 7)"))
    assert not is_congruence(tree(r"12 \bmod 7"))


def test_congruent_numbers_differ_by_a_multiple_of_the_modulus():
    assert are_congruent(num(12), num(5), num(7))
    assert not are_congruent(num(12), num(4), num(7))
    assert not are_congruent(num(12), num(5), num(0))
