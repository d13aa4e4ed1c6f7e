"""Words as an answer that is not marked."""

import pytest

from verifiers.answers.last_words import concluded, word


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The function is odd.", "odd"),
        ("So it is an even function.", "even function"),
        ("Evelyn", "Evelyn"),
        ("**Yes**, it is so.", "Yes"),
        ("It is one and a half.", "one and a half"),
        ("The share is three-fourths.", "three-fourths"),
        ("I give up.", None),
        ("No idea", None),
        ("The function is not odd.", None),
        ("It is odd or even.", None),
        ("It may be odd.", None),
        ("Of 3 functions this one is odd.", None),
        ("I could think of many more words here.", None),
        ("", None),
    ],
)
def test_last_sentence_says_a_word(text, found):
    assert word(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 < 15. So the winner is Ann Lee.", "Ann Lee"),
        ("Since 100 = 14*7 + 2 it is a Tuesday.", "Tuesday"),
        ("12 < 15. Therefore, no.", "no"),
        ("There are 12. So he is happy.", None),
        ("There are 12. The winner is Ann.", None),
        ("So the winner is not Ann.", None),
        ("So Ann has 12.", None),
    ],
)
def test_only_a_conclusion_goes_before_numbers(text, found):
    assert concluded(text) == found
