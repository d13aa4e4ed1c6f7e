"""What a start took is known to the next one, whatever becomes of the file."""

import json
from pathlib import Path

import pytest

from rlsys.watch.start_times import FILE, StartTimes

LOADING = "rollout: vLLM loads the policy (2 x 1 CPUs, 0 GPUs): a/model"


def test_the_next_start_knows_what_the_slowest_member_took(tmp_path: Path) -> None:
    first = StartTimes(tmp_path / "cache")
    assert first.last_s(LOADING) is None
    for seconds in (11.0, 14.04, 12.0):
        first.took(LOADING, seconds)
    assert first.last_s(LOADING) is None  # a start goes by the last one, not by itself
    first.keep()
    assert StartTimes(tmp_path / "cache").last_s(LOADING) == 14.0


def test_a_step_that_is_over_at_once_is_forgotten(tmp_path: Path) -> None:
    for seconds in (14.0, 0.1):
        times = StartTimes(tmp_path)
        times.took(LOADING, seconds)
        times.keep()
    assert StartTimes(tmp_path).last_s(LOADING) is None


def test_two_starts_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    one, other = StartTimes(tmp_path), StartTimes(tmp_path)
    one.took("a", 5.0)
    other.took("b", 6.0)
    one.keep()
    other.keep()
    kept = StartTimes(tmp_path)
    assert (kept.last_s("a"), kept.last_s("b")) == (5.0, 6.0)


def test_the_file_keeps_the_newest_steps_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({f"step {i}": 3.0 for i in range(500)}))
    times = StartTimes(tmp_path)
    times.took("step 0", 4.0)
    times.took("one more", 5.0)
    times.keep()
    kept = StartTimes(tmp_path)
    known = [kept.last_s(f"step {i}") for i in (0, 1, 2)]
    assert (known, kept.last_s("one more")) == ([4.0, None, 3.0], 5.0)


@pytest.mark.parametrize("text", ["", '{"a": 5.0', "[5.0]", '{"a": "5"}', '{"a": -1}'])
def test_a_damaged_file_knows_nothing_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    times = StartTimes(tmp_path)
    assert times.last_s("a") is None
    times.took("a", 5.0)
    times.keep()
    assert StartTimes(tmp_path).last_s("a") == 5.0


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    times = StartTimes(tmp_path / "cache")
    times.took("a", 5.0)
    times.keep()
    assert StartTimes(tmp_path / "cache").last_s("a") is None
