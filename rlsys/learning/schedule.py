"""The learning rate of each update: a warm-up, then constant, linear or cosine down to a floor.

    rate(u) = peak * warm(u) * shape(u),  u updates made before, from 0

    warm(u)  = min(1, (u + 1) / W)                     W = warmup_steps
    p(u)     = clip((u + 1 - W) / (U + 1 - W), 0, 1)   U updates in all
    constant = 1
    linear   = 1 - (1 - floor) p
    cosine   = floor + (1 - floor) (1 + cos(pi p)) / 2

The last update of the warm-up has the peak. The floor is where an update after the last one would
stand, so that none is made at a rate of 0. Without a warm-up W counts as 1, so that the first one
has the peak, and p is u / U as in torch and transformers.
"""

import math
from dataclasses import dataclass

from rlsys.config.optimizer import OptimizerConfig, ScheduleShape


@dataclass(frozen=True)
class Schedule:
    """Of one stage.

    num_updates: of the whole stage, where each minibatch is one. Updates that are skipped are not
        counted, so a run that skips some ends above the floor.
    """

    config: OptimizerConfig
    num_updates: int

    def rate(self, update: int) -> float:
        """For an update, counted from 0; beyond the last one the floor."""
        config = self.config
        warm = min(1.0, (update + 1) / max(1, config.warmup_steps))
        return config.learning_rate * warm * self._shape(update)

    def _shape(self, update: int) -> float:
        floor, first = self.config.floor, max(1, self.config.warmup_steps)
        span = max(1, self.num_updates + 1 - first)
        fallen = min(1.0, max(0.0, (update + 1 - first) / span))
        match self.config.schedule:
            case ScheduleShape.constant:
                return 1.0
            case ScheduleShape.linear:
                return 1.0 - (1.0 - floor) * fallen
            case ScheduleShape.cosine:
                return floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * fallen))
