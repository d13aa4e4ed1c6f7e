"""Rewards put together from several verifiers."""

from dataclasses import dataclass, field, replace

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
    assert (wrong.status, wrong.reason) == (Status.WRONG, "answer '17' read as 17, expected 18")
    plain = make().verify(completion("<answer>17</answer>"))
    assert plain.reward == pytest.approx(0.7)
    assert plain.status is Status.CORRECT
    assert make().accuracy_component_for("") == "R_Accuracy"


def test_batch_is_graded_in_order():
    verdicts = make().grade([completion(), completion(answer="18"), completion()])
    assert [v.status for v in verdicts] == [Status.CORRECT, Status.WRONG, Status.CORRECT]


@dataclass
class Batched(Scripted):
    """Takes batches, and remembers them."""

    batches: list = field(default_factory=list)

    def verify_all(self, completions):
        self.batches.append([one.text for one in completions])
        if isinstance(self.result, Exception):
            raise self.result
        return self.result[: len(completions)]


def with_batched(result, rewards):
    composite = make(rewards)
    component = composite.components[0]
    batched = Batched(result)
    composite.components[0] = replace(component, verifier=batched)
    return composite, batched


def test_verifier_that_takes_batches_gets_those_of_its_sources_in_one_call():
    half = Verdict(0.5, Status.WRONG, seconds=2.0)
    rewards = [RewardConfig("format", weight=0.4, sources=["a"]), RewardConfig("math", weight=0.6)]
    composite, batched = with_batched([half, half], rewards)
    batch = [completion(source="a"), completion(answer="18", source="b"), completion(source="a")]
    verdicts = composite.grade(batch)
    assert batched.batches == [[GOOD, GOOD]]
    assert [v.reward for v in verdicts] == pytest.approx([0.8, 0.0, 0.8])
    assert [v.components.get("format") for v in verdicts] == [0.5, None, 0.5]
    assert verdicts[0].seconds > 2.0


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (RuntimeError("no route"), "RuntimeError: no route"),
        ([Verdict(1.0, Status.CORRECT)], "expected a list of 2 verdicts, got a list"),
        ([Verdict(1.0, Status.CORRECT), 1.0], "returned a float, not a Verdict: 1.0"),
    ],
)
def test_failed_batch_makes_no_verdict_of_any_completion_in_it(result, reason):
    rewards = [RewardConfig("format", weight=0.4, sources=["a"]), RewardConfig("math", weight=0.6)]
    composite, _ = with_batched(result, rewards)
    batch = [completion(source="a"), completion(source="b"), completion(source="a")]
    verdicts = composite.grade(batch)
    assert [v.reward for v in verdicts] == pytest.approx([None, 0.6, None])
    assert verdicts[0].reason == verdicts[2].reason
    assert verdicts[0].reason.startswith(f"format: {reason}")


def test_completion_without_a_verdict_is_not_shown_to_later_components():
    composite = make([RewardConfig("math", weight=0.6), RewardConfig("format", weight=0.4)])
    batched = Batched([Verdict(1.0, Status.CORRECT)])
    composite.components[1] = replace(composite.components[1], verifier=batched)
    composite.grade([completion(answer=None), completion("<answer>17</answer>")])
    assert batched.batches == [["<answer>17</answer>"]]


def test_gate_multiplies_and_never_decides_the_status():
    rewards = [RewardConfig("math"), RewardConfig("format", gate=True)]
    composite = make(rewards)
    assert composite.accuracy_component_for("") == "math"
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


def test_source_that_nobody_grades_has_no_verdict():
    composite = make([RewardConfig("math", sources=["gsm8k"])])
    verdict = composite.verify(completion(source="aime"))
    assert (verdict.reward, verdict.status) == (None, Status.INFRASTRUCTURE)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (RuntimeError("no route"), "R_CoT: RuntimeError: no route"),
        (Verdict(None, Status.INFRASTRUCTURE, "judge is down"), "R_CoT: judge is down"),
        (1.0, "R_CoT: returned a float, not a Verdict: 1.0"),
        (None, "R_CoT: returned a NoneType, not a Verdict: None"),
    ],
)
def test_failed_verifier_makes_no_verdict_of_the_whole(result, reason):
    verdict = make(replaced={0: result}).verify(completion())
    assert (verdict.reward, verdict.status) == (None, Status.INFRASTRUCTURE)
    assert verdict.reason.startswith(reason)


def test_unreadable_expected_answer_is_no_verdict():
    verdict = make().verify(completion(answer={"numbers": [1]}))
    assert verdict.status is Status.INFRASTRUCTURE
    assert verdict.reason.startswith("R_Accuracy: expected answer")


def test_a_verifier_that_says_its_name_itself_is_named_once():
    faulty = completion(answer={"target": 3})
    verdict = make([RewardConfig("countdown")]).verify(faulty)
    assert verdict.reason.startswith("countdown: expected answer")
    named = make([RewardConfig("puzzle", verifier="countdown")]).verify(faulty)
    assert named.reason.startswith("puzzle: countdown: expected answer")


def test_self_test_of_all_built_in_verifiers_passes():
    names = ["math", "reasoning", "format", "countdown"]
    composite = make([RewardConfig(name, weight=0.25) for name in names])
    assert run_self_test(composite) == 7 + 4 + 8 + 6
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


def test_a_verifier_without_self_test_cases_is_named_with_its_place():
    class Untested(Scripted):
        def self_test(self):
            return []

    composite = make()
    composite.components = [replace(composite.components[0], verifier=Untested(None))]
    line = Untested.self_test.__code__.co_firstlineno
    with pytest.raises(VerifierError, match=rf"no self-test cases: its .*{__file__}:{line}, ret"):
        run_self_test(composite)


@pytest.mark.parametrize(("reward", "passes"), [(0.5, True), (0.8, True), (0.81, False)])
def test_known_completion_may_have_a_range_of_rewards(reward, passes):
    class Ranged(Scripted):
        def self_test(self):
            return [(Completion("", "known", "answer"), (0.5, 0.8))]

    composite = make()
    ranged = Ranged(Verdict(reward, Status.WRONG))
    composite.components = [replace(composite.components[0], verifier=ranged)]
    if passes:
        assert run_self_test(composite) == 1
    else:
        with pytest.raises(VerifierError, match=r"got reward 0.81, expected 0.5 to 0.8"):
            run_self_test(composite)


def test_composite_without_a_paid_component_is_refused():
    with pytest.raises(VerifierError, match="no reward component"):
        make([RewardConfig("format", gate=True)])


def test_a_verifier_without_a_name_is_told_what_is_missing():
    composite = make(replaced={1: Verdict(1.0, Status.CORRECT)})
    composite.components[1].verifier.name = None
    with pytest.raises(VerifierError, match=r"a Scripted has no name; .* name = 'scripted'"):
        run_self_test(composite)
