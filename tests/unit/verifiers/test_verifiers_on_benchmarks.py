"""Every expected answer of the benchmark files scores 1, and what is nearly it does not."""

import json
import random

import pytest

from tests.helpers.places import DATA
from verifiers.base import Completion
from verifiers.math.countdown import CountdownVerifier
from verifiers.math.reading import clean, read_expected
from verifiers.math.values import fraction

FILES = ["gsm8k/test.jsonl", "aime/aime24.jsonl", "aime/aime25.jsonl", "math500/test.jsonl"]
SENTENCE = "The answer is {}."
SHOWN = (
    "<think>so</think><answer>{}</answer>",
    "<think>so</think>It is $\\boxed{{{}}}$.",
    SENTENCE,
    "**Final answer:** ${}$",
    "So we get ${}$.",
    "\\[ \\boxed{{{}}} \\]",
)
"""Ways to give an answer."""


def rows(name):
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no benchmark data at {path}")
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def written(answer):
    """The expected answer as a completion would give it: GSM8K's stands after its solution."""
    return str(answer).rpartition("####")[2].strip()


def value_of(answer):
    """Its value, when it is a rational number."""
    tree = read_expected(clean(written(answer))).tree
    return None if tree is None else fraction(tree)


def reward_of(verifier, expected, text):
    return verifier.verify(Completion("", text, expected)).reward


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("name", FILES)
def test_every_expected_answer_scores_one_however_it_is_given(verifier, name, shown):
    for row in rows(name):
        expected = row["answer"]
        if shown == SENTENCE and "\\!" in str(expected):
            continue  # LaTeX that people write in dollars only
        assert reward_of(verifier, expected, shown.format(written(expected))) == 1.0, expected


@pytest.mark.parametrize("name", FILES)
def test_empty_answer_scores_nothing(verifier, name):
    for row in rows(name):
        for empty in ("<think>so</think><answer></answer>", "", r"\boxed{}", "The answer is"):
            assert reward_of(verifier, row["answer"], empty) == 0.0


def test_solution_that_ends_with_hashes_scores_one(verifier):
    for row in rows("gsm8k/test.jsonl"):
        assert reward_of(verifier, row["answer"], row["answer"]) == 1.0


def test_solution_with_a_box_scores_one(verifier):
    for row in rows("math500/test.jsonl"):
        if r"or $\boxed" not in row["solution"]:  # one value in two forms, in boxes of their own
            assert reward_of(verifier, row["answer"], row["solution"]) == 1.0, row["answer"]


@pytest.mark.parametrize("name", FILES)
def test_neighbouring_number_scores_nothing(verifier, name):
    numbers = 0
    for row in rows(name):
        value = value_of(row["answer"])
        if value is None:
            continue
        numbers += 1
        for wrong in (value + 1, value - 1, -value, value * 10):
            if wrong != value:
                text = f"<think>so</think><answer>{wrong}</answer>"
                assert reward_of(verifier, row["answer"], text) == 0.0, (row["answer"], wrong)
    assert numbers > 0


@pytest.mark.parametrize("name", FILES)
def test_answer_of_another_row_scores_nothing(verifier, name):
    answers = [row["answer"] for row in rows(name)]
    others = random.Random(0).sample(answers, len(answers))
    for expected, other in zip(answers, others, strict=True):
        if is_same_answer(expected, other):
            continue
        text = rf"\boxed{{{written(other)}}}"
        assert reward_of(verifier, expected, text) == 0.0, (expected, written(other))


def is_same_answer(expected, other):
    texts = [clean(written(answer)) for answer in (expected, other)]
    values = [value_of(answer) for answer in (expected, other)]
    return texts[0] == texts[1] or (values[0] is not None and values[0] == values[1])


def test_expected_answers_are_read_as_mathematics():
    """Textual equality is not what lets these pass: nearly all have a tree."""
    answers = [row["answer"] for row in rows("math500/test.jsonl")]
    unread = [answer for answer in answers if read_expected(clean(answer)).tree is None]
    assert len(unread) <= len(answers) // 100, unread


def test_countdown_puzzles_are_read_as_they_are():
    parquet = pytest.importorskip("pyarrow.parquet")
    path = DATA / "countdown" / "countdown_test.parquet"
    if not path.is_file():
        pytest.skip(f"no benchmark data at {path}")
    row = parquet.read_table(path).slice(0, 1).to_pylist()[0]
    expected = row["reward_model"]["ground_truth"]  # 96, 7, 37, 74 -> 55
    prompt = row["prompt"][0]["content"]
    for answer, reward in (("96 / (74 / 37) + 7", 1.0), ("96 - 37 - 7 + 3", 0.0)):
        text = f"74 / 37 is 2.</think>\n<answer>{answer}</answer>"
        assert CountdownVerifier().verify(Completion(prompt, text, expected)).reward == reward
