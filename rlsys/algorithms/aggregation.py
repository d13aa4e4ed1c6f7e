"""Aggregation: what the sum of token losses is divided by.

The denominators are counted once, on everything that one optimizer step trains on, and handed to
the loss as one weight per sequence:

    loss = sum_i w_i sum_t l_it

A sum has no order, so the loss and its gradient are the same for one rank with one microbatch and
for any split over ranks, microbatches and packed rows. Ranks must be summed, not averaged: where
the learner averages gradients over R ranks, multiply the loss by R.
"""

import numpy as np
from numpy.typing import NDArray

from rlsys.config.algorithm import Aggregation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def sequence_weights(
    lengths: Ints, group_index: Ints, aggregation: Aggregation, max_tokens: int
) -> Floats:
    """Weight w_i that each trained token of sequence i carries in the loss.

    Sequences take part when they have a trained token. With |o_i| the trained tokens of sequence
    i, G_i the sequences that take part in its group, Q the groups with at least one such sequence
    and S all such sequences:

    sequence_mean         1 / (Q G_i |o_i|)       GRPO   (arXiv:2402.03300, eq. 3)
    token_mean            1 / sum_j |o_j|         DAPO   (arXiv:2503.14476, eq. 12), whole batch
    group_token_mean      1 / (Q sum_{j in g} |o_j|)     the same, per group as its eq. 8 has it
    token_sum_over_group  1 / (Q G_i)             REINFORCE, RLOO: sums of log-probabilities
    constant              1 / (S max_tokens)      Dr. GRPO (arXiv:2503.20783, listing 1)

    Args:
        lengths:     [N] trained tokens of each sequence; 0 where all of them are masked.
        group_index: [N] which sequences answer the same prompt; any integers.
        max_tokens:  the sampling limit, the constant of Aggregation.constant.
    Returns: [N] float64; 0 where a sequence takes no part.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    takes_part = lengths > 0
    weights = np.zeros(lengths.size)
    if not takes_part.any():
        return weights
    counts = lengths[takes_part].astype(np.float64)
    groups = np.unique(np.asarray(group_index)[takes_part], return_inverse=True)[1]
    group_size = np.bincount(groups).astype(np.float64)
    num_groups = float(group_size.size)
    match aggregation:
        case Aggregation.sequence_mean:
            denominator = num_groups * group_size[groups] * counts
        case Aggregation.token_mean:
            denominator = np.full_like(counts, counts.sum())
        case Aggregation.group_token_mean:
            group_tokens = np.bincount(groups, weights=counts).astype(np.float64)
            denominator = num_groups * group_tokens[groups]
        case Aggregation.token_sum_over_group:
            denominator = num_groups * group_size[groups]
        case Aggregation.constant:
            denominator = np.full_like(counts, counts.size * float(max_tokens))
    weights[takes_part] = 1.0 / denominator
    return weights
