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
_FEW = 16
"""Steps in which completions begin, below which nothing is said of what that takes."""
_QUANTILE = 0.1
"""Of steps, that are quicker than the law says."""
_ROUNDS = 30
"""Of weighted least squares; in the last ones the law moves by a thousandth."""
_NO_ERROR = 1e-3
"""Relative errors below it count alike."""


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
    """The law that one step in ten is quicker than: quantile regression (Koenker and Bassett,
    Regression quantiles, 1978, eq. 1.6) of relative errors. It is what a step takes that has its
    device to itself: steps in which another process has the core, or new weights come, are slower,
    by what is no property of the engine. On a device of its own the quantiles are close together.

    Args:
        steps: [N, 3] completions that got a token, of these the ones that began, seconds.
    Returns: None where the steps are too few or their batches too much alike to tell.
    """
    if len(steps) < _LEAST:
        return None
    smallest, largest = np.quantile(steps[:, 0], (0.1, 0.9))
    if largest < _WIDE * smallest:
        return None
    begin = steps[:, 1] > 0
    with_prompts = int(begin.sum()) >= _FEW
    if not with_prompts:
        steps = steps[~begin]
    columns = np.stack([np.ones(len(steps)), *steps[:, : 1 + with_prompts].T], axis=1)
    return StepLaw(*_not_negative(columns / steps[:, 2:]))


def _not_negative(scaled: np.ndarray) -> list[float]:
    """[K] coefficients x of the quantile's scaled @ x = 1; those that would be below 0 are 0."""
    used = list(range(scaled.shape[1]))
    while (found := _quantile(scaled[:, used])).min() < 0:
        used.pop(int(np.argmin(found)))
    result = [0.0] * scaled.shape[1]
    for place, value in zip(used, found, strict=True):
        result[place] = float(value)
    return result


def _quantile(scaled: np.ndarray) -> np.ndarray:
    """[K], by iteratively reweighted least squares."""
    weights = np.ones(len(scaled))
    for _ in range(_ROUNDS):
        weighted = scaled * weights[:, None]
        found = np.linalg.solve(weighted.T @ weighted, weighted.T @ weights)
        off = scaled @ found - 1
        share = np.where(off > 0, 1 - _QUANTILE, _QUANTILE)
        # A weight by an error's own root makes the square of it the error itself.
        weights = np.sqrt(share / np.maximum(np.abs(off), _NO_ERROR))
    return found
