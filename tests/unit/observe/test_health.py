"""Figures of a step that leave their range are said, counted, and stop a run that stays outside."""

import json
import math

import pytest

from rlsys.config.observe import ObserveConfig
from rlsys.observe.columns import cells, headings, that_fit
from rlsys.observe.health import WATCHED, HealthAlarm

HEALTHY = {
    "policy/kl": 0.02,
    "policy/effective_sample_size": 0.97,
    "policy/entropy": 0.1,
    "policy/ratio": 1.0,
    "policy/gradient_norm": 0.5,
    "experts/starved": 0.0,
}
# A run without a reward, whose steps followed the rounding of its KL term.
RUINED = HEALTHY | {
    "policy/kl": 184.0,
    "policy/effective_sample_size": 0.0016,
    "policy/gradient_norm": 11.3,
    "experts/starved": 0.4,
}


def run(alarm: HealthAlarm, steps: list[dict[str, float]]) -> list[list[str]]:
    return [
        list(alarm.step(number, metrics).values()) for number, metrics in enumerate(steps, start=1)
    ]


@pytest.mark.parametrize("kl", [0.0, 0.2])
@pytest.mark.parametrize("ess", [0.9, 1.0])
@pytest.mark.parametrize(("entropy", "norm"), [(0.02, 0.1), (0.2, 1.2), (0.2, 0.0)])
def test_a_healthy_run_never_alarms(kl: float, ess: float, entropy: float, norm: float) -> None:
    alarm = HealthAlarm(ObserveConfig())
    figures = (kl, ess, entropy, 1.0, norm, 0.4)
    steps = [dict(zip(WATCHED.values(), figures, strict=True))] * 40
    assert not any(run(alarm, steps))
    assert not any(alarm.metrics().values())
    assert alarm.summary() == []
    assert alarm.verdict(steps[0]) is None


def test_a_figure_outside_warns_when_it_leaves_and_is_counted_while_it_is_out() -> None:
    alarm = HealthAlarm(ObserveConfig())
    out, further = HEALTHY | {"policy/kl": 2.0}, HEALTHY | {"policy/kl": 3.0}
    said = run(alarm, [HEALTHY, out, further, HEALTHY, out])
    advice = "where it keeps growing, a lower learner.optimizer.learning_rate or a higher "
    advice += "algorithm.kl.coefficient"
    warning = [f"policy/kl=2.00 outside observe.kl.most=1: {advice}"]
    assert said == [[], warning, [], [], warning]
    assert alarm.metrics()["alarm/kl"] == 1
    assert sum(alarm.metrics().values()) == 1
    assert alarm.summary() == [
        "policy/kl outside observe.kl.most=1 in 3 steps, worst 3.00 at step 3"
    ]


@pytest.mark.parametrize(
    ("name", "value", "bounds"),
    [
        ("effective_sample_size", 0.29, "least=0.3"),
        ("entropy", 4.1, "least=0.0001 and most=4"),
        ("entropy", 0.0, "least=0.0001 and most=4"),
        ("ratio", 0.7, "least=0.8 and most=1.25"),
        ("ratio", 1.3, "least=0.8 and most=1.25"),
        ("gradient_norm", 21.0, "most=20"),
        ("gradient_norm", math.nan, "most=20"),
        ("starved_experts", 0.5, "most=0.45"),
        ("kl", math.inf, "most=1"),
    ],
)
def test_each_figure_has_a_range(name: str, value: float, bounds: str) -> None:
    alarm = HealthAlarm(ObserveConfig())
    ((setting, warning),) = alarm.step(1, HEALTHY | {WATCHED[name]: value}).items()
    assert setting == name
    assert f"outside observe.{name}.{bounds}: " in warning


def test_steps_in_a_row_beyond_the_stop_bounds_stop_the_run_and_say_which() -> None:
    alarm = HealthAlarm(ObserveConfig())
    run(alarm, [HEALTHY, RUINED, RUINED, HEALTHY])
    assert not alarm.is_beyond
    run(alarm, [RUINED] * 4)
    assert alarm.is_beyond
    assert alarm.verdict(RUINED) is None
    alarm.step(9, RUINED)
    error = alarm.verdict(RUINED)
    assert error
    assert "policy/kl=184 outside observe.kl.stop_above=10" in str(error)
    assert "policy/effective_sample_size=0.0016 outside" in str(error)
    assert "gradient_norm" not in str(error)
    assert "for 5 steps in a row (observe.stop_after)" in str(error)


def test_a_figure_that_is_no_number_stops_a_run_too() -> None:
    alarm = HealthAlarm(ObserveConfig(stop_after=2))
    broken = HEALTHY | {"policy/gradient_norm": math.nan}
    run(alarm, [broken, broken])
    assert "policy/gradient_norm=nan" in str(alarm.verdict(broken))


def test_bounds_are_settings_and_zero_steps_never_stop() -> None:
    config = ObserveConfig(stop_after=0)
    config.kl.most = None
    alarm = HealthAlarm(config)
    said = run(alarm, [RUINED] * 20)
    assert not any("kl" in text for text in said[0])
    assert alarm.verdict(RUINED) is None
    assert not alarm.is_beyond


def test_a_run_that_resumes_goes_on_counting() -> None:
    whole, first, second = (HealthAlarm(ObserveConfig()) for _ in range(3))
    steps = [HEALTHY, RUINED, HEALTHY | {"policy/kl": math.inf}, RUINED, RUINED, RUINED]
    run(whole, steps)
    run(first, steps[:3])
    second.load_state_dict(json.loads(json.dumps(first.state_dict(), allow_nan=False)))
    for number, metrics in enumerate(steps[3:], start=4):
        second.step(number, metrics)
    assert second.summary() == whole.summary()
    assert str(second.verdict(RUINED)) == str(whole.verdict(RUINED))


def test_what_a_step_lacks_is_not_outside() -> None:
    """Without a reference there is no KL, and ZeRO 0 keeps no norm."""
    alarm = HealthAlarm(ObserveConfig())
    assert alarm.step(1, {"policy/ratio": 1.0}) == {}


def test_the_line_of_a_step_marks_a_figure_whose_alarm_is_on() -> None:
    columns = [
        column for column in that_fit(1000, with_late=True) if column.heading in ("KL", "ESS")
    ]
    alarm = HealthAlarm(ObserveConfig())
    alarm.step(1, RUINED)
    line = cells(columns, RUINED | alarm.metrics())
    assert line == "    !184!0.00"
    assert len(line) == len(headings(columns))
    assert "!" not in cells(columns, RUINED)
