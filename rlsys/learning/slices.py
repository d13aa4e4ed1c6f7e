"""A packed row shared out among the ranks of a sequence group: each has a slice of its tokens.

A row of S tokens is filled up to a multiple of N, with tokens that are a sequence of their own and
in no loss, and cut into N slices of equal length, wherever prompts and answers lie. A token is
predicted by the rank that holds the position before it, so nothing has to cross to the next slice.
"""

from dataclasses import replace

import torch
from torch import Tensor

from rlsys.learning.attention import AttentionPlan
from rlsys.learning.layout import Layout
from rlsys.learning.segments import Segment
from rlsys.learning.ulysses import SequenceGroup, Slice


def sliced(layout: Layout, group: SequenceGroup) -> Layout:
    """A rank's slice of a row without latents. What is of sequences (`mask`, `ends`, `sequences`)
    stays that of the whole row; what is of tokens is the slice's."""
    length = layout.input_ids.shape[1]
    more = -length % group.size
    size = (length + more) // group.size
    first = group.rank * size
    own = slice(first, first + size)
    segments = layout.attention.segments
    if more:
        segments = (*segments, Segment(length, more))
    predicted = (layout.read_at >= first) & (layout.read_at < first + size)
    places = predicted.nonzero().squeeze(1)
    return replace(
        layout,
        input_ids=_filled(layout.input_ids[0], layout.input_ids.new_zeros(more))[None, own],
        position_ids=_filled(layout.position_ids[0], torch.arange(more))[None, own],
        attention=AttentionPlan(segments, layout.attention.device, group),
        read_at=layout.read_at[places] - first,
        targets=layout.targets[places],
        counts=_filled(layout.counts, layout.counts.new_zeros(more))[own],
        kept=None if layout.kept is None else layout.kept[places],
        slice=Slice(group, places, len(layout.targets)),
    )


def _filled(row: Tensor, more: Tensor) -> Tensor:
    return torch.cat([row, more])
