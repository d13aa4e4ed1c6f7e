"""Attention inside each sequence of a packed row: no padding outside it, and no flash-attn.

Linear layers, norms and embeddings see one row of S tokens end to end. Attention alone must know
where sequences end: a plan gathers segments of like length into small padded batches (buckets),
each is computed, and the results are put back in the row's order. Where a GPU has a kernel for
sequences of variable length, one call does it (varlen.py).

Importing this module registers the function with transformers as attn_implementation="packed".
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface

from rlsys.errors import ConfigError
from rlsys.learning import varlen
from rlsys.learning.kept_keys import KeptKeys
from rlsys.learning.segments import Segment
from rlsys.learning.ulysses import SequenceGroup
from rlsys.learning.varlen import VarlenPlan, plan_varlen

Ints = NDArray[np.int64]
Rows = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values, [S, heads, D] each."""
_LOG = logging.getLogger(__name__)

NAME = "packed"

_WASTE = 0.75
"""A bucket's shortest segment has at least this share of its longest one's tokens."""
_SMALL_KEYS = 256
"""Up to so many keys plain products beat the fused kernel on CPU, whose backward pass takes 1 ms
for 36 tokens of 4 heads in bfloat16; the products take 0.1 ms (docs/performance.md)."""


@dataclass(frozen=True)
class Bucket:
    """n segments padded to A queries and K keys; padding repeats the row's first token."""

    queries: Tensor  # [n, A] int64, into the row
    keys: Tensor  # [n, K] int64, into the row; context first, right-aligned against the segment
    mask: Tensor | None  # [n, 1, A, K] bool, true where a query sees a key; None: causal, K = A


@dataclass(frozen=True)
class AttentionPlan:
    """Who attends to whom in a row of S tokens, in the form that is asked for, made once."""

    segments: tuple[Segment, ...]
    device: torch.device
    group: SequenceGroup | None = None
    """The ranks that hold the row together, each a slice of it; None: this one holds it alone."""
    places: tuple[int, ...] | None = None
    """Where the tokens' keys lie among those that are kept of earlier rows; contexts are there."""

    def to(self, device: torch.device) -> "AttentionPlan":
        """The same on another device."""
        return replace(self, device=device)

    @cached_property
    def own_keys(self) -> Tensor:
        """[S] int64: `places`, of a row that has them."""
        return torch.tensor(self.places or (), device=self.device)

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest segment with its context."""
        return max(s.context_size + s.size for s in self.segments)

    @cached_property
    def _members(self) -> list[list[Segment]]:
        return _buckets(self.segments)

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """Segments of like length, side by side."""
        return tuple(
            Bucket(
                torch.from_numpy(queries).to(self.device),
                torch.from_numpy(keys).to(self.device),
                None if mask is None else torch.from_numpy(mask).to(self.device),
            )
            for queries, keys, mask in (_indices(m, self.places) for m in self._members)
        )

    @cached_property
    def place(self) -> Tensor:
        """[S] int64: where each token lies among all buckets' queries, end to end."""
        place = np.empty(sum(s.size for s in self.segments), dtype=np.int64)
        offset = 0
        for members in self._members:
            width = members[0].size
            for number, segment in enumerate(members):
                first = offset + number * width
                own = slice(segment.start, segment.start + segment.size)
                place[own] = first + np.arange(segment.size)
            offset += len(members) * width
        return torch.from_numpy(place).to(self.device)

    @cached_property
    def varlen(self) -> VarlenPlan:
        """The row as it is, with where each segment begins."""
        return plan_varlen(self.segments, self.device)


def plan_attention(
    segments: Sequence[Segment], places: Sequence[int] | None = None
) -> AttentionPlan:
    """Args:
    segments: at least one of at least one token; together they hold each token once.
    places: see AttentionPlan.
    """
    kept = None if places is None else tuple(map(int, places))
    return AttentionPlan(tuple(segments), torch.device("cpu"), places=kept)


