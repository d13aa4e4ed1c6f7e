"""Length inflation: completions that grow longer while no more of them are right.

Under GRPO's 1/|o| a token of a long wrong completion is punished less than one of a short wrong
completion (arXiv:2503.20783, section 3.1), so lengths may grow with nothing to show for it. A
single step says little; this compares two windows of steps.
"""

from collections import deque
from typing import Any

import numpy as np

from rlsys.config.observe import ObserveConfig


class LengthAlarm:
    """Watches training's completion length and pass@1, step by step.

    With W steps in each of two windows, the last W and the W before them, the alarm is on while

        mean length (last) > (1 + growth) mean length (before)  and
        mean pass@1 (last) - mean pass@1 (before) <= standard error of that difference

    where the standard error is that of the steps within the windows. So a rise of pass@1 within
    its own noise counts as none, and so does one of a policy that is right already.
    """

    def __init__(self, config: ObserveConfig) -> None:
        self.window, self.growth = config.length_alarm_window, config.length_alarm_growth
        self._lengths: deque[float] = deque(maxlen=2 * self.window)
        self._pass_at_1: deque[float] = deque(maxlen=2 * self.window)
        self.on = False

    def step(self, length: float, pass_at_1: float) -> str:
        """One more step.

        Args:
            length:    mean completion tokens of the step.
            pass_at_1: share of the step's graded completions that are right.
        Returns: the warning when the alarm goes on with this step, else an empty text.
        """
        self._lengths.append(length)
        self._pass_at_1.append(pass_at_1)
        was_on, self.on = self.on, False
        if not self.window or len(self._lengths) < 2 * self.window:
            return ""
        lengths = np.array(self._lengths).reshape(2, -1).mean(axis=1)
        rates = np.array(self._pass_at_1).reshape(2, -1)
        before, last = rates.mean(axis=1)
        # Of a single step nobody knows the noise.
        variances = rates.var(axis=1, ddof=1) if self.window > 1 else np.zeros(2)
        error = float(np.sqrt((variances / self.window).sum()))
        self.on = bool(lengths[1] > (1 + self.growth) * lengths[0] and last - before <= error)
        if not self.on or was_on:
            return ""
        return (
            f"length-inflation: over {self.window} steps completions grew from "
            f"{lengths[0]:.1f} to {lengths[1]:.1f} tokens while pass@1 went from {before:.3f} to "
            f"{last:.3f}; algorithm.loss.aggregation=token_mean or constant does not favour long "
            "wrong completions"
        )

    def state_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "lengths": list(self._lengths),
            "pass_at_1": list(self._pass_at_1),
            "on": self.on,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, with as many of its steps as the windows hold now."""
        self._lengths.extend(state["lengths"])
        self._pass_at_1.extend(state["pass_at_1"])
        self.on = state["on"]
