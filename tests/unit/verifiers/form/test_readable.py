"""Whether a text keeps to one language and says nothing twice."""

import pytest

from verifiers.base import Completion, Status
from verifiers.form.readable import ReadableVerifier


def grade(text):
    return ReadableVerifier().verify(Completion("", text, None))


def test_its_own_cases_hold():
    verifier = ReadableVerifier()
    for completion, reward in verifier.self_test():
        assert verifier.verify(completion).reward == pytest.approx(reward)


@pytest.mark.parametrize("text", ["So we add both numbers.", "所以我们相加。", "Итак, складываем."])
def test_any_one_language_is_readable(text):
    assert grade(text).components == {"purity": 1.0, "one_language": 1.0, "variety": 1.0}
    assert grade(text).status is Status.CORRECT


def test_a_second_language_beside_numbers_is_seen():
    verdict = grade("<think>first 3*4=12. 然后12+5=17。so the answer is 17.</think>")
    # first, so the answer is; 然后 is one word of two characters.
    assert verdict.components["purity"] == pytest.approx(5 / 6)
    assert verdict.components["one_language"] == 0.0
    assert verdict.reason == "83% in one language, 100% of it said once"


def test_repetition_costs_its_share():
    assert grade("now let us go on. " * 4).reward == 0.25


def test_text_without_words_is_unparsable():
    assert grade("<think>3*4=12</think>").status is Status.UNPARSABLE
