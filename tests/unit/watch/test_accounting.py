import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.watch.accounting import Accounting, Times
from rlsys.watch.course import PARTS


class HandClock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_idle_time_is_a_wait_for_what_the_clock_is_idle_for() -> None:
    now = HandClock()
    accounting = Accounting("rollouts", now)
    now.seconds += 3.0
    with accounting.busy():
        now.seconds += 2.0
    now.seconds += 1.0
    assert accounting.times() == Times(busy_s=2.0, wall_s=6.0, waits={"rollouts": 4.0})


def test_without_idle_time_all_but_named_waits_is_busy() -> None:
    now = HandClock()
    accounting = Accounting(None, now)
    now.seconds += 3.0
    with accounting.waiting("learner"):
        now.seconds += 2.0
    now.seconds += 4.0
    assert accounting.times() == Times(7.0, 9.0, {"learner": 2.0})


def test_overlapping_calls_are_busy_once() -> None:
    now = HandClock()
    accounting = Accounting("slots", now)
    with accounting.busy():
        now.seconds += 1.0
        with accounting.busy():
            now.seconds += 2.0
        now.seconds += 4.0
    times = accounting.times()
    assert (times.busy_s, times.wall_s) == (7.0, 7.0)


def test_a_look_tells_how_the_time_since_the_look_before_went() -> None:
    now = HandClock()
    accounting = Accounting("slots", now)
    with accounting.busy():
        now.seconds += 10.0
    times, parts = accounting.look()
    assert times == accounting.times()
    assert list(parts) == ["busy"]
    assert parts["busy"] == pytest.approx((1.0,) * PARTS)
    now.seconds += 1.0
    with accounting.busy():
        now.seconds += 1.0
    _, parts = accounting.look()
    half = PARTS // 2
    assert parts["slots"] == pytest.approx((1.0,) * half + (0.0,) * half)
    assert parts["busy"] == pytest.approx((0.0,) * half + (1.0,) * half)
    assert accounting.look()[1] == {}


def test_a_named_wait_inside_a_call_is_not_busy_time() -> None:
    now = HandClock()
    accounting = Accounting("slots", now)
    with accounting.busy():
        now.seconds += 1.0
        with accounting.waiting("weights"):
            now.seconds += 5.0
        now.seconds += 2.0
    times = accounting.times()
    assert times.busy_s == 3.0
    assert times.waits["weights"] == 5.0


def test_a_call_that_raises_ends_its_busy_time() -> None:
    now = HandClock()
    accounting = Accounting("slots", now)

    def fail() -> None:
        with accounting.busy(), accounting.waiting("weights"):
            now.seconds += 1.0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    now.seconds += 2.0
    assert accounting.times() == Times(0.0, 3.0, {"slots": 2.0, "weights": 1.0})


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["busy", "waiting", "end", "look"]),
            st.integers(0, 100),
            st.sampled_from(["weights", "locks"]),
        ),
        max_size=30,
    )
)
def test_busy_and_waits_always_add_up_to_wall_time(
    events: list[tuple[str, int, str]],
) -> None:
    now = HandClock()
    accounting = Accounting("slots", now)
    opened = []
    for kind, seconds, name in events:
        now.seconds += seconds
        if kind == "end" and opened:
            opened.pop(0).__exit__(None, None, None)
        elif kind in ("busy", "waiting"):
            block = accounting.busy() if kind == "busy" else accounting.waiting(name)
            block.__enter__()
            opened.append(block)
        else:
            accounting.times()
    times = accounting.times()
    assert times.wall_s == sum(seconds for _, seconds, _ in events)
    assert times.busy_s + sum(times.waits.values()) == times.wall_s


def test_times_of_a_role_are_added_and_subtracted_wait_by_wait() -> None:
    one = Times(1.0, 4.0, {"slots": 3.0})
    two = Times(2.0, 7.0, {"weights": 5.0})
    assert one + two == Times(3.0, 11.0, {"slots": 3.0, "weights": 5.0})
    assert (one + two) - one == Times(2.0, 7.0, {"slots": 0.0, "weights": 5.0})
