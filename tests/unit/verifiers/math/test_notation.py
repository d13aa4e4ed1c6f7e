"""From characters to tokens."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.math.notation import canonical, tokens_of


def texts(text, **options):
    return [token.text for token in tokens_of(canonical(text), **options)]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        ("½", r"\frac{1}{2}"),
        ("√2", r"\sqrt 2"),
        ("sqrt(2)", r"\sqrt(2)"),
        ("x²", "x^{2}"),
        ("x**2", "x^2"),
        ("a≤b", r"a \leq b"),
        ("a<=b", r"a \le b"),
        ("3×4", r"3 \times 4"),
        ("3 x 4", r"3 \cdot 4"),
        ("−5", "-5"),
        ("π", r"\pi"),
        ("２５", "25"),
        ("α_1", r"\alpha_1"),
        (r"\left( 1 , 2 \right)", "(1,2)"),
        (r"\displaystyle\frac12", r"\frac12"),
        (r"\\frac{1}{2}", r"\frac{1}{2}"),
        (r"\mathbb{R}", "ℝ"),
        ("16^{th}", "16"),
        ("3 或 4", "3 or 4"),
    ],
)
def test_spellings_of_one_thing_become_the_same_tokens(written, plain):
    assert texts(written) == texts(plain)


@pytest.mark.parametrize(
    ("text", "value", "decimals"),
    [
        ("1,234", 1234, 0),
        (r"1{,}234{,}567", 1_234_567, 0),
        (r"12\,345.5", Fraction(24691, 2), 1),
        (r"1,\!234", 1234, 0),
        (".5", Fraction(1, 2), 1),
        ("3.", 3, 0),
        ("2e-3", Fraction(1, 500), 0),
        ("1.5E2", 150, 1),
        ("007", 7, 0),
    ],
)
def test_number_is_one_token_with_its_exact_value(text, value, decimals):
    (token,) = tokens_of(canonical(text))
    assert (token.kind, token.value, token.decimals) == ("num", value, decimals)


@pytest.mark.parametrize("text", ["1,23", "12,34", "1,2345", "0,123", "1, 234"])
def test_digits_that_are_no_groups_of_three_are_several_numbers(text):
    assert sum(token.kind == "num" for token in tokens_of(text)) == 2


def test_commas_part_numbers_where_they_are_no_thousands():
    assert texts("1,234") == ["1,234".replace(",", "")]
    assert texts("1,234", thousands=False) == ["1", ",", "234"]


@pytest.mark.parametrize("spaced", ["2\\pi a b", "2 \\pi\\, a\\; b", "2\\pi{}a\\quad b", "2πa b"])
def test_layout_is_dropped_and_letters_are_not(spaced):
    found = [token.text for token in tokens_of(canonical(spaced)) if token.text not in "{}"]
    assert found == ["2", "pi", "a", "b"]


def test_words_know_whether_they_are_prose():
    product, text = tokens_of(r"ab")[0], tokens_of(r"\text{ab}")[0]
    assert (product.kind, product.prose) == ("word", False)
    assert (text.kind, text.prose) == ("word", True)


def test_white_space_is_noted_before_a_token():
    assert [token.gap for token in tokens_of("16 m")] == [False, True]
    assert [token.gap for token in tokens_of("16m")] == [False, False]


@given(st.text(max_size=60))
def test_any_text_has_tokens_and_each_has_a_text(text):
    for token in tokens_of(canonical(text)):
        assert token.kind in ("num", "letter", "word", "cmd", "op")
        assert token.text
        assert (token.value is not None) == (token.kind == "num")
