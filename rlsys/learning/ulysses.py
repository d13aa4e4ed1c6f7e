"""Sequence parallelism: neighbouring ranks hold one row, each a slice of its tokens.

DeepSpeed Ulysses (arXiv:2309.14509): all but attention works on a rank's own tokens. In attention
an all-to-all turns slices of tokens, with all heads, into slices of heads, with all tokens, and a
second one turns the result back:

    [S / N, heads, D]  -> to_heads ->  [S, heads / N, D]  -> to_tokens ->  [S / N, heads, D]

Attention itself is computed as on one rank, of fewer heads, so whatever a plan says of who sees
whom holds. DeepSpeed's own module for it (UlyssesSPAttentionHF) gathers the row's positions in
every layer, which a plan has no use for, and takes one width for keys and values, which models with
latent attention do not have. ZeRO need not know: to it each rank is one of all that hold data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed

from rlsys.errors import ConfigError


@dataclass(frozen=True)
class SequenceGroup:
    """The N ranks that hold a row together, as one of them sees them."""

    rank: int
    """Among them: which slice is its own."""
    size: int
    """N."""
    group: distributed.ProcessGroup

    def to_heads(self, slices: Tensor, sharing: int) -> Tensor:
        """All tokens of this rank's heads.

        Args:
            slices: [S / N, heads, D], all heads of this rank's tokens.
            sharing: heads of queries. Where heads of keys are fewer than N, each goes to all ranks
                whose queries ask for it.
        Returns: [S, heads / N or 1, D].
        Raises:
            ConfigError: the heads cannot be shared out.
        """
        heads = slices.shape[1]
        if sharing % self.size or (heads % self.size and self.size % heads):
            raise ConfigError(
                f"learner.sequence_parallel={self.size}: {sharing} heads of queries and {heads} of "
                "keys or values cannot be shared out among so many ranks; nearest valid: 1"
            )
        if heads < self.size:
            slices = slices.repeat_interleave(self.size // heads, dim=1)
        by_rank = slices.unflatten(1, (self.size, -1)).movedim(1, 0)
        return self._exchanged(by_rank).flatten(0, 1)

    def to_tokens(self, heads: Tensor) -> Tensor:
        """[S / N, heads, D] of this rank's tokens, from [S, heads / N, D] of its heads."""
        by_rank = heads.unflatten(0, (self.size, -1))
        return self._exchanged(by_rank).movedim(0, 1).flatten(1, 2)

    def _exchanged(self, parts: Tensor) -> Tensor:
        """[N, ...]: the n-th goes to rank n, and what comes is from rank n."""
        found: Tensor = _Exchange.apply(parts, self.group)
        return found


@dataclass(frozen=True)
class Slice:
    """Which of a row's U completion tokens a rank reads, and how they become all of them."""

    group: SequenceGroup
    places: Tensor  # [n] int64, into U
    count: int
    """U."""

    def to(self, device: torch.device) -> "Slice":
        """The same on another device."""
        return Slice(self.group, self.places.to(device), self.count)

    def whole(self, own: Tensor) -> Tensor:
        """[U] of all completion tokens, on each of the row's ranks, from [n] of this one's.

        Each rank then has the loss of the whole row, whatever it compares. A gradient stays with
        the rank whose token it is of: the sum of the ranks' gradients is that of one loss.
        """
        whole: Tensor = _Whole.apply(own, self.places, self.count, self.group.group)
        return whole


class _Exchange(torch.autograd.Function):
    """All-to-all, whose gradient goes back the way that the values came."""

    @staticmethod
    def forward(ctx: Any, parts: Tensor, group: distributed.ProcessGroup) -> Tensor:
        ctx.group = group
        return _exchanged(parts, group)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _exchanged(gradients[0], ctx.group), None


def _exchanged(parts: Tensor, group: distributed.ProcessGroup) -> Tensor:
    parts = parts.contiguous()
    found = torch.empty_like(parts)
    distributed.all_to_all_single(found, parts, group=group)
    return found


class _Whole(torch.autograd.Function):
    """Values at their places, of all ranks; backward picks this rank's."""

    @staticmethod
    def forward(
        ctx: Any, own: Tensor, places: Tensor, count: int, group: distributed.ProcessGroup
    ) -> Tensor:
        ctx.save_for_backward(places)
        whole = own.new_zeros(count).index_copy(0, places, own)
        distributed.all_reduce(whole, group=group)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        return gradients[0].index_select(0, places), None, None, None


def sequence_group(rank: int, world_size: int, size: int) -> SequenceGroup | None:
    """Of a rank; None where each holds rows of its own. All ranks must call."""
    if size == 1:
        return None
    members: Sequence[list[int]] = [
        list(range(first, first + size)) for first in range(0, world_size, size)
    ]
    groups = [distributed.new_group(own) for own in members]
    return SequenceGroup(rank % size, size, groups[rank // size])
