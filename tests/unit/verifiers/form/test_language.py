"""The share of a text in the target language."""

import pytest

from rlsys.errors import VerifierError
from verifiers.base import Completion, Status
from verifiers.form.language import TARGETS, LanguageVerifier, count_words


def grade(text, target="en"):
    return LanguageVerifier(target).verify(Completion("", text, None))


def test_share_is_that_of_the_words():
    mixed = "首先我们计算总和。 Then we divide by two."  # 8 characters count 4, then 5 words
    assert grade(mixed).reward == pytest.approx(5 / 9)
    assert grade(mixed, "zh").reward == pytest.approx(4 / 9)
    assert grade(mixed).reason == "56% of the words are English"


@pytest.mark.parametrize("target", TARGETS)
def test_self_test_passes_in_every_language(target):
    verifier = LanguageVerifier(target)
    for completion, reward in verifier.self_test():
        assert verifier.verify(completion).reward == pytest.approx(reward)


@pytest.mark.parametrize(
    "text",
    [
        "<think>我们把两个数相加。</think><answer>\\boxed{\\frac{1}{2}}</answer>",
        "已知数 $x + y = 10$，所以可得 \\(x = 3\\)。\\begin{align} a &= \\max(b) \\end{align}",
        "用代码验证：\n```python\ndef total(values):\n    return sum(values)\n```\n结果正确。",
        "变量 max_value 和 itemCount 的值见 https://example.org/some/page 以及 `print(x)`。",
    ],
)
def test_code_maths_names_and_links_are_in_no_language(text):
    assert grade(text, "zh").reward == 1.0


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("```\n我们先把这两个数相加然后再除以二\n```\nSo we get it.", 4 / 12),
        ("$\\text{因为两个数相等}$ so they are equal.", 4 / 8),
        ("# comment\n```\n# y luego se suma el total de los dos\n```\nSo we get it.", 5 / 13),
    ],
)
def test_prose_hidden_in_code_or_maths_counts(text, share):
    assert grade(text).reward == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("we add 3 and 4. 然后12加5等于17", 3 / 6),
        ("we add them. 共3个苹果2个梨", 3 / 6),
        ("so the answer is x_1. ответ2это", 4 / 6),
        ("so it is 7. 합은7입니다", 3 / 5),
    ],
)
def test_other_scripts_count_beside_numbers_too(text, share):
    assert grade(text).reward == pytest.approx(share)


def test_names_with_accents_and_digits_are_in_no_language():
    assert grade("première_2 élan3 we add them.").reward == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "Wir addieren die Zahlen und das ist dann auch die Summe.",
        "Donc nous avons une somme et ce sont les nombres.",
        "Entonces para los dos pero como una suma.",
    ],
)
def test_other_languages_of_the_same_script_are_told_by_their_function_words(text):
    assert grade(text).reward == 0.0


def test_english_with_a_foreign_word_or_name_stays_english():
    text = "The café opens at nine, and Los Angeles has 5 per cent of the vans per street."
    words = count_words(text)
    assert (words["en"], words["other"]) == (15, 1)


def test_japanese_is_not_taken_for_chinese():
    text = "まず二つの数を足して計算します。"
    assert grade(text, "zh").reward == 0.0
    assert grade(text, "ja").reward == 1.0


@pytest.mark.parametrize("text", ["", "42", "$x+y$", "```\nx = 1\n```", "\\boxed{7} ok"])
def test_text_without_words_is_not_paid(text):
    assert (grade(text).reward, grade(text).status) == (0.0, Status.UNPARSABLE)


def test_unknown_language_is_one_error_with_the_nearest():
    with pytest.raises(VerifierError, match=r"target='en_US'; .*there are: en, ja, ko, ru, zh"):
        LanguageVerifier("en_US")
