"""Which blocks of sequences go through the model together.

A plan splits a batch into microbatches of at most so many tokens, the same number on each rank
(under ZeRO every rank's forward and backward is a collective call). A microbatch is one row in
which blocks lie end to end without padding.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence


def plan_microbatches(
    lengths: Sequence[int],
    max_tokens: int,
    num_ranks: int,
    costs: Sequence[float] | None = None,
) -> list[list[list[int]]]:
    """Split blocks into microbatches, and these among ranks.

    The j-th microbatches of all ranks run at the same time, so they cost about the same; the
    ranks' totals are balanced. Nothing is ever dropped.

    Args:
        lengths:    [N] tokens of each block, prompt included.
        max_tokens: most tokens of a microbatch. A longer block has a microbatch of its own.
        num_ranks:  data-parallel ranks.
        costs:      [N] what a block takes to compute, in any unit; None: as many as its tokens.
    Returns: per rank its microbatches, each a list of indices into `lengths`. Every rank has the
        same number; the lists are empty only where there are too few blocks to go round.
    Raises:
        ValueError: max_tokens or num_ranks is not positive.
    """
    if max_tokens < 1 or num_ranks < 1:
        raise ValueError(f"max_tokens={max_tokens} and num_ranks={num_ranks} must be positive")
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    fewest = len(_best_fit(order, lengths, max_tokens))
    wanted = max(1, -(-fewest // num_ranks)) * num_ranks
    # The same number under a lower limit: microbatches of more equal cost.
    limit = 1 + bisect_left(
        range(1, max_tokens), True, key=lambda n: len(_best_fit(order, lengths, n)) <= wanted
    )
    microbatches = _best_fit(order, lengths, limit)
    known = lengths if costs is None else costs
    _even_out(microbatches, known, wanted)
    return _deal(microbatches, known, num_ranks)


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


def _even_out(microbatches: list[list[int]], costs: Sequence[float], wanted: int) -> None:
    """Split the costliest microbatches until there are as many as wanted."""
    while len(microbatches) < wanted:
        divisible = [m for m in microbatches if len(m) > 1]
        if not divisible:
            microbatches.append([])
            continue
        largest = max(divisible, key=lambda m: _cost(m, costs))
        cut = len(largest) // 2
        microbatches.append(largest[cut:])
        del largest[cut:]


def _deal(
    microbatches: list[list[int]], costs: Sequence[float], num_ranks: int
) -> list[list[list[int]]]:
    """Round by round, costliest first: the costliest of a round to the rank with least so far."""
    costly = sorted(microbatches, key=lambda m: -_cost(m, costs))
    plan: list[list[list[int]]] = [[] for _ in range(num_ranks)]
    totals = [0.0] * num_ranks
    for start in range(0, len(costly), num_ranks):
        ranks = sorted(range(num_ranks), key=lambda r: (totals[r], r))
        for rank, microbatch in zip(ranks, costly[start : start + num_ranks], strict=True):
            plan[rank].append(microbatch)
            totals[rank] += _cost(microbatch, costs)
    return plan


def _cost(microbatch: list[int], costs: Sequence[float]) -> float:
    return sum(costs[i] for i in microbatch)
