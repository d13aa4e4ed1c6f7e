"""Every expected answer of the benchmark files scores 1, and what is nearly it does not."""

import json
from pathlib import Path

import pytest
from verifiers.math.literals import clean, read_number

from verifiers.base import Completion
from verifiers.math.countdown import CountdownVerifier

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
FILES = ["gsm8k/test.jsonl", "aime/aime24.jsonl", "aime/aime25.jsonl", "math500/test.jsonl"]


def rows(name):
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no benchmark data at {path}")
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def written(answer):
    """The expected answer as a completion would give it: GSM8K's stands after its solution."""
    return str(answer).rpartition("####")[2].strip()


def reward_of(verifier, expected, text):
    return verifier.verify(Completion("", text, expected)).reward


@pytest.mark.parametrize("name", FILES)
def test_every_expected_answer_scores_one_and_an_empty_one_nothing(verifier, name):
    for row in rows(name):
        expected = row["answer"]
        tagged = f"<think>so</think><answer>{written(expected)}</answer>"
        boxed = f"<think>so</think>It is $\\boxed{{{written(expected)}}}$."
        assert reward_of(verifier, expected, tagged) == 1.0, expected
        assert reward_of(verifier, expected, boxed) == 1.0, expected
        assert reward_of(verifier, expected, "<think>so</think><answer></answer>") == 0.0
        assert reward_of(verifier, expected, "") == 0.0


def test_solution_that_ends_with_hashes_scores_one(verifier):
    for row in rows("gsm8k/test.jsonl"):
        assert reward_of(verifier, row["answer"], row["answer"]) == 1.0


def test_solution_with_a_box_scores_one(verifier):
    for row in rows("math500/test.jsonl"):
        assert reward_of(verifier, row["answer"], row["solution"]) == 1.0, row["answer"]


@pytest.mark.parametrize("name", FILES)
def test_neighbouring_number_scores_nothing(verifier, name):
    numbers = 0
    for row in rows(name):
        number = read_number(clean(written(row["answer"])))
        if number is None:
            continue
        numbers += 1
        for wrong in (number.value + 1, number.value - 1, -number.value, number.value * 10):
            if wrong != number.value:
                text = f"<think>so</think><answer>{wrong}</answer>"
                assert reward_of(verifier, row["answer"], text) == 0.0, (row["answer"], wrong)
    assert numbers > 0


def test_library_agrees_on_the_answers_that_are_no_numbers(verifier):
    """Textual equality is not what lets these pass: they are compared by math-verify itself."""
    symbolic = [
        row["answer"]
        for row in rows("math500/test.jsonl")
        if read_number(clean(row["answer"])) is None and "_" not in row["answer"]
    ][::6]
    assert len(symbolic) > 10
    for expected in symbolic:
        assert verifier.process.compare(expected, expected).outcome == "equal", expected


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
