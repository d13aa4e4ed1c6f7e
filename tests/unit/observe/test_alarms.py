"""Alarms that look at several steps, and a run that ends and resumes between them."""

import json
import re
from dataclasses import replace

import pytest

from rlsys.config.observe import ObserveConfig
from rlsys.loop.outcome import SignalCount
from rlsys.observe.alarms import Alarms
from rlsys.observe.shares import SHARES
from tests.helpers.places import ROOT

CONFIG = ObserveConfig(length_alarm_window=2)

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
    alarms = Alarms(CONFIG, 128)
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
    first, second = Alarms(CONFIG, 128), Alarms(CONFIG, 128)
    before = seen(first, STEPS[:end])
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert before + seen(second, STEPS[end:]) == seen(Alarms(CONFIG, 128), STEPS)


def test_a_window_made_smaller_at_the_resume_looks_at_the_newest_steps() -> None:
    wide, narrow = ObserveConfig(length_alarm_window=10), ObserveConfig(length_alarm_window=2)
    first, second = Alarms(wide, 128), Alarms(narrow, 128)
    for length in (90.0, 90.0, 20.0, 20.0, 30.0):
        first.step(1, SOME, figures(length))
    second.load_state_dict(first.state_dict())
    # 20, 20 | 30, 30: the first two steps no longer count.
    assert "from 20.0 to 30.0 tokens" in second.step(1, SOME, figures(30.0))["length_inflation"]


def test_a_figure_that_goes_in_and_out_is_said_once_in_ten_steps() -> None:
    alarms, said = Alarms(ObserveConfig(), 128), []
    for step, kl in enumerate([2.0, 0.1] * 4 + [0.1] * 12 + [2.0, 0.1, 2.0], start=1):
        length = {"completion/mean_tokens": 20.0, "reward/accuracy": 0.5}
        if alarms.step(step, SOME, length | {"policy/kl": kl}):
            said.append(step)
        if step == 4:
            state = json.loads(json.dumps(alarms.state_dict()))
            alarms = Alarms(ObserveConfig(), 128)
            alarms.load_state_dict(state)
    assert said == [1, 21]


def told(alarms: Alarms, *steps: dict[str, float]) -> list[dict[str, str]]:
    return [
        alarms.step(number, SOME, figures(20.0) | more)
        for number, more in enumerate(steps, start=1)
    ]


@pytest.mark.parametrize("name", SHARES)
def test_a_share_that_is_too_large_in_the_mean_of_some_steps_is_told(name: str) -> None:
    metric = SHARES[name].metric
    alarms = Alarms(ObserveConfig(share_window=2, truncated=0.5, preempted=0.5), 128)
    # One step says nothing; the means are 0.5, 0.75 and 0.85.
    steps = [{metric: share} for share in (0.1, 0.9, 0.6, 0.9, 0.8, 0.0)]
    said = [[of for of in step if of == name] for step in told(alarms, *steps)]
    assert said == [[], [], [name], [], [], []]
    assert alarms.metrics()[f"alarm/{name}"] == 0


def test_roles_that_take_turns_may_wait() -> None:
    alarms = Alarms(ObserveConfig(share_window=1), 128, is_synchronous=True)
    waits = {"time/learner/ready groups": 0.9, "time/rollout/slots": 0.9}
    (step,) = told(alarms, waits | {"completion/truncated": 0.4})
    assert list(step) == ["truncated"]
    assert step["truncated"].startswith(
        "warning: 40% of the completions are cut off before their end (observe.truncated=0.33): "
    )


def test_every_warning_ends_with_a_page_that_is_there() -> None:
    alarms = Alarms(ObserveConfig(share_window=1, length_alarm_window=2), 128)
    bad = {f"policy/{name}": float("nan") for name in ("kl", "entropy", "ratio", "gradient_norm")}
    bad |= {"policy/effective_sample_size": 0.0, "experts/starved": 0.9} | {
        one.metric: 0.9 for one in SHARES.values()
    }
    lines = [
        line
        for length in (20.0, 20.0, 30.0, 30.0)
        for line in alarms.step(
            1, replace(NOTHING, groups=8, without_signal=8), figures(length) | bad
        ).values()
    ]
    assert len(lines) == len(alarms.metrics())
    for line in lines:
        found = re.search(r"\((docs/\w+\.md)(?:#([\w-]+))?\)$", line)
        assert found is not None, line
        page = (ROOT / found[1]).read_text()
        headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
        assert found[2] is None or found[2] in slugs
