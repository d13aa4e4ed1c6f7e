"""A broken plug-in is named in seconds, with its line and the completion, before a run starts."""

import json
from pathlib import Path

import pytest

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig
from rlsys.data.read import read_rows
from rlsys.data.templates import tokenize
from rlsys.errors import VerifierError
from rlsys.grading.tryout import try_plugins
from rlsys.local_policy.tokenizer import build_tokenizer

# What it does to the completions of a run is its option; to those of its self-test it is kind.
PLUGIN = """
import time

from verifiers.base import Completion, Status, Verdict


class Mine:
    name = "mine"

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.limit = {"": 1}[fault] if fault == "make" else 1

    def verify(self, completion):
        if completion.prompt and (odd := self.misbehave(completion)):
            return odd
        right = str(completion.answer) in completion.text
        return Verdict(float(right), Status.CORRECT if right else Status.WRONG)

    def misbehave(self, completion):
        match self.fault:
            case "raise":
                raise KeyError("level")
            case "empty" if not completion.text:
                completion.text[0]
            case "reward":
                return Verdict(2.0, Status.CORRECT)
            case "nan":
                return Verdict(float("nan"), Status.CORRECT)
            case "hang":
                time.sleep(600)

    def self_test(self):
        cases = [(Completion("", "4", "4"), 1.0), (Completion("", "5", "4"), 0.0)]
        return cases[3] if self.fault == "self_test" else cases


VERIFIERS = {"mine": Mine}
"""

RIGHT = "The steps are left out here.\n\\boxed{4}"


def tried(tmp_path: Path, fault: str, **reward: object) -> list[str]:
    """Try the plug-in on a file of one row; returns what was told."""
    plugin, data = tmp_path / "mine.py", tmp_path / "rows.jsonl"
    plugin.write_text(PLUGIN)
    data.write_text(json.dumps({"prompt": "What is 2+2?", "answer": "4"}) + "\n")
    config = RunConfig()
    config.verifiers.plugins = [str(plugin)]
    config.verifiers.timeout_s = 1.0
    mine = {"weight": 0.5, "options": {"fault": fault}} | reward
    config.verifiers.rewards = [RewardConfig("math", weight=0.5), RewardConfig("mine", **mine)]  # type: ignore[arg-type]
    rows = read_rows(str(data), config.data).rows
    told: list[str] = []
    prompts = tokenize(rows, config.data, build_tokenizer()).prompts
    try_plugins(config.verifiers, config.sandbox, rows, prompts, told.append)
    return told


@pytest.mark.parametrize(
    ("fault", "answer", "cause"),
    [
        ("raise", RIGHT, "KeyError: 'level', at {file}:23 in misbehave: raise KeyError"),
        ("empty", "", "IndexError: string index out of range, at {file}:25 in misbehave"),
        (
            "reward",
            RIGHT,
            "mine: returned the reward 2, outside [0, 1], at {file}:14; the range of",
        ),
        ("nan", RIGHT, "ValueError: reward nan is no finite number, at {file}:29 in"),
        ("hang", RIGHT, "no verdict within verifiers.timeout_s=1, at {file}:31 in misbehave"),
    ],
)
def test_a_plugin_without_a_verdict_is_named_with_the_answer_and_the_line(
    tmp_path: Path, fault: str, answer: str, cause: str
) -> None:
    with pytest.raises(VerifierError) as caught:
        tried(tmp_path, fault)
    text = str(caught.value)
    assert text.startswith(f"the verifier 'mine' has no verdict on the completion {answer!r} to ")
    assert "rows.jsonl, row 1: mine: " in text
    assert cause.format(file=tmp_path / "mine.py") in text


@pytest.mark.parametrize(
    ("fault", "line", "call"),
    [("make", 12, "__init__"), ("self_test", 35, "self_test")],
)
def test_a_plugin_that_cannot_start_is_named_with_its_line(
    tmp_path: Path, fault: str, line: int, call: str
) -> None:
    with pytest.raises(VerifierError, match="verifier 'mine'") as caught:
        tried(tmp_path, fault)
    assert f", at {tmp_path / 'mine.py'}:{line} in {call}: " in str(caught.value)


