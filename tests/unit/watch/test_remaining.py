"""What is left of a piece of work, as a person is told."""

import time

import pytest

from rlsys.watch.remaining import Remaining, duration


def test_durations_read_as_people_say_them() -> None:
    assert [duration(s) for s in (45, 700, 12_600)] == ["45 s", "12 min", "3.5 h"]


def test_the_time_left_is_at_the_pace_of_what_was_done_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    remaining = Remaining(2_000, done=1_000)
    assert str(remaining) == "1,000 of 2,000 completions"
    now = 110.0
    remaining.add(250)
    assert str(remaining) == "1,250 of 2,000 completions, about 30 s left"
    assert remaining.left_s == 30.0
    remaining.add(750)
    assert str(remaining) == "2,000 of 2,000 completions"


def test_nothing_is_estimated_of_work_that_was_done_before() -> None:
    assert Remaining(4, 4).left_s is None
