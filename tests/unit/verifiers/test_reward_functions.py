"""Reward functions as people bring them from TRL and verl."""

from pathlib import Path

import pytest

from rlsys.config.verifiers import RewardConfig, VerifiersConfig, validate
from rlsys.errors import ConfigError, VerifierError
from rlsys.plugins import read_plugins
from verifiers.base import Completion, Status
from verifiers.compose import Composite, run_self_test
from verifiers.registry import Registry
from verifiers.settings import require_verifiers

TRL = """
from math import nan

def length(completions, **kwargs):
    return [-min(len(text), 100) / 100 for text in completions]

def exact(completions, solution):
    return [1.0 if text == right else 0.0 for text, right in zip(completions, solution)]

def only_math(prompts, completions, task, **kwargs):
    return [float("1" in c) if t == "math" else None for c, t in zip(completions, task)]

def chat(completions, prompts, **kwargs):
    assert all(p[-1]["role"] == "user" for p in prompts)
    return [float(c[0]["content"].startswith("yes")) for c in completions]

async def waits(completions, **kwargs):
    return [0.25 for _ in completions]

def scaled(completions, factor: float = 0.5, **kwargs):
    return [factor for _ in completions]

def columns(completions, **kwargs):
    return [float("answer" in kwargs and kwargs["level"] == [3]) for _ in completions]

def broken(completions, kind, **kwargs):
    return {"nan": [nan], "many": [1.0, 1.0], "text": ["1"], "none": None}[kind[0]]

def _helper(completions):
    raise AssertionError

def unrelated(a, b):
    raise AssertionError
"""
VERL = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    assert data_source == "gsm8k" and extra_info["index"] == 7
    return 1.0 if ground_truth in solution_str else 0.1

def short(solution_str, ground_truth, scale=1.0):
    return scale * (solution_str == ground_truth)

def detailed(solution_str, ground_truth, **kwargs):
    return {"score": -1.0, "acc": True, "pred": "x", "tokens": len(solution_str)}

def batched(data_sources, solution_strs, ground_truths, extra_infos, threshold):
    return [1.0 if len(s) > threshold else 0.0 for s in solution_strs]

def as_json(solution_str, ground_truth):
    import json
    return float(json.loads(ground_truth)["target"] == 98)
