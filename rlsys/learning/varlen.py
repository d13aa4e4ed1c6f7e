"""Attention of a whole packed row by one call of flash attention for sequences of variable length.

The row's queries stay where they are: segments lie in it end to end, and the kernel is told where
each begins. A segment with a context has more keys than queries: its keys are the context's and its
own, gathered, and the causal mask is aligned at their ends, so its first query sees the whole
context.

The other way for contexts, a call for them and one for the segments themselves, merged by their
log-sum-exps, is not open: torch's varlen_attn returns those without a gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rlsys.learning.segments import Segment

_CAUSAL = (-1, 0)
"""Any number of keys before a query's own, none after it."""
_LEAST_CAPABILITY = (8, 0)
"""Of a GPU that flash attention is compiled for."""


@dataclass(frozen=True)
class VarlenPlan:
    """Who attends to whom in a row of S tokens, as the kernel is told it, for n segments."""

    query_starts: Tensor  # [n + 1] int32, the last is S
    key_starts: Tensor  # [n + 1] int32, into `keys`
    keys: Tensor | None  # int64, into the row; None: the row as it is
    most_queries: int
    most_keys: int


def plan_varlen(segments: Sequence[Segment], device: torch.device) -> VarlenPlan:
    """Args:
    segments: at least one of at least one token; together they hold each token once.
    """
    inside = sorted((s for s in segments if s.size), key=lambda segment: segment.start)
    queries = [segment.size for segment in inside]
    keys = [segment.context_size + segment.size for segment in inside]
    index = None
    if keys != queries:
        parts = [(s.context, s.context_size) for s in inside], [(s.start, s.size) for s in inside]
        pairs = [part for both in zip(*parts, strict=True) for part in both]
        index = torch.from_numpy(np.concatenate([np.arange(a, a + n) for a, n in pairs]))
    return VarlenPlan(
        _starts(queries, device),
        _starts(keys, device),
        None if index is None else index.to(device),
        max(queries),
        max(keys),
    )


def _starts(sizes: list[int], device: torch.device) -> Tensor:
    return torch.from_numpy(np.cumsum([0, *sizes]).astype(np.int32)).to(device)


def can_be_asked(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether the kernel is made for such numbers on such a device."""
    return (
        query.is_cuda
        and query.dtype in (torch.bfloat16, torch.float16)
        and query.shape[-1] == key.shape[-1] == value.shape[-1]
        and torch.cuda.get_device_capability(query.device) >= _LEAST_CAPABILITY
    )


def attend(query: Tensor, key: Tensor, value: Tensor, plan: VarlenPlan, scale: float) -> Tensor:
    """Attention of one packed row.

    Args:
        query:      [S, heads, D].
        key, value: [S, heads or a divisor of it, D].
    Returns: [S, heads, D].
    """
    if plan.keys is not None:
        key, value = (x.index_select(0, plan.keys) for x in (key, value))
    return kernel(
        query,
        key,
        value,
        plan.query_starts,
        plan.key_starts,
        plan.most_queries,
        plan.most_keys,
        scale=scale,
        window_size=_CAUSAL,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    query_starts: Tensor,
    key_starts: Tensor,
    most_queries: int,
    most_keys: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> Tensor:
    """torch.nn.attention.varlen.varlen_attn."""
    # Not at the top: it compiles nothing, but only GPUs have a use for it.
    from torch.nn.attention.varlen import varlen_attn

    found = varlen_attn(
        query,
        key,
        value,
        query_starts,
        key_starts,
        most_queries,
        most_keys,
        scale=scale,
        window_size=window_size,
        enable_gqa=enable_gqa,
    )
    assert isinstance(found, Tensor)
    return found
