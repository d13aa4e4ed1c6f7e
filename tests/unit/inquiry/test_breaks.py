"""Chow's test, and how many of its findings hold together."""

import numpy as np
import pytest

from rlsys.inquiry.breaks import beyond_noise, break_of


def test_a_jump_by_hand() -> None:
    """RSS1 is 4 x 0.5 = 2 around two level lines, RSS0 that of the one line through both.

    y = 0 1 0 1 | 10 11 10 11: both lines have the slope 0.2, RSS1 = 2 (1 - 0.2) = 1.6. The one line
    has the slope 68 / 42 through 5.375 - 0.875 = ...; numpy has it as 17.9048.
    """
    values = [0.0, 1.0, 0.0, 1.0, 10.0, 11.0, 10.0, 11.0]
    found = break_of(values[:4], values[4:])
    assert found is not None
    line = np.polyfit(np.arange(8), values, 1)
    whole = float(((np.polyval(line, np.arange(8)) - values) ** 2).sum())
    ratio = (whole - 1.6) / 1.6
    assert (found.before, found.after) == (0.5, 10.5)
    assert found.p_value == pytest.approx((1 + ratio) ** -2)


def test_a_trend_that_goes_on_is_no_break() -> None:
    random = np.random.default_rng(0)
    values = np.arange(20) / 10 + random.normal(0, 0.01, 20)
    found = break_of(values[:10], values[10:])
    assert found is not None
    assert found.p_value > 0.05


def test_a_trend_that_turns_is_one() -> None:
    random = np.random.default_rng(0)
    values = -np.abs(np.arange(20) - 10.0) + random.normal(0, 0.3, 20)
    found = break_of(values[:10], values[10:])
    assert found is not None
    assert found.p_value < 1e-6


@pytest.mark.parametrize("values", [[0.0] * 20, [3.0] * 20])
def test_what_stays_as_it_is_does_not_break(values: list[float]) -> None:
    found = break_of(values[:10], values[10:])
    assert found is not None
    assert found.p_value == 1.0


def test_a_schedules_curve_is_no_break_and_ten_times_the_rate_is_one() -> None:
    cosine = 0.5 * (1 + np.cos(np.pi * np.arange(100, 120) / 400))
    smooth = break_of(cosine[:10], cosine[10:])
    jump = break_of([1e-4] * 10, [1e-3] * 10)
    assert smooth is not None
    assert jump is not None
    assert smooth.p_value > 0.5
    assert jump.p_value < 1e-9


def test_gaps_are_left_out_and_too_few_steps_say_nothing() -> None:
    nan = float("nan")
    assert break_of([1.0, nan, nan, 2.0], [5.0, 5.0, 5.0]) is None
    assert break_of([1.0, nan, 2.0, 1.0], [5.0, 5.1, 5.0]) is not None


def test_the_level_is_that_of_all_tests_together() -> None:
    """Pure noise: 200 times 50 figures, of which any is found in at most 1 of 100 times or so."""
    random = np.random.default_rng(0)
    false = 0
    for _ in range(200):
        found = [break_of(*random.normal(0, 1, (2, 10))) for _ in range(50)]
        false += any(beyond_noise([one.p_value for one in found if one], 0.01))
    assert false <= 7  # of a binomial law of 200 and 0.01 more than 7 come once in 1,000 times


def test_holms_levels_by_hand() -> None:
    assert beyond_noise([0.04, 0.001, 0.02], 0.05) == [True, True, True]
    assert beyond_noise([0.04, 0.03, 0.001], 0.05) == [False, False, True]
