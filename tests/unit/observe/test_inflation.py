import numpy as np
import pytest

from rlsys.config.observe import ObserveConfig
from rlsys.observe.inflation import LengthAlarm


def alarms(lengths: list[float], rates: list[float], window: int = 3) -> list[str]:
    alarm = LengthAlarm(ObserveConfig(length_alarm_window=window, length_alarm_growth=0.1))
    return [alarm.step(n, rate) for n, rate in zip(lengths, rates, strict=True)]


def test_longer_answers_that_are_no_more_often_right_raise_the_alarm_once() -> None:
    lines = alarms([20, 20, 20, 22, 23, 24, 25], [0.5] * 7)
    # Means 20 and 23 after six steps: 15% longer.
    assert lines[:5] == [""] * 5
    assert lines[5].startswith(
        "length-inflation: over 3 steps completions grew from 20.0 to 23.0 tokens while "
        "pass@1 went from 0.500 to 0.500"
    )
    assert lines[6] == ""


def test_longer_answers_that_are_more_often_right_do_not() -> None:
    assert alarms([20, 20, 20, 40, 40, 40], [0.3, 0.31, 0.3, 0.5, 0.52, 0.5]) == [""] * 6


def test_a_rise_within_its_own_noise_is_none() -> None:
    # Variances 0.01 and 0.01, windows of 3: a standard error of sqrt(0.02 / 3) = 0.082.
    before, last = [0.4, 0.5, 0.6], [0.48, 0.58, 0.68]
    assert alarms([20] * 3 + [30] * 3, before + last)[-1] != ""
    assert alarms([20] * 3 + [30] * 3, before + [x + 0.01 for x in last])[-1] == ""


@pytest.mark.filterwarnings("error")
def test_windows_of_one_step_compare_two_steps_without_noise() -> None:
    assert alarms([20, 30], [0.5, 0.5], window=1)[-1].startswith("length-inflation: over 1 steps")
    assert alarms([20, 30], [0.5, 0.6], window=1) == ["", ""]


def test_answers_of_steady_or_falling_length_do_not() -> None:
    assert alarms([20, 21, 20, 21, 22, 21], [0.5] * 6) == [""] * 6
    assert alarms([30, 30, 30, 20, 20, 20], [0.5, 0.5, 0.5, 0.1, 0.1, 0.1]) == [""] * 6


def test_the_alarm_goes_off_and_on_again() -> None:
    lengths = [20, 20, 20, 30, 30, 30, 30, 30, 30, 40, 40, 40]
    alarm = LengthAlarm(ObserveConfig(length_alarm_window=3, length_alarm_growth=0.1))
    said, state = [], []
    for length in lengths:
        said.append(alarm.step(length, 0.5) != "")
        state.append(alarm.on)
    assert np.flatnonzero(said).tolist() == [5, 9]
    assert np.flatnonzero(state).tolist() == [5, 6, 7, 9, 10, 11]


@pytest.mark.parametrize("window", [0])
def test_a_window_of_no_steps_switches_it_off(window: int) -> None:
    assert alarms([10, 20, 40, 80], [0.5] * 4, window) == [""] * 4
