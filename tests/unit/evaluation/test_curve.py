from pathlib import Path

import pytest

from rlsys.errors import DiskError
from rlsys.evaluation.curve import Curve, gain
from rlsys.evaluation.heldout import HeldOut


def check(step: int, newest: int | None = None, **rates: float) -> HeldOut:
    versions = (step, step if newest is None else newest)
    return HeldOut(step, 0.5, 0.25, 0.75, 16, 2, 8.5, 0.125, versions, rates)


def test_checks_come_back_from_the_disk_by_their_steps(tmp_path: Path) -> None:
    curve = Curve(tmp_path)
    # The check of step 20 may end before that of step 10.
    for one in (check(0), check(20, p0=0.25), check(10, 12, p0=0.5)):
        curve.add(one)
    assert (
        Curve(tmp_path).checks
        == curve.checks
        == [check(0), check(10, 12, p0=0.5), check(20, p0=0.25)]
    )
    assert curve.at(10) == check(10, 12, p0=0.5)
    assert curve.at(11) is None


def test_half_a_line_of_a_killed_driver_is_no_check(tmp_path: Path) -> None:
    curve = Curve(tmp_path)
    curve.add(check(0))
    with curve.path.open("a") as file:
        file.write('{"step": 10, "pass_a')
    assert Curve(tmp_path).checks == [check(0)]


@pytest.mark.parametrize(
    ("done", "step", "every", "again"),
    [
        ([0], 10, 10, 10),  # killed during the check of step 10, resumed from there
        ([0], 15, 10, 10),
        ([0, 10], 15, 10, None),
        ([0, 10], 20, 10, 20),
        ([0, 15], 15, 10, None),  # that of step 10 was made again at 15, and then a kill once more
        ([0], 7, 10, None),  # none was due yet
        ([0], 15, 0, None),
        ([], 0, 10, None),
    ],
)
def test_the_check_that_a_kill_interrupted_is_told(
    tmp_path: Path, done: list[int], step: int, every: int, again: int | None
) -> None:
    curve = Curve(tmp_path)
    for one in done:
        curve.add(check(one))
    assert curve.interrupted(step, every) == again


def test_a_gain_is_paired_over_the_prompts_that_both_checks_have() -> None:
    # All prompts gain a quarter, so the interval has no width, however far apart the prompts are.
    first = check(0, a=0.0, b=0.5, c=0.75, only_first=1.0)
    last = check(9, a=0.25, b=0.75, c=1.0, only_last=0.0)
    found = gain(first, last)
    assert found is not None
    assert (found.mean, found.low, found.high, found.problems) == (0.25, 0.25, 0.25, 3)
    assert str(found) == "+0.250 [+0.250, +0.250]"
    assert gain(check(0, a=1.0), check(9, b=1.0)) is None


def test_a_check_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "gone")
    with pytest.raises(DiskError, match=r"heldout\.jsonl could not be written"):
        curve.add(check(0))