def test_a_gate_and_a_reward_without_weight_are_tried_too(tmp_path: Path) -> None:
    for reward in ({"gate": True}, {"weight": 0.0}):
        with pytest.raises(VerifierError, match="KeyError: 'level'"):
            tried(tmp_path, "raise", **reward)


def test_a_plugin_that_grades_everything_is_tried_and_said_to_be(tmp_path: Path) -> None:
    assert tried(tmp_path, "") == ["trying the plug-ins: mine"]


def test_a_plugin_for_another_source_is_not_asked(tmp_path: Path) -> None:
    assert tried(tmp_path, "raise", sources=["elsewhere"]) == ["trying the plug-ins: mine"]


def test_a_run_without_plugins_starts_nothing() -> None:
    config = RunConfig()
    config.verifiers.rewards = [RewardConfig("math")]
    told: list[str] = []
    try_plugins(config.verifiers, config.sandbox, [], [], told.append)
    assert told == []


FUNCTION = """
def brief(completions, answer, **columns):
    if answer == ["silent"]:
        return [None] * len(completions)
    return [1.0 if text else 1.0 / 0 for text in completions]
"""


def tried_function(tmp_path: Path, answer: str) -> None:
    plugin, data = tmp_path / "brief.py", tmp_path / "rows.jsonl"
    plugin.write_text(FUNCTION)
    data.write_text(json.dumps({"prompt": "What is 2+2?", "answer": answer}) + "\n")
    config = RunConfig()
    config.verifiers.plugins = [str(plugin)]
    config.verifiers.rewards = [RewardConfig("math", weight=0.5), RewardConfig("brief", weight=0.5)]
    rows = read_rows(str(data), config.data).rows
    prompts = tokenize(rows, config.data, build_tokenizer()).prompts
    try_plugins(config.verifiers, config.sandbox, rows, prompts, lambda line: None)


def test_a_reward_function_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(VerifierError, match=r"ZeroDivisionError: .*brief.py:5 in <listcomp>"):
        tried_function(tmp_path, "4")


def test_a_reward_function_may_have_nothing_to_say_of_a_source(tmp_path: Path) -> None:
    tried_function(tmp_path, "silent")


SILENT = """
def mute(completions, **columns):
    return [None for _ in completions]
"""


def tried_in_silence(tmp_path: Path, *others: RewardConfig) -> None:
    """Try a reward function that has nothing to say of any completion, beside others."""
    plugin, data = tmp_path / "rewards.py", tmp_path / "rows.jsonl"
    plugin.write_text(SILENT)
    data.write_text(json.dumps({"prompt": "What is 2+2?", "answer": "4"}) + "\n")
    config = RunConfig()
    config.verifiers.plugins = [str(plugin)]
    config.verifiers.rewards = [RewardConfig("mute", weight=0.5), *others]
    rows = read_rows(str(data), config.data).rows
    prompts = tokenize(rows, config.data, build_tokenizer()).prompts
    try_plugins(config.verifiers, config.sandbox, rows, prompts, lambda line: None)


def test_a_function_that_never_gives_a_reward_is_refused_where_it_grades_alone(
    tmp_path: Path,
) -> None:
    with pytest.raises(VerifierError) as caught:
        tried_in_silence(tmp_path, RewardConfig("math", weight=0.5, sources=["elsewhere"]))
    text = str(caught.value)
    assert text.startswith(
        "the verifier 'mute' has no reward for any completion that was tried to "
    )
    assert "rows.jsonl, row 1: " in text
    assert "mute: returned None" in text


def test_a_function_that_never_gives_a_reward_may_stand_beside_one_that_does(
    tmp_path: Path,
) -> None:
    tried_in_silence(tmp_path, RewardConfig("math", weight=0.5))
