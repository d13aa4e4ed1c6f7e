"""A run that has nothing to learn from says so, once, with the cause and what to change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlsys.config.algorithm import AlgorithmConfig
from rlsys.loop.outcome import SignalCount, count_signal
from rlsys.loop.ready import ReadyGroup
from rlsys.observe.learnable import SignalAlarm, cut_off_at, last_words, problem_of

ALGORITHM = AlgorithmConfig()
ALL_WRONG = SignalCount(groups=4, without_signal=4, none_right=4, completions=16)
MIXED = SignalCount(groups=4, without_signal=3, none_right=3, completions=16)


def group(rewards: list[float], cut_off: int = 0) -> ReadyGroup:
    values = np.array(rewards)
    truncated = np.arange(len(rewards)) < cut_off
    tokens = np.full(len(rewards), 5)
    return ReadyGroup(0, "p", 0, (), 0, values, values == 1.0, tokens, truncated, None, {}, 0.0)


def test_groups_without_a_signal_and_answers_that_are_cut_off_are_counted() -> None:
    groups = [group([0.0, 0.0], cut_off=2), group([1.0, 1.0]), group([0.0, 1.0], cut_off=1)]
    counted = count_signal(groups, ALGORITHM, 10, beyond_groups=False)
    assert counted == SignalCount(3, 2, all_right=1, none_right=1, completions=6, cut_off=3)
    assert counted + counted == SignalCount(6, 4, 2, 2, 12, 6)


def test_an_answer_without_a_verdict_gives_no_signal() -> None:
    groups = [group([0.0, float("nan"), 0.0])]
    assert count_signal(groups, ALGORITHM, 10, beyond_groups=False).without_signal == 1


@pytest.mark.parametrize(("rewards", "without"), [([0.0, 1.0], 0), ([0.5, 0.5], 2)])
def test_estimators_that_compare_groups_need_no_difference_within_one(
    rewards: list[float], without: int
) -> None:
    groups = [group([reward, reward]) for reward in rewards]
    assert count_signal(groups, ALGORITHM, 10, beyond_groups=True).without_signal == without


def test_the_warning_comes_after_eight_groups_and_once() -> None:
    alarm = SignalAlarm(128)
    said = [alarm.step(count) for count in (ALL_WRONG, ALL_WRONG, ALL_WRONG)]
    assert [bool(text) for text in said] == [False, True, False]
    assert "in each of 8 all completions earned the same reward" in said[1]
    assert alarm.on


def test_one_group_with_a_signal_takes_the_warning_back_and_it_can_come_again() -> None:
    alarm = SignalAlarm(128)
    steps = [ALL_WRONG, MIXED, ALL_WRONG, ALL_WRONG, MIXED]
    assert [bool(alarm.step(count)) for count in steps] == [False, False, False, True, False]
    assert not alarm.on


def test_steps_of_many_groups_are_judged_one_by_one() -> None:
    alarm = SignalAlarm(128)
    large = SignalCount(groups=64, without_signal=64, none_right=64, completions=512)
    assert alarm.step(large)
    assert not alarm.step(replace(large, without_signal=63))
    assert alarm.step(large)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"none_right": 4}, "No completion was right: take easier data"),
        ({"all_right": 4}, "Every completion was right: take harder data"),
        ({"all_right": 2, "none_right": 2}, "a larger loop.group_size"),
        (
            {"none_right": 4, "cut_off": 15},
            "94% of the completions are cut off at sampling.max_tokens",
        ),
    ],
)
def test_the_likely_cause_says_what_to_change(change: dict[str, int], words: str) -> None:
    message = problem_of(replace(SignalCount(4, 4, completions=16), **change), 128)
    assert message.startswith("no group has a signal")
    assert words in message


def test_answers_that_are_cut_off_are_a_problem_with_a_signal_too() -> None:
    count = SignalCount(groups=4, without_signal=1, completions=100, cut_off=90)
    message = problem_of(count, 128)
    assert message.startswith("90% of the completions are cut off at sampling.max_tokens=128")
    assert problem_of(replace(count, cut_off=89), 128) == ""


def test_a_run_that_learns_and_one_without_steps_have_no_problem() -> None:
    assert problem_of(MIXED, 128) == ""
    assert problem_of(SignalCount(), 128) == ""
    assert cut_off_at(128, 0.5) == ""


def test_the_end_of_an_answer_that_was_cut_off_is_shown_with_its_verdict(tmp_path: Path) -> None:
    assert last_words(tmp_path) == ""
    rows = {
        "text": ["done", "and so " * 50],
        "finish_reason": ["stop", "length"],
        "status": ["incorrect", "unparsable"],
        "reason": ["4, not 5", "no final answer"],
    }
    for step, texts in ((1, ["old", "old"]), (12, rows["text"])):
        pq.write_table(pa.table(rows | {"text": texts}), tmp_path / f"step-{step:06d}.parquet")
    shown = last_words(tmp_path)
    assert shown.startswith(". A completion of step-000012.parquet ends: '")
    assert shown.endswith("and so and so '; its verdict: unparsable: no final answer")
    assert len(shown) < 200
