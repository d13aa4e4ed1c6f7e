"""Whether the figures of a step are those of a policy that learns: ranges, alarms and the stop."""

import math
from dataclasses import dataclass
from typing import Any

from rlsys.config.observe import ObserveConfig, WatchedRange
from rlsys.errors import SickPolicyError
from rlsys.observe.columns import figure

WATCHED = {
    "kl": "policy/kl",
    "effective_sample_size": "policy/effective_sample_size",
    "entropy": "policy/entropy",
    "ratio": "policy/ratio",
    "gradient_norm": "policy/gradient_norm",
    "starved_experts": "experts/starved",
}
"""Metrics by the setting of their range; `alarm/NAME` is 1 while one is outside."""
_ADVICE = {
    "kl": "where it keeps growing, a lower learner.optimizer.learning_rate or a higher "
    "algorithm.kl.coefficient",
    "effective_sample_size": "the data are too old or the step too large: a smaller "
    "loop.max_staleness, or a lower learner.optimizer.learning_rate",
    "entropy": "the policy says always the same, or anything at all: compare algorithm.clip.high, "
    "sampling.temperature and learner.optimizer.learning_rate with the presets",
    "ratio": "the learner's policy is far from the sampler's: a smaller loop.max_staleness",
    "gradient_norm": "a lower learner.optimizer.learning_rate, or a longer "
    "learner.optimizer.warmup_steps",
    "starved_experts": "experts that no token chooses learn nothing: a higher "
    "learner.experts.bias_speed or learner.experts.auxiliary_loss",
}
"""What to try, for each."""
_CAUSES = (
    "Usual causes: learner.optimizer.learning_rate is too high for this model, "
    "algorithm.kl.coefficient too low, or the data too old (loop.max_staleness)"
)


@dataclass
class Outside:
    """What one figure did outside of its range."""

    steps: int = 0
    worst: float = 0.0
    worst_step: int = 0
    beyond_stop: int = 0
    """Newest steps in a row that are beyond a stop bound."""
    on: bool = False
    """In the newest step."""


class HealthAlarm:
    """Watches six figures, step by step. A step without one of them says nothing about it."""

    def __init__(self, config: ObserveConfig) -> None:
        self.stop_after = config.stop_after
        self.ranges: dict[str, WatchedRange] = {name: getattr(config, name) for name in WATCHED}
        self.outside = {name: Outside() for name in WATCHED}

    def step(self, step: int, metrics: dict[str, float]) -> dict[str, str]:
        """One more step.

        Returns: a warning for each figure that leaves its range with this step, by its setting.
        """
        warnings = {}
        for name, key in WATCHED.items():
            if key not in metrics:
                continue
            value, limits, seen = metrics[key], self.ranges[name], self.outside[name]
            was_on, seen.on = seen.on, _is_outside(value, limits.least, limits.most)
            beyond = _is_outside(value, limits.stop_below, limits.stop_above)
            seen.beyond_stop = seen.beyond_stop + 1 if beyond else 0
            if not seen.on:
                continue
            if not seen.steps or _distance(value, limits) > _distance(seen.worst, limits):
                seen.worst, seen.worst_step = value, step
            seen.steps += 1
            if not was_on:
                warnings[name] = f"{key}={figure(value)} {self._range(name)}: {_ADVICE[name]}"
        return warnings

    @property
    def is_beyond(self) -> bool:
        """Whether the newest step has a figure beyond a stop bound, so that its policy is not
        worth the place of an older one."""
        return bool(self.stop_after) and any(seen.beyond_stop for seen in self.outside.values())

    def verdict(self, metrics: dict[str, float]) -> SickPolicyError | None:
        """Why the run has to stop after the newest step, whose metrics these are; None: it has
        not."""
        if not self.stop_after:
            return None
        reasons = []
        for name, seen in self.outside.items():
            if seen.beyond_stop >= self.stop_after:
                limits = self.ranges[name]
                stop = _bounds(name, stop_below=limits.stop_below, stop_above=limits.stop_above)
                reasons.append(f"{WATCHED[name]}={figure(metrics[WATCHED[name]])} {stop}")
        if not reasons:
            return None
        return SickPolicyError(
            f"the policy is past learning: {' and '.join(reasons)}, for {self.stop_after} steps in "
            f"a row (observe.stop_after). {_CAUSES}"
        )

    def summary(self) -> list[str]:
        """A line for each figure that was outside of its range at any time."""
        return [
            f"{WATCHED[name]} {self._range(name)} in {seen.steps} step"
            f"{'' if seen.steps == 1 else 's'}, worst {figure(seen.worst)} "
            f"at step {seen.worst_step}"
            for name, seen in self.outside.items()
            if seen.steps
        ]

    def _range(self, name: str) -> str:
        limits = self.ranges[name]
        return _bounds(name, least=limits.least, most=limits.most)

    def metrics(self) -> dict[str, float]:
        """1 for each figure that is outside of its range."""
        return {f"alarm/{name}": float(seen.on) for name, seen in self.outside.items()}

    def state_dict(self) -> dict[str, Any]:
        """As JSON values; a figure that is not a finite number as its text."""
        return {
            name: vars(seen) | {"worst": str(seen.worst)} for name, seen in self.outside.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        for name, seen in state.items():
            self.outside[name] = Outside(**seen | {"worst": float(seen["worst"])})


def _is_outside(value: float, least: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return False
    too_small = least is not None and value < least
    return math.isnan(value) or too_small or (most is not None and value > most)


def _distance(value: float, limits: WatchedRange) -> float:
    """From the range; of a figure that is not a number, infinite."""
    if math.isnan(value):
        return math.inf
    below = 0.0 if limits.least is None else limits.least - value
    above = 0.0 if limits.most is None else value - limits.most
    return max(below, above)


def _bounds(name: str, **bounds: float | None) -> str:
    """`outside observe.ratio.least=0.8 and most=1.25`, `outside observe.kl.most=1.0`."""
    given = [f"{bound}={value:g}" for bound, value in bounds.items() if value is not None]
    return f"outside observe.{name}.{' and '.join(given)}"
