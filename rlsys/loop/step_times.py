"""What steps take, with one bound and one lead, and whether others made them shorter.

A bound b makes the learner's waits periodic: of b + 1 steps one waits for the longest completion of
those that were admitted together. So steps are counted by whole cycles of b + 1, and how much
cycles differ from one another says what chance makes of a comparison.
"""

from dataclasses import astuple, dataclass
from math import sqrt

_LEAST_WORK = 1e-3
"""Share of the time below which the learner's own work tells nothing: it may be rounding."""
_FORGET = 0.5
"""Share of older cycles' weight that is left when newer ones are added: lengths and speeds change
during a run."""


@dataclass(frozen=True)
class Waited:
    """Where the time of some steps went, in seconds."""

    steps: int = 0
    passed_s: float = 0.0
    for_old_s: float = 0.0
    """The learner waited for an old group, while enough others were ready."""
    for_any_s: float = 0.0
    """It waited for any, since too few were ready."""

    def __add__(self, other: "Waited") -> "Waited":
        return Waited(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class StepTimes:
    """Sums over cycles of steps; newer cycles weigh more."""

    steps: float = 0.0
    passed_s: float = 0.0
    for_old_s: float = 0.0
    for_any_s: float = 0.0
    cycles: float = 0.0
    squares: float = 0.0
    """Of each cycle's seconds per step."""

    def with_cycle(self, cycle: Waited) -> "StepTimes":
        """One more cycle."""
        return self + StepTimes(
            cycle.steps,
            cycle.passed_s,
            cycle.for_old_s,
            cycle.for_any_s,
            cycles=1.0,
            squares=(cycle.passed_s / cycle.steps) ** 2,
        )

    def older(self) -> "StepTimes":
        """The same with less weight."""
        return StepTimes(*(_FORGET * value for value in astuple(self)))

    def __add__(self, other: "StepTimes") -> "StepTimes":
        return StepTimes(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def step_s(self) -> float:
        """Of a step in the mean."""
        return self.passed_s / self.steps

    @property
    def old_share(self) -> float:
        """Of the time, in which an old group was waited for."""
        return self.for_old_s / self.passed_s

    @property
    def any_share(self) -> float:
        """Of the time, in which any group was waited for."""
        return self.for_any_s / self.passed_s

    @property
    def work_share(self) -> float:
        """Of the time, in which the learner did not wait for groups."""
        return 1 - self.old_share - self.any_share

    def error(self, other: "StepTimes") -> float:
        """Relative standard error of `step_s`. A single cycle says nothing of that: as if its steps
        differed as the other's do."""
        if self.cycles <= 1:
            return 0.0 if other.cycles <= 1 else other.error(self) * sqrt(other.steps / self.steps)
        variance = max(0.0, self.squares / self.cycles - self.step_s**2)
        return sqrt(variance / (self.cycles - 1)) / self.step_s


def saved(before: StepTimes, after: StepTimes) -> float:
    """Share of a step's time that was saved, as far as waiting is what was saved.

    Shorter completions make steps shorter, too, and a check of held-out prompts in one of the two
    makes its steps longer; neither changes what the learner waits beside its work as much. So of
    the share by which steps are shorter, and that by which they are shorter for the same seconds
    of the learner not waiting, it is the smaller one.
    """
    steps = after.step_s / before.step_s
    if min(before.work_share, after.work_share) < _LEAST_WORK:
        return 1 - steps
    return 1 - max(steps, before.work_share / after.work_share)


def chance(before: StepTimes, after: StepTimes) -> float:
    """Share by which two times may differ if nothing has changed: its standard error."""
    return sqrt(before.error(after) ** 2 + after.error(before) ** 2)
