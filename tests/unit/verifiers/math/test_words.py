"""Answers in words, and words that are products."""

import pytest

from verifiers.math.tree import node, num, show
from verifiers.math.words import algebra, is_text, product_of, same_product, text_of


def word(letters):
    return node("word", letters)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The Empty Set", "no solution"),
        ("DNE", "does not exist"),
        ("all reals", "any real number"),
        ("A regular hexagon", "regular  hexagon"),
        ("right-angled", "right angled"),
    ],
)
def test_texts_that_say_the_same_have_one_text(first, second):
    assert text_of(node("text", first)) == text_of(node("text", second))


def test_texts_that_differ_do_not():
    texts = ["no solution", "infinitely many", "infinity", "all real numbers", "does not exist"]
    assert len({text_of(node("text", text)) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        *(("ab", "ba", True), ("xyz", "zxy", True), ("ab", "ac", False), ("ab", "aab", False)),
        *(("AB", "BA", False), ("no", "on", False), ("dog", "god", False), ("abcd", "dcba", False)),
    ],
)
def test_short_words_are_products_but_names_and_words_are_not(first, second, same):
    assert same_product(word(first), word(second)) is same
    assert same_product(word(second), word(first)) is same


def test_letters_of_a_word_in_a_calculation_are_factors():
    assert show(algebra(node("mul", num(2), word("ab")))) == "2*(a*b)"
    assert algebra(word("ab")) == word("ab")
    assert product_of(word("ei")) == node("mul", node("const", "e"), node("const", "i"))
    assert product_of(node("text", "ab")) is None


def test_letters_are_no_texts():
    assert is_text(word("ab"))
    assert not is_text(node("sym", "a"))
