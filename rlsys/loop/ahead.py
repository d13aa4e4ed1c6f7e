"""How far sampling runs ahead of training: the waiting that is seen, and the slots that follow."""

import asyncio
from collections.abc import Mapping
from typing import Any

from rlsys.config.loop import LoopConfig
from rlsys.loop.bound import FIRST, AutomaticBound, is_automatic
from rlsys.loop.ready import ReadyGroups
from rlsys.loop.slots import Slots, num_slots
from rlsys.loop.step_times import Waited


def first_bound(config: LoopConfig) -> int:
    """Of a run that begins."""
    return FIRST if isinstance(config.max_staleness, str) else config.max_staleness


class Ahead:
    """Holds the ready groups' bound and the number of slots to what a run's steps have shown."""

    def __init__(self, config: LoopConfig, ready: ReadyGroups, slots: Slots) -> None:
        self.config, self.ready, self.slots = config, ready, slots
        self.automatic: AutomaticBound | None = None
        if is_automatic(config):
            self.automatic = AutomaticBound(config.target_effective_sample_size)
        self._since: float | None = None
        """When the last step ended; None: none has."""

    @property
    def lead(self) -> int:
        """Steps by which sampling may run ahead, for groups that begin now."""
        return self.automatic.lead if self.automatic else self.ready.bound

    def saw(self, metrics: Mapping[str, float]) -> None:
        """One more step; data without importance weights count as those of the policy itself.

        The first step says nothing: it waits until the pipeline is filled, whatever the lead.

        Args:
            metrics: the learner's.
        """
        if self.automatic is None:
            return
        ready = self.ready
        since, now = self._since, asyncio.get_running_loop().time()
        self._since = now
        if since is None:
            return
        waited = Waited(1, now - since, ready.waited_for_old_s, ready.waited_for_any_s)
        self.automatic.saw(metrics.get("effective_sample_size", 1.0), waited)
        self._follow(self.automatic)

    def _follow(self, automatic: AutomaticBound) -> None:
        self.ready.bound = automatic.bound
        self.slots.resize(num_slots(self.config, automatic.lead))

    def state_dict(self) -> dict[str, Any] | None:
        """For a checkpoint, as JSON values; None where nothing moves."""
        return self.automatic.state_dict() if self.automatic else None

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Go on where `state_dict` was taken."""
        if self.automatic and state:
            self.automatic.load_state_dict(state)
            self._follow(self.automatic)
