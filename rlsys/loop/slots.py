"""Slots: how many groups may be alive, a number that may change while they are."""

import asyncio

from rlsys.config.loop import LoopConfig

LOWEST = 1
"""0 is another algorithm: each step would wait for its weights."""
_MEMORY = 0.8
"""Share of the smoothed value that stays at each step: some five steps of memory, since one step's
effective sample size is noisy."""


class Slots:
    """A semaphore whose size may change. While more are taken than there are, since it shrank,
    none is free; no group is ended for it."""

    def __init__(self, size: int, taken: int = 0) -> None:
        self.size, self.taken = size, taken
        self._changed = asyncio.Event()

    async def acquire(self) -> None:
        """Take a slot, or wait for one."""
        while self.locked():
            self._changed.clear()
            await self._changed.wait()
        self.taken += 1

    def release(self) -> None:
        """Give a slot back."""
        self.taken -= 1
        self._changed.set()

    def locked(self) -> bool:
        """Whether `acquire` would wait."""
        return self.taken >= self.size

    def resize(self, size: int) -> None:
        """Have `size` slots, free ones and taken ones together."""
        self.size = size
        self._changed.set()


def num_slots(config: LoopConfig, bound: int) -> int:
    """Groups that may be alive, or trained on weights that are not pulled yet, under a bound."""
    return (bound + 1) * config.groups_per_step


class AdaptiveBound:
    """The bound of staleness, and the slots with it, by how useful stale data are.

    Old data are worth less the further the policy has moved since they were sampled, and the
    effective sample size says how much less: Kish's (sum w)^2 / (n sum w^2) of the importance
    weights (algorithms/off_policy.py), 1 when nothing has moved.

    Tightens by one where the smoothed effective sample size is below
    loop.target_effective_sample_size, relaxes by one where it is above half the way from there to
    1, and then lets bound + 1 steps pass, in which groups of the old bound are trained.
    """

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

    def state_dict(self) -> dict[str, float]:
        """For a checkpoint."""
        return {"bound": self.bound, "smoothed": self.smoothed, "pause": self.pause}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on where `state_dict` was taken."""
        self.bound, self.pause = int(state["bound"]), int(state["pause"])
        self.smoothed = state["smoothed"]
