"""The answer template."""

import pytest

from verifiers.base import Completion
from verifiers.form.format import FormatVerifier

GOOD = "<think>a</think> <answer>1</answer>"


def grade(text, prompt=""):
    return FormatVerifier().verify(Completion(prompt, text, None))


@pytest.mark.parametrize("text", [GOOD, f"\n{GOOD}\n", GOOD.replace(">a<", ">a\nb < c > d<")])
def test_template_is_paid(text):
    assert grade(text).reward == 1.0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "<think> stands 0 times"),
        (GOOD + GOOD, "<think> stands 2 times"),
        ("<think>a</think><answer>1", "</answer> stands 0 times"),
        (GOOD + "<answer>2</answer>", "<answer> stands 2 times"),
        ("x" + GOOD, "the tags are out of order, or there is text outside them"),
        (GOOD + "x", "the tags are out of order, or there is text outside them"),
        (
            "<think>a</think>x<answer>1</answer>",
            "the tags are out of order, or there is text outside them",
        ),
        (
            "<answer>1</answer><think>a</think>",
            "the tags are out of order, or there is text outside them",
        ),
        (
            "<think>a<answer>1</answer></think>",
            "the tags are out of order, or there is text outside them",
        ),
        ("<think> </think><answer>1</answer>", "no text in the thinking"),
        ("<think>a</think><answer>\n</answer>", "no text in the answer"),
    ],
)
def test_everything_else_is_not(text, reason):
    verdict = grade(text)
    assert (verdict.reward, verdict.reason) == (0.0, reason)


def test_reasoning_opened_by_the_prompt_is_not_opened_again():
    prompt = "Assistant: <think>\n"
    assert grade("a</think><answer>1</answer>", prompt).reward == 1.0
    assert grade(GOOD, prompt).reward == 0.0
