"""The form of a chain of thought."""

import pytest

from verifiers.base import Completion, Status
from verifiers.form.reasoning import ReasoningVerifier

SHORT = "<think>first 3*4=12. then 12+5=17. so the answer is 17.</think><answer>17</answer>"
QUESTION = "What is 3*4+5?"
CHINESE = (
    "<think>首先，已知每本书5元。然后3本书是3*5=15元。再加2元，15+2=17。所以答案是17。</think>17"
)


def grade(text, question=QUESTION, **options):
    completion = Completion("a long template", text, None, {"question": question})
    return ReasoningVerifier(**options).verify(completion)


def chain(*sentences):
    return f"<think>{' '.join(sentences)}</think><answer>17</answer>"


@pytest.mark.parametrize("text", [SHORT, CHINESE, SHORT.removeprefix("<think>")])
def test_short_chain_that_reasons_passes_by_default(text):
    verdict = grade(text)
    assert (verdict.reward, verdict.status, verdict.reason) == (1.0, Status.CORRECT, "")
    assert verdict.components == {"length": 1.0, "connectives": 1.0, "structure": 1.0}


def test_completion_without_tags_is_one_chain():
    assert grade("First we need 3*4=12. Then 12+5=17. So the answer is 17.").reward == 1.0


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        (chain("17"), "length, connectives, structure"),
        (chain("first 3*4=12.", "12+5=17.", "the answer is 17."), "connectives"),
        (chain("first, then, so, next 17 it is, I guess."), "structure"),
        (chain("so the answer is 17.", "first 3*4=12.", "then 12+5=17.", "ok."), "structure"),
        (chain("first 3*4=12.", "so the answer is 17, since then."), "structure"),
        ("", "length, connectives, structure"),
    ],
)
def test_each_missing_property_is_named(text, failed):
    verdict = grade(text)
    assert (verdict.reward, verdict.status) == (0.0, Status.WRONG)
    assert verdict.reason == f"fails on {failed}"


def test_length_is_measured_against_the_question():
    question = "x" * 100  # the chain of SHORT has 40 characters that are not white space
    assert grade(SHORT, question, min_ratio=0.40).components["length"] == 1.0
    assert grade(SHORT, question, min_ratio=0.41).components["length"] == 0.0


def test_prompt_stands_in_for_a_question_that_is_not_given():
    completion = Completion("x" * 1000, SHORT, None)
    assert ReasoningVerifier().verify(completion).components["length"] == 0.0


def test_repetition_buys_neither_length_nor_connectives_nor_steps():
    repeated = chain(*["so then 1=1."] * 500, "so 17.")
    verdict = grade(repeated, "x" * 100, min_connectives=3)
    assert verdict.components == {"length": 0.0, "connectives": 0.0, "structure": 0.0}


def test_connective_inside_another_word_does_not_count():
    assert grade(chain("sofa thenar firstly"), min_connectives=1).components["connectives"] == 0.0


def test_thresholds_and_words_are_options():
    text = chain("let 3*4=12.", "ergo 12+5=17.", "answer 17.")
    assert grade(text).components["connectives"] == 0.0
    assert grade(text, extra_connectives=["ergo"]).reward == 1.0
    assert grade(text, extra_connectives=["ergo"], min_steps=3).reward == 0.0
    assert grade(chain("17"), min_ratio=0.0, min_connectives=0).components["length"] == 1.0
