"""Whether a figure broke at a step: one line through both windows, or a line through each.

    H0   y = a + b t                        over both windows
    H1   y = a + b t before the step, y = a' + b' t from it on

Chow's test (Econometrica 28, 1960): F = ((RSS0 - RSS1) / 2) / (RSS1 / (n - 4)), with 2 and n - 4
degrees of freedom, so a trend that goes on is no break, and a jump or a turn is one. With 2 degrees
above, P(F > x) = (1 + 2 x / (n - 4))^(-(n - 4) / 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST = 3
"""Steps of a window below which nothing is said."""
_QUIET = 0.02
"""Noise that every figure is taken to have, as a share of its size: a schedule has none of its own,
and its curve is no break."""


@dataclass(frozen=True)
class Break:
    """What a figure did at a step."""

    before: float
    """Mean over the window before."""
    after: float
    p_value: float
    """Chance of such a break in a figure that goes on as it was."""


def break_of(before: Sequence[float], after: Sequence[float]) -> Break | None:
    """How a figure of one number a step differs between two windows; None: too few steps.

    Args:
        before, after: [W] each, NaN where a step has none.
    """
    values = np.concatenate([before, after]).astype(float)
    steps = np.arange(len(values), dtype=float)
    is_after = steps >= len(before)
    known = np.isfinite(values)
    if min((known & ~is_after).sum(), (known & is_after).sum()) < LEAST:
        return None
    sides = (known & ~is_after, known & is_after)
    mean_before, mean_after = (float(values[side].mean()) for side in sides)
    together = _residuals(steps[known], values[known])
    apart = sum(_residuals(steps[side], values[side]) for side in sides)
    free = int(known.sum()) - 4
    size = max(abs(mean_before), abs(mean_after))
    apart = max(apart, free * (_QUIET * size) ** 2)
    if apart == 0:  # 0 at every step
        return Break(mean_before, mean_after, 1.0)
    ratio = max(0.0, together - apart) / apart  # 2 F / (n - 4)
    return Break(mean_before, mean_after, float((1 + ratio) ** (-free / 2)))


def _residuals(steps: np.ndarray, values: np.ndarray) -> float:
    """Sum of squares around the best line."""
    centred, above = steps - steps.mean(), values - values.mean()
    slope = (centred @ above) / (centred @ centred)
    return float(((above - slope * centred) ** 2).sum())


def beyond_noise(p_values: Sequence[float], level: float) -> list[bool]:
    """Which of several tests hold together: Holm's step-down (Scand. J. Statist. 6, 1979), so that
    the chance of any false one among them is at most `level`."""
    order = np.argsort(p_values, kind="stable")
    holds = [False] * len(p_values)
    for rank, at in enumerate(order):
        if p_values[at] > level / (len(p_values) - rank):
            break
        holds[at] = True
    return holds
