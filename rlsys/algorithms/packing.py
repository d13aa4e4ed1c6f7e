"""Which sequences go through the model together, and how they lie in one row.

A plan splits a batch into microbatches of at most so many tokens, the same number on each rank
(under ZeRO every rank's forward and backward is a collective call). A packed row lays sequences
end to end without padding; position ids start again at each, and attention stays inside each.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Tokens = NDArray[np.integer]


def plan_microbatches(
    lengths: Sequence[int], max_tokens: int, num_ranks: int, *, packed: bool = False
) -> list[list[list[int]]]:
    """Split sequences into microbatches, and these among ranks.

    Padded microbatches hold sequences of similar length, since each is padded to its longest.
    The j-th microbatches of all ranks run at the same time, so they cost about the same; the
    ranks' totals are balanced. Nothing is ever dropped.

    Args:
        lengths:    [N] tokens of each sequence, prompt included.
        max_tokens: most tokens of a microbatch, padding included. A longer sequence has a
            microbatch of its own.
        num_ranks:  data-parallel ranks.
        packed:     sequences share a row without padding: tokens are summed.
    Returns: per rank its microbatches, each a list of indices into `lengths`. Every rank has the
        same number; the lists are empty only where there are too few sequences to go round.
    Raises:
        ValueError: max_tokens or num_ranks is not positive.
    """
    if max_tokens < 1 or num_ranks < 1:
        raise ValueError(f"max_tokens={max_tokens} and num_ranks={num_ranks} must be positive")
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    split = _best_fit if packed else _by_length
    fewest = len(split(order, lengths, max_tokens))
    wanted = max(1, -(-fewest // num_ranks)) * num_ranks
    # The same number under a lower limit: microbatches of more equal cost.
    limit = 1 + bisect_left(
        range(1, max_tokens), True, key=lambda n: len(split(order, lengths, n)) <= wanted
    )
    microbatches = split(order, lengths, limit)
    _even_out(microbatches, lengths, wanted, packed)
    return _deal(microbatches, lengths, num_ranks, packed)


def padded_tokens(microbatch: Sequence[int], lengths: Sequence[int]) -> int:
    """Tokens of a microbatch whose rows are padded to its longest."""
    return len(microbatch) * max((lengths[i] for i in microbatch), default=0)


def _by_length(order: list[int], lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cut the sequences, longest first, where the next one would not fit."""
    microbatches: list[list[int]] = []
    for i in order:
        current = microbatches[-1] if microbatches else []
        if current and lengths[current[0]] * (len(current) + 1) <= max_tokens:
            current.append(i)
        else:
            microbatches.append([i])
    return microbatches


def _best_fit(order: list[int], lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Bin packing: longest first, each into the fullest bin that has room."""
    microbatches: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, bin), sorted
    for i in order:
        at = bisect_left(room, (lengths[i], -1))
        if at == len(room):
            microbatches.append([])
            left, chosen = max_tokens, len(microbatches) - 1
        else:
            left, chosen = room.pop(at)
        microbatches[chosen].append(i)
        insort(room, (left - lengths[i], chosen))
    return microbatches


def _even_out(
    microbatches: list[list[int]], lengths: Sequence[int], wanted: int, packed: bool
) -> None:
    """Split the costliest microbatches until there are as many as wanted."""
    while len(microbatches) < wanted:
        divisible = [m for m in microbatches if len(m) > 1]
        if not divisible:
            microbatches.append([])
            continue
        largest = max(divisible, key=lambda m: _cost(m, lengths, packed))
        cut = len(largest) // 2
        microbatches.append(largest[cut:])
        del largest[cut:]


def _deal(
    microbatches: list[list[int]], lengths: Sequence[int], num_ranks: int, packed: bool
) -> list[list[list[int]]]:
    """Round by round, costliest first: the costliest of a round to the rank with least so far."""
    costly = sorted(microbatches, key=lambda m: -_cost(m, lengths, packed))
    plan: list[list[list[int]]] = [[] for _ in range(num_ranks)]
    totals = [0] * num_ranks
    for start in range(0, len(costly), num_ranks):
        ranks = sorted(range(num_ranks), key=lambda r: (totals[r], r))
        for rank, microbatch in zip(ranks, costly[start : start + num_ranks], strict=True):
            plan[rank].append(microbatch)
            totals[rank] += _cost(microbatch, lengths, packed)
    return plan


def _cost(microbatch: list[int], lengths: Sequence[int], packed: bool) -> int:
    if packed:
        return sum(lengths[i] for i in microbatch)
    return padded_tokens(microbatch, lengths)


@dataclass(frozen=True)
class PackedRow:
    """B sequences end to end in one row of S tokens, with N answer tokens in all."""

    input_ids: torch.Tensor  # [1, S] int64
    position_ids: torch.Tensor  # [1, S] int64, from 0 in each sequence
    attention_mask: torch.Tensor  # [1, 1, S, S] bool, true where a query sees a key
    read_at: torch.Tensor  # [N] int64, into S: the position that predicts each answer token
    targets: torch.Tensor  # [N] int64
    mask: torch.Tensor  # [B, T] bool, true on answer tokens
    sequences: tuple[int, ...]  # which sequences, in the order of `mask`


def pack_row(
    sequences: Sequence[int], prompts: Sequence[Tokens], answers: Sequence[Tokens]
) -> PackedRow:
    """Lay sequences end to end so that each is computed as if it were alone.

    Args:
        sequences: [B] indices to pack, at least one.
        prompts:   token ids of every sequence's prompt, at least one token each.
        answers:   token ids of every sequence's answer.
    """
    prompt_sizes = np.array([len(prompts[i]) for i in sequences])
    answer_sizes = np.array([len(answers[i]) for i in sequences])
    sizes = prompt_sizes + answer_sizes
    starts = np.cumsum(sizes) - sizes
    tokens = np.concatenate([part for i in sequences for part in (prompts[i], answers[i])])
    segment = np.repeat(np.arange(sizes.size), sizes)
    positions = np.arange(tokens.size) - starts[segment]
    first_read = starts + prompt_sizes - 1
    read_at = np.concatenate(
        [np.arange(a, a + n) for a, n in zip(first_read, answer_sizes, strict=True)]
    )
    causal = np.tril(np.ones((tokens.size, tokens.size), dtype=bool))
    within = causal & (segment[:, None] == segment[None, :])
    mask = np.arange(max(1, int(answer_sizes.max())))[None, :] < answer_sizes[:, None]
    return PackedRow(
        input_ids=torch.from_numpy(tokens.astype(np.int64))[None],
        position_ids=torch.from_numpy(positions.astype(np.int64))[None],
        attention_mask=torch.from_numpy(within)[None, None],
        read_at=torch.from_numpy(read_at.astype(np.int64)),
        targets=torch.from_numpy(tokens[read_at + 1].astype(np.int64)),
        mask=torch.from_numpy(mask),
        sequences=tuple(sequences),
    )
