"""Rewards put together from several verifiers."""

from dataclasses import dataclass, field

import pytest

from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict
from verifiers.compose import Composite, run_self_test

GOOD = "<think>first 3*4=12. then 12+5=17. so the answer is 17.</think><answer>17</answer>"
PAPER = [
    RewardConfig("R_CoT", "reasoning", 0.3),
    RewardConfig("R_Accuracy", "math", 0.7),
]


@dataclass
class Scripted:
    """Gives the verdict, or raises the error, that it was made with."""

    result: object
    name: str = field(default="scripted", init=False)

    def verify(self, completion):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def self_test(self):
        return [(Completion("", "known", "answer"), 1.0)]


def make(rewards=PAPER, replaced=None):
    composite = Composite(VerifiersConfig(rewards=rewards))
    for index, result in (replaced or {}).items():
        component = composite.components[index]
        composite.components[index] = type(component)(
            component.name, Scripted(result), component.weight, component.gate, component.sources
        )
    return composite


def completion(text=GOOD, answer="17", source=""):
    return Completion("", text, answer, {"question": "3*4+5?"}, source)


def test_reward_is_the_weighted_sum_and_keeps_its_parts():
    verdict = make().verify(completion())
    assert verdict.reward == pytest.approx(1.0)
    assert verdict.status is Status.CORRECT
    assert verdict.components == {
        "R_CoT": 1.0,
        "R_CoT.length": 1.0,
        "R_CoT.connectives": 1.0,
        "R_CoT.structure": 1.0,
        "R_Accuracy": 1.0,
    }
    assert verdict.seconds > 0


def test_status_and_reason_are_those_of_the_largest_weight():
    wrong = make().verify(completion(answer="18"))
    assert wrong.reward == pytest.approx(0.3)
    assert (wrong.status, wrong.reason) == (Status.WRONG, "'17' is not the expected number")
    plain = make().verify(completion("<answer>17</answer>"))
    assert plain.reward == pytest.approx(0.7)
    assert plain.status is Status.CORRECT
    assert make().accuracy_component == "R_Accuracy"


def test_batch_is_graded_in_order():
    verdicts = make().grade([completion(), completion(answer="18"), completion()])
    assert [v.status for v in verdicts] == [Status.CORRECT, Status.WRONG, Status.CORRECT]


def test_gate_multiplies_and_never_decides_the_status():
    rewards = [RewardConfig("math"), RewardConfig("format", gate=True)]
    composite = make(rewards)
    assert composite.accuracy_component == "math"
    assert composite.verify(completion()).reward == 1.0
    outside = composite.verify(completion(GOOD + " yes"))
    assert (outside.reward, outside.status) == (0.0, Status.CORRECT)
    assert outside.components == {"math": 1.0, "format": 0.0}


def test_component_without_weight_is_recorded_only():
    composite = make([RewardConfig("math"), RewardConfig("format", weight=0.0)])
    verdict = composite.verify(completion("17"))
    assert verdict.reward == 1.0
    assert verdict.components == {"math": 1.0, "format": 0.0}


def test_each_source_goes_to_its_verifiers():
    rewards = [
        RewardConfig("reasoning", weight=0.3),
        RewardConfig("math", weight=0.7, sources=["gsm8k", "aime"]),
        RewardConfig("countdown", weight=0.6, sources=["countdown"]),
    ]
    composite = make(rewards)
    assert composite.accuracy_component_for("countdown") == "countdown"
    assert composite.verify(completion(source="aime")).components["math"] == 1.0
    puzzle = completion(answer={"numbers": [17], "target": 17}, source="countdown")
    verdict = composite.verify(puzzle)
    assert verdict.reward == pytest.approx(0.9)
    assert "math" not in verdict.components
    composite.require_sources(["gsm8k", "aime", "countdown", "other"])


def test_source_that_nobody_grades_is_an_error_before_training_and_no_verdict_in_it():
    composite = make([RewardConfig("math", sources=["gsm8k"])])
    with pytest.raises(VerifierError, match="'aime'"):
        composite.require_sources(["gsm8k", "aime"])
    verdict = composite.verify(completion(source="aime"))
    assert (verdict.reward, verdict.status) == (None, Status.INFRASTRUCTURE)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (RuntimeError("no route"), "R_CoT: Scripted: RuntimeError: no route"),
        (Verdict(None, Status.INFRASTRUCTURE, "judge is down"), "R_CoT: judge is down"),
        (1.0, "R_CoT: Scripted: returned a float, not a Verdict"),
        (None, "R_CoT: Scripted: returned a NoneType, not a Verdict"),
    ],
)
def test_failed_verifier_makes_no_verdict_of_the_whole(result, reason):
    verdict = make(replaced={0: result}).verify(completion())
    assert (verdict.reward, verdict.status) == (None, Status.INFRASTRUCTURE)
    assert verdict.reason == reason


def test_unreadable_expected_answer_is_no_verdict():
    verdict = make().verify(completion(answer={"numbers": [1]}))
    assert verdict.status is Status.INFRASTRUCTURE
    assert verdict.reason.startswith("R_Accuracy: MathVerifier: VerifierError: math: expected")


def test_self_test_of_all_built_in_verifiers_passes():
    names = ["math", "reasoning", "format", "countdown"]
    composite = make([RewardConfig(name, weight=0.25) for name in names])
    assert run_self_test(composite) == 7 + 4 + 7 + 6
    composite.close()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (Verdict(0.0, Status.WRONG, "why"), r"'known'.*'answer' got reward 0.0, expected 1.0.*why"),
        (ValueError("boom"), r"got reward None, expected 1.0 \(infrastructure: .*boom"),
    ],
)
def test_failed_self_test_names_verifier_completion_and_rewards(result, message):
    with pytest.raises(
        VerifierError, match=f"verifier 'scripted' fails its self-test: .*{message}"
    ):
        run_self_test(make(replaced={1: result}))


def test_composite_without_a_paid_component_is_refused():
    with pytest.raises(VerifierError, match="no reward component"):
        make([RewardConfig("format", gate=True)])
