"""Names and values in chains of equalities."""

import pytest

from verifiers.math.chains import is_name, is_plain_name, named_value, same_name, sides_of
from verifiers.math.reading import read_answer
from verifiers.math.tree import show


def tree_of(text):
    tree = read_answer(text).tree
    assert tree is not None
    return tree


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("x = 5", "x", "5"),
        ("5 = x", "x", "5"),
        ("AB = 6*4 = 24", "AB", "24"),
        ("f(x) = 2x", "f(x)", "2*x"),
        (r"\angle A = 30", "\\angle(A)", "30"),
        (r"x \in [1, 2]", "x", "[1, 2]"),
        ("(x, y) = (1, 2)", "(x, y)", "(1, 2)"),
        ("a + b = 24", "a + b", "24"),
    ],
)
def test_chain_gives_its_name_and_value(text, name, value):
    found = named_value(tree_of(text))
    assert [show(part) for part in found] == [name, value]


@pytest.mark.parametrize("text", ["2x = 24", "x^2 = 4", "x < 5", "x = x + 1", "6*4 = 24", "2 = 3"])
def test_equation_that_names_no_value_has_none(text):
    assert named_value(tree_of(text)) == (None, None)


def test_names_are_letters_words_and_what_is_applied():
    assert all(is_name(tree_of(text)) for text in ("x", "AB", "f(3)", r"\theta", r"\text{Area}"))
    assert not any(is_name(tree_of(text)) for text in ("2x", "5", "x^2"))
    assert not is_plain_name(tree_of("a + b"))


def test_a_name_in_words_stands_for_any_letter():
    x, y, area = (tree_of(text) for text in ("x", "y", r"\text{the area}"))
    assert same_name(x, x)
    assert same_name(x, area)
    assert not same_name(x, y)
    assert not same_name(x, None)


def test_what_follows_an_approximate_sign_is_a_rounding():
    exact, rounded = sides_of(tree_of(r"x = \frac{22}{7} \approx 3.14"))
    assert [show(part) for part in exact] == ["x", "22/7"]
    assert [show(part) for part in rounded] == ["3.14"]