def _buckets(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Longest first; a new bucket where the next one would be padded too much."""
    buckets: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: (s.context_size > 0, -s.size, -s.context_size)):
        if buckets and _fits(segment, buckets[-1]):
            buckets[-1].append(segment)
        elif segment.size:
            buckets.append([segment])
    return buckets


def _fits(segment: Segment, bucket: list[Segment]) -> bool:
    longest = bucket[0]
    if not segment.size or (segment.context_size > 0) != (longest.context_size > 0):
        return False
    context = max(s.context_size for s in bucket)
    small, large = sorted((segment.context_size, context))
    return segment.size >= _WASTE * longest.size and small >= _WASTE * large


def _indices(
    members: list[Segment], places: Sequence[int] | None
) -> tuple[Ints, Ints, NDArray[np.bool_] | None]:
    """[n, A] queries, [n, K] keys and [n, 1, A, K] mask of one bucket; places: AttentionPlan's."""
    size = max(s.size for s in members)
    context = max(s.context_size for s in members)
    starts = np.array([s.start for s in members])[:, None]
    sizes = np.array([s.size for s in members])[:, None]
    own = np.arange(size)[None, :]
    queries = np.where(own < sizes, starts + own, 0)
    own_keys = queries if places is None else np.array(places)[queries]
    if not context:
        # A padded key comes after every real query of its segment, so causality hides it.
        return queries, own_keys, None
    contexts = np.array([s.context for s in members])[:, None]
    context_sizes = np.array([s.context_size for s in members])[:, None]
    back = np.arange(context)[None, :] - context + context_sizes
    keys = np.concatenate([np.where(back >= 0, contexts + back, 0), own_keys], axis=1)
    seen = np.concatenate([back >= 0, np.ones_like(queries, dtype=bool)], axis=1)
    causal = np.tril(np.ones((size, context + size), dtype=bool), context)
    return queries, keys, (seen[:, None, :] & causal[None])[:, None]


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    attention_plan: AttentionPlan | None = None,
    kept_keys: KeptKeys | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **ignored: object,
) -> tuple[Tensor, None]:
    """Attention of one packed row, as transformers calls it from each layer.

    There is no dropout: logprobs must be those of the policy that the sampler ran. Where several
    ranks hold the row, S is this one's slice of it.

    Args:
        query:          [1, heads, S, D].
        key, value:     [1, heads or a divisor of it, S, D].
        attention_mask: unused; the plan says who sees whom.
        attention_plan: of this row, handed through the model's forward; a model that does not is
            refused.
        kept_keys: of the rows that this one goes on from; it attends to these, and adds its own.
    Returns: [1, S, heads, D], and no attention weights.
    Raises:
        ConfigError: the model's attention is of a kind that this function does not compute.
    """
    if attention_plan is None:
        raise ConfigError("model.path: the model's layers do not hand the attention plan through")
    if softcap is not None or s_aux is not None:
        raise ConfigError("model.path: attention with a soft cap or sinks cannot be trained here")
    longest = attention_plan.longest
    if sliding_window is not None and longest > sliding_window:
        raise ConfigError(
            f"model.path: a sequence of {longest} tokens is longer than the model's sliding "
            f"window; nearest valid: model.max_context={sliding_window}"
        )
    scale = 1.0 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    rows = query[0].transpose(0, 1), key[0].transpose(0, 1), value[0].transpose(0, 1)
    group = attention_plan.group
    if kept_keys is not None:
        (q, k, v), layer = rows, cast(int, module.layer_idx)
        rows = q, *kept_keys.joined(layer, k, v)
        return _by_buckets(rows, attention_plan, scale)[None], None
    if group is None:
        return _of_row(rows, attention_plan, scale)[None], None
    q, k, v = (group.to_heads(row, query.shape[1]) for row in rows)
    return group.to_tokens(_of_row((q, k, v), attention_plan, scale))[None], None


def _of_row(rows: Rows, plan: AttentionPlan, scale: float) -> Tensor:
    """[S, heads, D], of a whole row."""
    q, k, v = rows
    as_wide = q, k, _widened(v, k)
    if varlen.can_be_asked(*as_wide) and _agrees(q.device, q.dtype, *map(_heads, as_wide)):
        return varlen.attend(*as_wide, plan.varlen, scale)[..., : v.shape[-1]]
    return _by_buckets(rows, plan, scale)


def _widened(v: Tensor, k: Tensor) -> Tensor:
    """Values as wide as keys, by zeros, which stay zeros: those of latent attention are narrower,
    and flash attention takes one width alone."""
    missing = k.shape[-1] - v.shape[-1]
    return functional.pad(v, (0, missing)) if missing > 0 else v


