"""Alarms that look at several steps, and a run that ends and resumes between them."""

import json
from dataclasses import replace

import pytest

from rlsys.config.run import RunConfig
from rlsys.loop.outcome import SignalCount
from rlsys.observe.alarms import Alarms

CONFIG = RunConfig()
CONFIG.observe.length_alarm_window = 2

NOTHING = SignalCount(groups=2, without_signal=2, none_right=2, completions=8)
SOME = replace(NOTHING, without_signal=1, none_right=1)
# Lengths 20, 20 | 30, 30 put one alarm on at step 4; four steps without a signal the other, at 5.
STEPS = [
    (SOME, 20.0),
    (NOTHING, 20.0),
    (NOTHING, 30.0),
    (NOTHING, 30.0),
    (NOTHING, 30.0),
    (NOTHING, 30.0),
    (SOME, 30.0),
]


def figures(length: float) -> dict[str, float]:
    return {"completion/mean_tokens": length, "reward/accuracy": 0.5, "policy/kl": length / 20}


def seen(alarms: Alarms, steps: list[tuple[SignalCount, float]]) -> list[object]:
    """Of each step, what the alarms say and their metrics."""
    return [(alarms.step(1, signal, figures(length)), alarms.metrics()) for signal, length in steps]


def test_each_alarm_warns_once_and_has_a_metric_while_it_is_on() -> None:
    alarms = Alarms(CONFIG)
    said, nothing, longer = [], [], []
    for signal, length in STEPS:
        said.append(
            [text.split(":")[1] for text in alarms.step(1, signal, figures(length)).values()]
        )
        nothing.append(alarms.metrics()["alarm/nothing_to_learn"])
        longer.append(alarms.metrics()["alarm/length_inflation"])
    assert said == [
        [],
        [],
        [" policy/kl=1.50 outside observe.kl.most=1"],
        [" length-inflation"],
        [" no group has a signal"],
        [],
        [],
    ]
    assert longer == [0, 0, 0, 1, 1, 0, 0]
    assert nothing == [0, 0, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("end", range(len(STEPS) + 1))
def test_a_run_resumed_after_any_step_warns_as_one_that_never_ended(end: int) -> None:
    first, second = Alarms(CONFIG), Alarms(CONFIG)
    before = seen(first, STEPS[:end])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert before + seen(second, STEPS[end:]) == seen(Alarms(CONFIG), STEPS)


def test_a_window_made_smaller_at_the_resume_looks_at_the_newest_steps() -> None:
    wide, narrow = RunConfig(), RunConfig()
    wide.observe.length_alarm_window, narrow.observe.length_alarm_window = 10, 2
    first, second = Alarms(wide), Alarms(narrow)
    for length in (90.0, 90.0, 20.0, 20.0, 30.0):
        first.step(1, SOME, figures(length))
    second.load_state_dict(first.state_dict())
    # 20, 20 | 30, 30: the first two steps no longer count.
    assert "from 20.0 to 30.0 tokens" in second.step(1, SOME, figures(30.0))["length_inflation"]


def test_a_figure_that_goes_in_and_out_is_said_once_in_ten_steps() -> None:
    alarms, said = Alarms(RunConfig()), []
    for step, kl in enumerate([2.0, 0.1] * 4 + [0.1] * 12 + [2.0, 0.1, 2.0], start=1):
        length = {"completion/mean_tokens": 20.0, "reward/accuracy": 0.5}
        if alarms.step(step, SOME, length | {"policy/kl": kl}):
            said.append(step)
        if step == 4:
            state = json.loads(json.dumps(alarms.state_dict()))
            alarms = Alarms(RunConfig())
            alarms.load_state_dict(state)
    assert said == [1, 21]
