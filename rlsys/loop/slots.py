"""Slots: how many groups may be alive, a number that may change while they are."""

import asyncio

from rlsys.config.loop import LoopConfig


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


def num_slots(config: LoopConfig, lead: int) -> int:
    """Groups that may be alive, or trained on weights that are not pulled yet, where sampling runs
    `lead` steps ahead."""
    return (lead + 1) * config.groups_per_step