def _heads(row: Tensor) -> tuple[int, int]:
    """How many, and their size."""
    return row.shape[1], row.shape[2]


def _by_buckets(rows: Rows, plan: AttentionPlan, scale: float) -> Tensor:
    """[S, heads, D]."""
    # One line for each token and head: what is picked lies as products take it, without a copy.
    of_q, of_k, of_v = ((row.flatten(0, 1), row.shape[1]) for row in rows)
    parts = []
    for bucket in plan.buckets:
        q = _pick(*of_q, bucket.queries)
        k, v = (_pick(*lines, bucket.keys) for lines in (of_k, of_v))
        out = _attend(q, k, v, bucket.mask, scale)
        parts.append(out.transpose(1, 2).flatten(0, 1))
    return torch.cat(parts).index_select(0, plan.place)


_TRIAL = (Segment(0, 5), Segment(5, 3, 0, 5), Segment(8, 4, 0, 5), Segment(12, 7))
"""A prompt with two answers, and a sequence of its own."""
_ROUNDING = 0.05
"""The most that two kernels in 16 bits may differ by, in results of size 1; a key too few or too
many makes ten times as much."""


@cache
@torch.no_grad()
def _agrees(device: torch.device, dtype: torch.dtype, *heads: tuple[int, int]) -> bool:
    """Whether one call for a row says what buckets say, tried once before it is relied on: which
    way a kernel aligns a mask with more keys than queries is nowhere promised.

    Args:
        heads: of queries, keys and values.
    """
    drawn = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(19, *own, generator=drawn).to(device, dtype) for own in heads)
    plan, scale = plan_attention(_TRIAL).to(device), 1.0 / math.sqrt(heads[0][1])
    try:
        found = varlen.attend(q, k, v, plan.varlen, scale)
    except RuntimeError as error:
        _LOG.warning("attention in buckets, as the kernel for rows refuses: %s", error)
        return False
    off = float((found - _by_buckets((q, k, v), plan, scale)).abs().max())
    if off > _ROUNDING:
        _LOG.warning("attention in buckets, from which the kernel for rows is %.2g off", off)
    return off <= _ROUNDING


def _pick(lines: Tensor, heads: int, index: Tensor) -> Tensor:
    """[S * heads, D] at [n, L] positions, as [n, heads, L, D]."""
    chosen = index[:, None] * heads + torch.arange(heads, device=index.device)[:, None]
    # index_select: its backward pass adds whole lines, three times as fast as lines[chosen].
    return lines.index_select(0, chosen.flatten()).unflatten(0, chosen.shape)


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """[n, heads, A, D] of a bucket; grouped key heads serve several query heads each."""
    if q.device.type != "cpu" or k.shape[2] > _SMALL_KEYS:
        return _fused(q, k, v, mask, scale)
    if mask is None:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril()
    # The queries of all heads that share a key head are rows of one product.
    sharing = q.shape[1] // k.shape[1]
    shape = (len(q), k.shape[1], sharing, *mask.shape[-2:])
    bias = torch.zeros(mask.shape, dtype=q.dtype).masked_fill_(~mask, float("-inf"))
    bias = bias.unsqueeze(-3).expand(shape).reshape(-1, sharing * q.shape[2], k.shape[2])
    rows, k, v = (x.reshape(len(bias), -1, x.shape[3]) for x in (q * scale, k, v))
    scores = torch.baddbmm(bias, rows, k.transpose(1, 2))
    return torch.bmm(scores.softmax(-1), v).reshape(*q.shape[:3], -1)


def _fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """torch's fused kernels, of which not all can share key heads: the others are given copies, and
    never left to plain products, which would hold [heads, A, K] scores."""
    is_grouped = q.shape[1] != k.shape[1]
    if is_grouped and not _shares_heads(q, k, v, mask):
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
        is_grouped = False
    width, v = v.shape[-1], _widened(v, k)
    out = functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=is_grouped
    )
    return out[..., :width]


def _shares_heads(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> bool:
    """Whether a fused kernel takes these with fewer key heads than query heads."""
    if q.device.type == "cpu":
        return True
    given = torch.backends.cuda.SDPAParams(q, k, v, mask, 0.0, mask is None, True)
    return torch.backends.cuda.can_use_flash_attention(given)


AttentionInterface.register(NAME, packed_attention)