"""


def composite(tmp_path: Path, text: str, *rewards: RewardConfig, plugin: str = "") -> Composite:
    path = tmp_path / "rewards.py"
    path.write_text(text)
    config = VerifiersConfig(plugins=[plugin or str(path)], rewards=list(rewards))
    validate(config)
    require_verifiers(config)
    return Composite(config)


def completion(text: str, answer: object = "4", source: str = "gsm8k", **info: object):  # type: ignore[no-untyped-def]
    return Completion("2+2?", text, answer, info, source)


def test_a_trl_function_gets_texts_and_columns_and_scores_a_batch(tmp_path: Path) -> None:
    graded = composite(tmp_path, TRL, RewardConfig("exact"))
    verdicts = graded.grade([completion("4"), completion("5")])
    assert [v.reward for v in verdicts] == [1.0, 0.0]
    assert [v.status for v in verdicts] == [Status.CORRECT, Status.WRONG]
    assert run_self_test(graded) == 0


def test_columns_of_the_row_and_its_answer_reach_a_function_that_takes_any(tmp_path: Path) -> None:
    graded = composite(tmp_path, TRL, RewardConfig("columns"))
    assert graded.verify(completion("4", level=3)).reward == 1.0
    assert graded.verify(completion("4", level=2)).reward == 0.0


def test_a_conversation_is_handed_over_as_messages(tmp_path: Path) -> None:
    graded = composite(tmp_path, TRL, RewardConfig("chat"))
    messages = [{"role": "user", "content": "2+2=4?"}]
    assert graded.verify(completion("yes, it is", messages=messages)).reward == 1.0


def test_penalties_need_a_range_and_keep_their_sign_with_it(tmp_path: Path) -> None:
    fault = composite(tmp_path, TRL, RewardConfig("length")).verify(completion("x" * 50))
    assert fault.status is Status.INFRASTRUCTURE
    assert "returned the reward -0.5, outside [0, 1]" in fault.reason
    graded = composite(tmp_path, TRL, RewardConfig("length", range=[-1.0, 0.5]))
    verdict = graded.verify(completion("x" * 50))
    assert (verdict.reward, verdict.status) == (-0.5, Status.WRONG)


def test_a_gate_takes_a_reward_with_penalties_down_to_its_lowest(tmp_path: Path) -> None:
    rewards = [
        RewardConfig("length", weight=0.5, range=[-1.0, 0.0]),
        RewardConfig("exact", weight=0.5),
        RewardConfig("gate", "scaled", gate=True, options={"factor": 0.0}),
    ]
    assert composite(tmp_path, TRL, *rewards).verify(completion("4")).reward == -0.5
    rewards[2].options = {"factor": 1.0}
    open_gate = composite(tmp_path, TRL, *rewards).verify(completion("4"))
    assert open_gate.reward == pytest.approx(0.5 - 0.005)


def test_none_leaves_a_completion_to_the_other_functions(tmp_path: Path) -> None:
    rewards = RewardConfig("only_math", weight=0.6), RewardConfig("exact", weight=0.4)
    math, other = composite(tmp_path, TRL, *rewards).grade(
        [completion("1", task="math"), completion("4", task="essay")]
    )
    assert (math.reward, math.status) == (0.6, Status.CORRECT)
    assert (other.reward, other.status) == (0.4, Status.CORRECT)
    assert other.components == {"exact": 1.0}


def test_a_completion_on_which_all_functions_return_none_has_no_verdict(tmp_path: Path) -> None:
    verdict = composite(tmp_path, TRL, RewardConfig("only_math")).verify(
        completion("4", task="essay")
    )
    assert verdict.status is Status.INFRASTRUCTURE
    assert verdict.reason.endswith("only_math: returned None")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "returned nan, no reward"),
        ("many", "returned a list of 2, not a list of 1 rewards"),
        ("none", "returned a NoneType, not a list of 1 rewards"),
        ("text", "returned '1', no reward"),
    ],
)
def test_what_is_no_list_of_rewards_is_a_fault_that_names_the_function_and_its_line(
    tmp_path: Path, kind: str, reason: str
) -> None:
    verdict = composite(tmp_path, TRL, RewardConfig("broken")).verify(completion("4", kind=kind))
    assert verdict.status is Status.INFRASTRUCTURE
    line = TRL[: TRL.index("def broken")].count("\n") + 1
    assert verdict.reason == f"broken: {reason}, at {tmp_path / 'rewards.py'}:{line}"


def test_coroutines_are_waited_for_and_options_come_from_the_config(tmp_path: Path) -> None:
    assert composite(tmp_path, TRL, RewardConfig("waits")).verify(completion("")).reward == 0.25
    graded = composite(tmp_path, TRL, RewardConfig("scaled", options={"factor": 0.75}))
    assert graded.verify(completion("", factor=0.1)).reward == 0.75
    with pytest.raises(ConfigError, match="option factor='much' must be a float"):
        composite(tmp_path, TRL, RewardConfig("scaled", options={"factor": "much"}))


def test_the_reward_from_which_an_answer_is_correct_can_be_declared(tmp_path: Path) -> None:
    graded = composite(tmp_path, TRL, RewardConfig("scaled"))
    assert graded.verify(completion("")).status is Status.WRONG
    graded = composite(tmp_path, TRL, RewardConfig("scaled", correct_from=0.5))
    assert graded.verify(completion("")).status is Status.CORRECT


def test_a_verl_function_gets_its_four_arguments(tmp_path: Path) -> None:
    graded = composite(tmp_path, VERL, RewardConfig("compute_score"))
    right, wrong = graded.grade([completion("is 4", index=7), completion("is 5", index=7)])
    assert (right.reward, right.status) == (1.0, Status.CORRECT)
    assert (wrong.reward, wrong.status) == (pytest.approx(0.1), Status.WRONG)


def test_a_verl_function_may_take_fewer_arguments_and_options(tmp_path: Path) -> None:
    graded = composite(tmp_path, VERL, RewardConfig("short", options={"scale": 0.5}))
    assert graded.verify(completion("4")).reward == 0.5


def test_a_dict_of_verl_gives_its_score_its_accuracy_and_its_other_numbers(tmp_path: Path) -> None:
    graded = composite(tmp_path, VERL, RewardConfig("detailed", range=[-1.0, 1.0]))
    verdict = graded.verify(completion("abc"))
    assert (verdict.reward, verdict.status) == (-1.0, Status.CORRECT)
    assert verdict.components == {"detailed": -1.0, "detailed.acc": 1.0, "detailed.tokens": 3.0}


def test_a_verl_function_of_batches_is_called_once(tmp_path: Path) -> None:
    graded = composite(tmp_path, VERL, RewardConfig("batched", options={"threshold": 2}))
    assert [v.reward for v in graded.grade([completion("a"), completion("abc")])] == [0.0, 1.0]


def test_a_ground_truth_that_was_a_json_text_is_that_text_again(tmp_path: Path) -> None:
    graded = composite(tmp_path, VERL, RewardConfig("as_json"))
    row = completion("", {"target": 98}, ground_truth='{"target": 98}')
    assert graded.verify(row).reward == 1.0


def test_functions_are_named_by_file_or_by_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my_rewards_of_this_test.py"
    path.write_text(VERL)
    (one,) = read_plugins([f"{path}:short"])
    assert one.functions == ("short",)
    assert "compute_score" not in Registry([one]).names()
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry(["my_rewards_of_this_test:short", "my_rewards_of_this_test:detailed"])
    assert {"short", "detailed"} <= set(registry.names())
    assert registry.is_reward_function("short")
    assert not registry.is_reward_function("math")


def test_all_reward_functions_of_a_file_are_found_and_its_helpers_are_not(tmp_path: Path) -> None:
    path = tmp_path / "rewards.py"
    path.write_text(TRL)
    names = Registry([str(path)]).names()
    assert {"length", "exact", "waits"} <= set(names)
    assert not {"_helper", "unrelated", "nan"} & set(names)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("def f(completions, solution_str): ...", ":f", "has both completions and solution_str"),
        ("def f(completions, solution_str): ...", "", "could be TRL's .* or verl's"),
        ("def f(text): ...", ":f", r"f is no reward function: expected TRL's .*, got f\(text\)"),
        ("def f(text): ...", "", r"expected VERIFIERS = .*, or a reward function: TRL's"),
        ("def score(completions): ...", ":scores", "no function 'scores'; did you mean 'score'"),
        ("class F: ...", ":F", "got class F; classes are named in VERIFIERS"),
        ("def math(completions): ...", "", "the name 'math' is already taken"),
    ],
)
def test_a_function_of_neither_kind_or_of_both_is_one_error(
    tmp_path: Path, text: str, name: str, message: str
) -> None:
    path = tmp_path / "rewards.py"
    path.write_text(text)
    with pytest.raises(VerifierError, match=message):
        Registry([f"{path}{name}"])


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (RewardConfig("exact", range=[1.0, 0.0]), "expected the lowest and the highest reward"),
        (RewardConfig("exact", range=[0.0]), "expected the lowest and the highest reward"),
        (RewardConfig("exact", gate=True, range=[-1.0, 1.0]), "a gate is a share, from 0 to 1"),
        (RewardConfig("exact", correct_from=2.0), "must be above 0 and at most 1"),
        (RewardConfig("math", correct_from=0.5), "has no effect on a verifier"),
    ],
)
def test_ranges_that_cannot_be_are_one_error(
    tmp_path: Path, reward: RewardConfig, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        composite(tmp_path, TRL, reward, RewardConfig("length", weight=0.0))
