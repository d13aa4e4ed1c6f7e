"""What a step of a sampler's engine takes, fitted to the steps that it did.

    seconds = step_s + n * sequence_s + k * begin_s

n completions get a token in the step. k of them begin in it, so their prompts are computed.
"""

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

_KEPT = 1024
"""Steps that a law is fitted to, 24 KB: which of all steps is left to chance, so that what is kept
stands for the whole run and does not grow."""
_LEAST = 64
"""Steps without which nothing is said."""
_WIDE = 2.0
"""Nine in ten batches over one in ten, from which on batches tell a law's slope."""
_LEAST_BEGUN = 8
"""The same of steps in which completions begin."""
_ROUNDS = 30
"""Of weighted least squares, after which step_s of runs of 300 steps was within 3 % of where it
ends, and the other two within 1 %."""
_NO_ERROR = 1e-3
"""Relative errors below it count alike."""
_LEAST_SAID = 0.05
"""Of a step's seconds: a line that is not fitted yet may say less than nothing."""


@dataclass(frozen=True)
class StepLaw:
    """Seconds of an engine's step."""

    step_s: float
    """Of any step: reading the weights."""
    sequence_s: float
    """What each completion adds that gets a token in it."""
    begin_s: float = 0.0
    """What each completion adds, once, that begins in it: its prompt."""


def mean_law(laws: Sequence[StepLaw]) -> StepLaw | None:
    """Of equal samplers; None: none of them knows its law."""
    if not laws:
        return None
    return StepLaw(*map(float, np.mean([astuple(law) for law in laws], axis=0)))


class TimedSteps:
    """Some of an engine's steps, each as likely to be kept as the others (reservoir sampling:
    Vitter, Random sampling with a reservoir, 1985, algorithm R)."""

    def __init__(self, seed: int = 0) -> None:
        self.count = 0
        self._kept: list[tuple[int, int, float]] = []
        self._random = random.Random(seed)

    def add(self, sequences: int, begun: int, seconds: float) -> None:
        """One more step: how many completions got a token, how many of these began."""
        self.count += 1
        if len(self._kept) < _KEPT:
            self._kept.append((sequences, begun, seconds))
        elif (place := self._random.randrange(self.count)) < _KEPT:
            self._kept[place] = (sequences, begun, seconds)

    def law(self) -> StepLaw | None:
        """See fitted."""
        return fitted(np.array(self._kept, dtype=np.float64).reshape(-1, 3))


def fitted(steps: np.ndarray) -> StepLaw | None:
    """The law with the least sum of absolute errors, each as a share of what the law says: half of
    the steps are quicker, and one in which new weights come counts no more than others.

    Args:
        steps: [N, 3] completions that got a token, of these the ones that began, seconds.
    Returns: None where the steps are too few or their batches too much alike to tell.
    """
    if len(steps) < _LEAST or (steps[:, 1] > 0).sum() < _LEAST_BEGUN:
        return None
    smallest, largest = np.quantile(steps[:, 0], (0.1, 0.9))
    if largest < _WIDE * smallest:
        return None
    columns = np.stack([np.ones(len(steps)), *steps[:, :2].T], axis=1)
    return StepLaw(*_not_negative(columns, steps[:, 2]))


def _not_negative(columns: np.ndarray, seconds: np.ndarray) -> list[float]:
    """[K] coefficients of the columns; those that would be below 0 are 0."""
    used = list(range(columns.shape[1]))
    while (found := _median(columns[:, used], seconds)).min() < 0:
        used.pop(int(np.argmin(found)))
    result = [0.0] * columns.shape[1]
    for place, value in zip(used, found, strict=True):
        result[place] = float(value)
    return result


def _median(columns: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """[K], by iteratively reweighted least squares."""
    said, off = seconds, np.ones(len(seconds))
    for _ in range(_ROUNDS):
        # A weight by an error's own root makes the square of it the error itself.
        weights = 1 / (said * np.sqrt(np.maximum(off, _NO_ERROR)))
        weighted = columns * weights[:, None]
        # Where the same number begins in every step, its part cannot be told from step_s.
        found, *_ = np.linalg.lstsq(weighted.T @ weighted, weighted.T @ (weights * seconds))
        said = np.maximum(columns @ found, _LEAST_SAID * seconds)
        off = np.abs(said - seconds) / said
    return found
