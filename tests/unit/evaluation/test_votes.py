"""Samples as votes."""

import pytest

from rlsys.evaluation.votes import answer_of, count_votes, equal_by
from verifiers.base import Completion
from verifiers.math.verifier import MathVerifier


@pytest.fixture(scope="module")
def verifier():
    made = MathVerifier(deadline_s=0.5)
    yield made
    made.close()


def votes_of(verifier, completions, right=()):
    answers = [answer_of(text, "", "stop") for text in completions]
    return count_votes(answers, [n in right for n in range(len(answers))], equal_by(verifier))


SAID = [r"\boxed{0.5}", "The answer is 1/2.", "#### .50", r"So it is $\frac{2}{4}$.", "So **½**."]


def test_one_value_is_one_class_however_and_wherever_it_is_written(verifier):
    assert votes_of(verifier, SAID).wrong == (len(SAID),)


def test_classes_agree_with_the_grading(verifier):
    texts = [
        *SAID,
        r"\boxed{0.55}",
        r"\boxed{\frac{1}{\sqrt{2}}}",
        r"\boxed{\sqrt{2}/2}",
        "I give up.",
    ]
    votes = votes_of(verifier, texts)
    assert votes.wrong == (len(SAID), 1, 2)
    assert votes.abstained == 1
    for expected in ("0.5", r"\frac{\sqrt{2}}{2}", "0.55"):
        right = {
            n
            for n, text in enumerate(texts)
            if verifier.verify(Completion("", text, expected)).reward == 1.0
        }
        graded = votes_of(verifier, texts, right)
        assert sorted([graded.right, *graded.wrong]) == sorted(votes.wrong)


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "None", "undefined"])
def test_text_that_looks_like_no_number_is_a_class_of_its_own(verifier, text):
    votes = votes_of(verifier, [rf"\boxed{{{text}}}"] * 2 + [r"\boxed{0}", r"\boxed{1}"])
    assert votes.wrong == (2, 1, 1)


def test_completion_that_was_cut_off_abstains_unless_its_answer_is_whole(verifier):
    assert answer_of("3 * 4 = 12", "", "length") is None
    assert answer_of(r"\boxed{12}, sin", "", "length") == "12"
    assert answer_of("<answer></answer>", "", "stop") is None


def test_votes_are_counted_by_the_verifiers_equality() -> None:
    equal = equal_by(MathVerifier())
    votes = count_votes(
        ["0.5", "1/2", "12", None, "0.50", r"\frac{\sqrt2}{2}"],
        [False, False, True, False, False, False],
        equal,
    )
    assert (votes.right, votes.wrong, votes.abstained) == (1, (3, 1), 1)


def test_what_cannot_be_an_expected_answer_equals_nothing() -> None:
    assert not equal_by(MathVerifier())("x" * 30_000, "1")
