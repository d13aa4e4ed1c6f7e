"""How a stretch of time went, part by part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.watch.course import BINS, LEAST_S, PARTS, Course

STRETCHES = st.lists(
    st.tuples(st.sampled_from(["busy", "slots", "weights"]), st.floats(0.0, 50.0)), max_size=40
)


@given(STRETCHES)
def test_each_part_is_wholly_in_some_state(stretches: list[tuple[str, float]]) -> None:
    course = Course()
    for state, seconds in stretches:
        course.book(state, seconds)
    parts = course.parts()
    passed = sum(seconds for _, seconds in stretches)
    if passed < 1e-6:
        return
    for shares in zip(*parts.values(), strict=True):
        assert sum(shares) == pytest.approx(1.0, abs=1e-6)
    for state in parts:
        seconds = sum(s for name, s in stretches if name == state)
        assert sum(parts[state]) * passed / PARTS == pytest.approx(seconds, abs=1e-6 * passed)


@given(STRETCHES)
def test_a_state_is_told_where_it_was_to_within_a_bin(stretches: list[tuple[str, float]]) -> None:
    """No part in which a state never was, and which no bin of it reaches, has any of it."""
    course = Course()
    at, spans = 0.0, []
    for state, seconds in stretches:
        course.book(state, seconds)
        spans.append((state, at, at + seconds))
        at += seconds
    blur = max(2 * at / BINS, LEAST_S)
    for state, shares in course.parts().items():
        own = [(begin - blur, end + blur) for name, begin, end in spans if name == state]
        for index, share in enumerate(shares):
            begin, end = index * at / PARTS, (index + 1) * at / PARTS
            if share > 1e-9:
                assert any(first < end and begin < last for first, last in own)


def test_a_wait_at_the_end_is_not_many_short_ones() -> None:
    at_the_end, short = Course(), Course()
    at_the_end.book("busy", 8.0)
    at_the_end.book("slots", 2.0)
    for _ in range(100):
        short.book("busy", 0.08)
        short.book("slots", 0.02)
    last = PARTS // 5
    assert at_the_end.parts()["slots"] == pytest.approx((0.0,) * (PARTS - last) + (1.0,) * last)
    assert short.parts()["slots"] == pytest.approx((0.2,) * PARTS, abs=0.05)


def test_without_time_there_are_no_parts() -> None:
    course = Course()
    assert course.parts() == {}
    course.book("busy", 0.0)
    assert course.parts() == {}
