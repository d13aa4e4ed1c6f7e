"""The bound of staleness that follows how useful stale data are.

Old data are worth less the further the policy has moved since they were sampled, and the effective
sample size says how much less: Kish's (sum w)^2 / (n sum w^2) of the importance weights
(algorithms/off_policy.py), 1 when nothing has moved.
"""

from rlsys.config.run import LoopConfig

LOWEST = 1
"""0 is another algorithm: each step would wait for its weights."""
_MEMORY = 0.8
"""Share of the smoothed value that stays at each step: some five steps of memory, since one step's
effective sample size is noisy."""


class AdaptiveBound:
    """Tightens by one where the smoothed effective sample size is below
    loop.target_effective_sample_size, relaxes by one where it is above half the way from there to
    1, and then lets bound + 1 steps pass, in which groups of the old bound are trained."""

    def __init__(self, config: LoopConfig) -> None:
        self.config = config
        self.bound = config.max_staleness
        self.smoothed = 1.0
        self.pause = config.max_staleness + 1

    def saw(self, effective_sample_size: float) -> int:
        """The bound after a step; the argument is in (0, 1]."""
        self.smoothed = _MEMORY * self.smoothed + (1 - _MEMORY) * effective_sample_size
        self.pause -= 1
        if self.pause > 0:
            return self.bound
        target = self.config.target_effective_sample_size
        wanted = self.bound
        if self.smoothed < target:
            wanted = max(LOWEST, self.bound - 1)
        elif self.smoothed > (1 + target) / 2:
            wanted = min(self.config.max_staleness, self.bound + 1)
        if wanted != self.bound:
            self.pause = max(wanted, self.bound) + 1
            self.bound = wanted
        return self.bound

    def to_dict(self) -> dict[str, float]:
        """For a checkpoint."""
        return {"bound": self.bound, "smoothed": self.smoothed, "pause": self.pause}

    def load(self, values: dict[str, float]) -> None:
        """Go on where `to_dict` was taken."""
        self.bound, self.pause = int(values["bound"]), int(values["pause"])
        self.smoothed = values["smoothed"]
