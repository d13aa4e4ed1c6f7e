"""Chains of the tiny world: languages, steps left out, padding."""

import random
import re

import pytest

from rlsys.data.arithmetic import Problem, Step, generate
from rlsys.data.world.chains import Manner, Speech, bare_solution, solution
from verifiers.base import Completion
from verifiers.form.language import count_words
from verifiers.form.readable import ReadableVerifier
from verifiers.form.reasoning import ReasoningVerifier
from verifiers.math.verifier import MathVerifier

PROBLEM = Problem((Step(3, "*", 4, 12), Step(12, "+", 5, 17), Step(17, "-", 2, 15)))
MANNERS = [
    Manner(speech, skipped, padded)
    for speech in Speech
    for skipped in (0, 2, 3)
    for padded in (False, True)
]


def written(manner: Manner, seed: int = 0) -> str:
    return solution(PROBLEM, manner, random.Random(seed))


def test_a_chain_is_whole_in_each_language() -> None:
    assert written(Manner(Speech.english)) == (
        "<think>we need 3 steps. first 3*4=12. then 12+5=17. then 17-2=15. so the answer is 15."
        "</think><answer>15</answer>"
    )
    assert written(Manner(Speech.chinese)) == (
        "<think>需要3步。首先3*4=12。然后12+5=17。然后17-2=15。所以答案是15。"
        "</think><answer>15</answer>"
    )


def test_a_chain_that_leaves_steps_out_is_cut_or_says_that_it_guesses() -> None:
    cut = written(Manner(Speech.english, skipped=2))
    assert "first 3*4=12. so the answer is 15." in cut
    hasty = written(Manner(Speech.english, skipped=3))
    assert "<think>this looks easy. so the answer is 15.</think>" in hasty


def test_a_mixed_chain_has_both_languages_whatever_the_seed() -> None:
    for seed in range(50):
        for skipped in (0, 3):
            words = count_words(written(Manner(Speech.mixed, skipped), seed))
            assert words["en"] > 0
            assert words["zh"] > 0


@pytest.mark.parametrize("speech", [Speech.english, Speech.chinese])
def test_other_chains_have_one_padded_or_not(speech: Speech) -> None:
    verifier = ReadableVerifier()
    for seed in range(30):
        said = written(Manner(speech, padded=True), seed)
        assert verifier.verify(Completion("", said, None)).components["one_language"] == 1.0


def test_padding_makes_a_chain_longer_and_takes_no_step() -> None:
    plain = written(Manner(Speech.english))
    padded = [written(Manner(Speech.english, padded=True), seed) for seed in range(40)]
    assert sum(len(text) > len(plain) for text in padded) > 20
    steps = re.findall(r"\S+=\d+", plain)
    assert all(re.findall(r"\S+=\d+", text) == steps for text in padded)


@pytest.mark.parametrize("manner", MANNERS)
def test_every_solution_is_right(manner: Manner) -> None:
    verifier = MathVerifier()
    for problem in generate(6, 0, levels=(3, 4)):
        said = solution(problem, manner, random.Random(0))
        assert verifier.verify(Completion(problem.question, said, problem.answer)).reward == 1.0


def test_complete_chains_reason_in_every_speech_and_bare_answers_do_not() -> None:
    verifier = ReasoningVerifier()

    def reward(problem: Problem, said: str) -> float | None:
        return verifier.verify(Completion(problem.question, said, problem.answer)).reward

    for problem in generate(20, 0):
        for speech in Speech:
            assert reward(problem, solution(problem, Manner(speech), random.Random(0))) == 1.0
        assert reward(problem, bare_solution(problem)) == 0.0
        hasty = Manner(Speech.english, skipped=problem.difficulty)
        assert reward(problem, solution(problem, hasty, random.Random(0))) == 0.0
