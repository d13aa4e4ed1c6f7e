import pytest

from rlsys.serving.depth import Depth, Domain, KeywordClassifier
from rlsys.thinking.difficulty import SolveRatePredictor, TextPredictor, budget

PROOF = (
    "Let n be an integer with n > 1. Prove that if 2^n - 1 is prime then n is prime, and find all "
    "n < 20 for which n^2 + 1 is divisible by 5."
)


@pytest.mark.parametrize(
    ("question", "domain"),
    [
        ("What is 17 * 23?", Domain.MATHEMATICS),
        (PROOF, Domain.MATHEMATICS),
        ("一个三角形的面积是多少", Domain.MATHEMATICS),
        ("Why does this raise?\n```python\nraise ValueError\n```", Domain.CODE),
        ("Write a function that reverses a list in Python.", Domain.CODE),
        ("Tell me about the history of Venice.", Domain.GENERAL),
        ("Hello there!", Domain.SMALL_TALK),
        ("thank you so much", Domain.SMALL_TALK),
        ("谢谢", Domain.SMALL_TALK),
    ],
)
def test_a_question_by_itself(question: str, domain: Domain) -> None:
    assert KeywordClassifier().classify([], question) is domain


def test_a_short_question_is_about_what_the_one_before_was_about() -> None:
    classifier = KeywordClassifier()
    assert classifier.classify(["What is 17 * 23?"], "And with 19 instead?") is Domain.MATHEMATICS
    assert classifier.classify(["What is 17 * 23?", "why?"], "really?") is Domain.MATHEMATICS
    assert classifier.classify(["hello"], "what can you do for me") is Domain.GENERAL
    assert classifier.classify(["What is 17 * 23?"], "thanks!") is Domain.SMALL_TALK


def test_small_talk_gets_no_thinking_and_a_proof_more_than_a_sum() -> None:
    depth = Depth()
    assert depth.budget([], "hello") == 0
    assert 512 <= depth.budget([], "What is 17 * 23?") < depth.budget([], PROOF) <= 16_384
    assert depth.budget([], "Tell me about the history of Venice.") < 512


def test_difficulty_grows_with_every_sign_and_stays_below_1() -> None:
    predict = TextPredictor().predict
    assert predict("", "") == 0.0
    assert predict("", "one two three") < predict("", "one two 3 = 3") < predict("", PROOF) < 1.0
    # 3 words: 1 - exp(-3/60).
    assert predict("", "one two three") == pytest.approx(0.04877, abs=1e-5)


def test_a_budget_is_geometric_in_the_difficulty() -> None:
    assert [budget(d, 100, 10_000) for d in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [
        100,
        100,
        1_000,
        10_000,
        10_000,
    ]
    assert budget(0.7, 0, 0) == 0
    assert budget(0.5, 0, 100) == 10


def test_the_measured_solve_rate_moves_a_question_from_the_prior_towards_what_was_seen() -> None:
    predictor = SolveRatePredictor(prior=0.5, memory=8)
    assert predictor.predict("new", "?") == 0.5
    predictor.observe("hard", right=0, answers=8)
    assert predictor.predict("hard", "?") == pytest.approx(0.75)
    predictor.observe("easy", right=8, answers=8)
    assert predictor.predict("easy", "?") == pytest.approx(0.25)
    again = SolveRatePredictor()
    again.load_state_dict(predictor.state_dict())
    assert again.predict("hard", "?") == pytest.approx(0.75)
