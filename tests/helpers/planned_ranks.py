"""Ranks that plan microbatches without a process group."""

from dataclasses import dataclass, field
from typing import cast

import torch
from torch.distributed import ProcessGroup

from rlsys.config.run import LearnerConfig
from rlsys.learning.ranks import Ranks
from rlsys.learning.ulysses import SequenceGroup


@dataclass
class PlannedRanks:
    """What is read of a Ranks to plan with, and to sum: `others` is what the other ranks add to
    what this one has, which stays in `mine`."""

    rank: int
    world_size: int
    config: LearnerConfig
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    others: torch.Tensor | None = None
    mine: torch.Tensor | None = None

    # Of the rank's number and the settings alone.
    shards_weights = Ranks.shards_weights
    data_parallel_size = Ranks.data_parallel_size
    data_parallel_rank = Ranks.data_parallel_rank

    @property
    def sequence_group(self) -> SequenceGroup | None:
        size = self.config.sequence_parallel
        no_group = cast(ProcessGroup, None)
        return SequenceGroup(self.rank % size, size, no_group) if size > 1 else None

    def once(self, values: torch.Tensor) -> torch.Tensor:
        """Where each rank has rows of its own."""
        return values

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Over this rank and the others."""
        self.mine = values.clone()
        return values if self.others is None else values + self.others
