"""What a run of rejection sampling says of itself, while it goes on and at its end."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from rlsys.evaluation.estimators import Interval
from rlsys.evaluation.selection import Selection
from rlsys.loop.fleet import Graded, Sampled
from rlsys.observe.sample_summary import SampleSummary
from rlsys.observe.sample_tally import Tally

FOUND = Selection(
    prompts=3,
    completions=12,
    tokens=120,
    cut_off=3,
    never_right=1,
    always_right=0,
    kept=4,
    kept_tokens=40,
    kept_prompts=2,
    sources=Counter({"sums": 3, "greetings": 1}),
    thrown={"no verdict": 0, "sample.right": 8},
    pass_at={1: Interval(0.4, 0.2, 0.6, 3), 4: Interval(0.7, 0.5, 0.9, 3)},
)


def summary(found: Selection | None = FOUND) -> SampleSummary:
    return SampleSummary(
        run="mine",
        steps=3,
        planned_steps=3,
        wall_s=20.0,
        times={},
        members={"rollout": 1},
        folder=Path("runs/mine"),
        n=4,
        sampling_s=10.0,
        selection=found,
    )


def printed(one: SampleSummary) -> str:
    out = io.StringIO()
    one.show(Console(file=out, width=200), ["rlsys sft ..."])
    return out.getvalue()


def test_the_table_has_the_policys_figures_and_a_line_for_each_rule() -> None:
    text = printed(summary())
    for line in (
        "pass@1                         0.400 [0.200, 0.600]",
        "right never, at times, always  1, 2, 0 prompts",
        "tokens                         120 (12/s)",
        "thrown away: sample.right      8",
        "kept                           4, to 2 prompts",
        "greetings                    1",
        "demonstrations: runs/mine/demonstrations.jsonl",
        "rates: runs/mine/rates.jsonl",
    ):
        assert line in text
    assert text.rstrip().endswith("rlsys sft ...")


def test_prompts_without_a_verdict_are_not_counted_as_right_at_times() -> None:
    text = printed(summary(replace(FOUND, ungraded=2)))
    assert "right never, at times, always  1, 0, 0 prompts; 2 without a verdict" in text
    assert summary(replace(FOUND, ungraded=2)).to_dict()["ungraded"] == 2


def test_the_file_says_the_same_to_programs() -> None:
    told = summary().to_dict()
    assert told["pass_at"]["4"] == {"mean": 0.7, "low": 0.5, "high": 0.9, "problems": 3}
    assert told["truncated"] == 0.25
    assert told["kept_by_source"] == {"greetings": 1, "sums": 3}
    assert (told["steps"], told["planned_steps"], told["n"]) == (3, 3, 4)


def test_a_gate_can_ask_for_pass_at_k_with_its_interval_and_for_counts() -> None:
    figures = summary().figures()
    assert figures["pass_at_4"] == {"mean": 0.7, "low": 0.5, "high": 0.9}
    assert (figures["kept"], figures["never_right"], figures["mean_tokens"]) == (4, 1, 10.0)
    assert set(summary(None).figures()) == {"steps", "wall_s"}


def test_a_policy_that_is_never_right_is_told_that_no_reward_will_come() -> None:
    nothing = {1: Interval(0.0, 0.0, 1.0, 3), 4: Interval(0.0, 0.0, 1.0, 3)}
    assert "pass@4 is 0: not one completion is right" in printed(
        summary(replace(FOUND, pass_at=nothing))
    )
    assert "pass@4 is 0" not in printed(summary())


def test_a_run_that_was_stopped_has_no_figures() -> None:
    told = summary(None).to_dict()
    assert "pass_at_1" not in told
    assert "demonstrations" not in printed(summary(None))


def answers(rewards: list[float], tokens: list[int], **more: Any) -> tuple[Sampled, Graded]:
    values = np.array(rewards)
    zeros = np.zeros(len(rewards), dtype=int)
    cut = np.array(more.get("cut", [False] * len(rewards)))
    return (
        Sampled(None, zeros, zeros, np.array(tokens), cut),
        Graded(None, values, values == 1.0, {}, []),
    )


def test_a_line_is_of_the_prompts_since_the_line_before() -> None:
    tally = Tally()
    tally.add(*answers([1.0, 0.0, 0.0, 0.5], [2, 4, 6, 8], cut=[0, 0, 0, 1]), size=2)
    tally.add(*answers([float("nan"), 1.0], [5, 5]), size=2)
    assert tally.metrics(3.0) == pytest.approx(
        {
            "reward/accuracy": 2 / 5,
            "reward/mean": 2.5 / 5,
            "reward/missing": 1 / 6,
            "reward/solved": 2 / 3,
            "completion/mean_tokens": 5.0,
            "completion/truncated": 1 / 6,
            "throughput/step_s": 1.0,
            "throughput/sampled_tokens_per_s": 10.0,
        }
    )


def test_a_line_without_a_verdict_has_no_accuracy() -> None:
    tally = Tally()
    tally.add(*answers([float("nan")], [5]), size=1)
    metrics = tally.metrics(1.0)
    assert "reward/accuracy" not in metrics
    assert metrics["reward/missing"] == 1.0
