"""Which completions take part, and what is added to their rewards before the advantages.

Plain numpy on one number per completion, so it runs where rewards are known and tokens are not.
"""

import numpy as np
from numpy.typing import NDArray

from rlsys.config.algorithm import LengthConfig, LengthPenalty

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def takes_part(rewards: Floats, truncated: Bools, *, overlong_mask: bool) -> Bools:
    """Which completions are in the loss: those with a reward, and with overlong_mask only those
    that ended by themselves (DAPO's overlong filtering, arXiv:2503.14476, section 3.4).

    Args:
        rewards:   [N] NaN where the verdict was infrastructure.
        truncated: [N] the completion was cut off at its token limit.
    Returns: [N]. Rows that take no part have no place in any statistic or denominator either:
        give them reward NaN and an empty mask.
    """
    known = ~np.isnan(rewards)
    return known & ~truncated if overlong_mask else known


def shaped_rewards(
    rewards: Floats,
    correct: Bools,
    lengths: Ints,
    group_index: Ints,
    max_tokens: int,
    config: LengthConfig,
) -> Floats:
    """Rewards with the configured overlong and length penalties.

    Args:
        rewards:     [N] reward units; NaN stays NaN.
        correct:     [N] the verdict was correct.
        lengths:     [N] tokens of the completion.
        group_index: [N] which completions share a prompt.
        max_tokens:  the sampling limit.
    Returns: [N]; the rewards themselves where nothing is configured.
    """
    shaped = np.array(rewards, dtype=np.float64)
    if config.overlong_penalty:
        ramp = overlong_penalty(lengths, max_tokens, config.overlong_buffer)
        shaped = shaped + config.overlong_penalty * ramp
    if config.penalty is LengthPenalty.none:
        return shaped
    known = ~np.isnan(shaped)
    groups = np.unique(group_index, return_inverse=True)[1][known]
    if config.penalty is LengthPenalty.group_relative:
        term = group_relative_length_reward(lengths[known], correct[known], groups)
    else:
        term = difficulty_aware_penalty(lengths[known], correct[known], groups, max_tokens)
    shaped[known] += config.penalty_coefficient * term
    return shaped


def overlong_penalty(lengths: Ints, max_tokens: int, buffer: float) -> Floats:
    """DAPO's soft overlong punishment (arXiv:2503.14476, eq. 13).

    0 up to (1 - buffer) max_tokens, then linear down to -1 at max_tokens.

    Args:
        lengths: [N] tokens.
        buffer:  share of max_tokens, in (0, 1].
    Returns: [N] in [-1, 0].
    """
    width = buffer * max_tokens
    return np.clip((max_tokens - width - lengths) / width, -1.0, 0.0)


def group_relative_length_reward(lengths: Ints, correct: Bools, groups: Ints) -> Floats:
    """Kimi k1.5's length reward (arXiv:2501.12599, section 2.3.3): shorter among a prompt's
    completions is better, but a wrong completion earns nothing by being short.

    x_i = 1/2 - (len_i - min_g) / (max_g - min_g);  x_i if correct, min(0, x_i) if wrong

    Args: [N] each; groups numbered from 0.
    Returns: [N] in [-1/2, 1/2]; 0 where all lengths of the group are equal.
    """
    size = int(groups.max(initial=-1)) + 1
    shortest, longest = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(shortest, groups, lengths)
    np.maximum.at(longest, groups, lengths)
    spread = (longest - shortest)[groups]
    share = (lengths - shortest[groups]) / np.where(spread > 0, spread, 1.0)
    term = np.where(spread > 0, 0.5 - share, 0.0)
    return np.where(correct, term, np.minimum(term, 0.0))


def difficulty_aware_penalty(
    lengths: Ints, correct: Bools, groups: Ints, max_tokens: int
) -> Floats:
    """Adaptive length penalty (ALP, arXiv:2506.05256): the more of a prompt's completions are
    right, the more a token costs; on hard prompts thinking is nearly free.

    -(len_i / max_tokens) max(p_g, 1 / G_g),  p_g the group's solve rate

    Args: [N] each; groups numbered from 0.
    Returns: [N] in [-1, 0].
    """
    count = np.maximum(np.bincount(groups), 1)
    solve_rate = np.bincount(groups, weights=correct.astype(np.float64)) / count
    price = np.maximum(solve_rate, 1.0 / count)[groups]
    return -(lengths / max_tokens) * price


def kl_in_reward(rewards: Floats, kl_sums: Floats, coefficient: float) -> Floats:
    """KL penalty in the reward of a whole completion: r_i - beta sum_t kl_it.

    Args:
        rewards: [N]; NaN stays NaN.
        kl_sums: [N] nats, kl.py's estimate of log pi_rollout against the reference, summed over
            the completion's tokens.
    Returns: [N]. Critics take the per-token form instead, gae.token_rewards.
    """
    return rewards - coefficient * kl_sums
