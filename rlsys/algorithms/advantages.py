"""Advantages: from the rewards of a whole batch to one number per sequence.

Plain numpy in float64: a batch has one reward per completion, so this runs on a driver that never
sees a token. Every estimator works on the rows that have a reward; a row without one
(NaN, verifier status infrastructure) takes no part in any statistic and gets 0.

ADVANTAGES has them by name. Conventions of every estimator:
- std is the sample standard deviation (divisor n - 1), as in TRL and verl, unless said otherwise;
- a divisor below `std_floor` is replaced by it;
- a group of one and a group of equal rewards get exactly 0, unless the baseline is not the group's.
"""

from collections.abc import Mapping
from math import comb
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlsys.algorithms.contract import Bound, Estimator
from rlsys.config.algorithm import DifficultySource
from rlsys.errors import ConfigError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def sequence_advantages(estimator: Bound, columns: Mapping[str, NDArray[Any] | None]) -> Floats:
    """Advantages of a batch under an estimator with one advantage per completion.

    Args:
        columns: contract.ESTIMATOR_COLUMNS, [N] each, with NaN for a reward that a row does not
            have, and any integers as groups; a column that the estimator does not read may be
            missing.
    Returns: [N], constant over the tokens of a sequence; 0 where the reward is NaN.
    Raises:
        ConfigError: for difficulty from data that has none.
        AlgorithmError: a plug-in's estimator fails, or returns something else than [N] numbers.
    """
    rewards = np.asarray(columns["rewards"], dtype=np.float64)
    known = ~np.isnan(rewards)
    advantages = np.zeros_like(rewards)
    if not known.any():
        return advantages
    groups = np.asarray(columns["groups"])[known]
    of_known = {n: None if c is None else np.asarray(c)[known] for n, c in columns.items()}
    of_known["rewards"] = rewards[known]
    of_known["groups"] = np.unique(groups, return_inverse=True)[1]
    advantages[known] = _checked(estimator, estimator.call(of_known), int(known.sum()))
    return advantages


def _checked(estimator: Bound, made: Any, count: int) -> Floats:
    """What an estimator made, if it is that many finite numbers."""
    try:
        advantages = np.asarray(made, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise estimator.error(f"returned no numbers, but a {type(made).__name__}") from error
    if advantages.shape != (count,):
        raise estimator.error(
            f"returned the shape {list(advantages.shape)} for {count} completions"
        )
    if not np.isfinite(advantages).all():
        wrong = advantages[~np.isfinite(advantages)][0]
        raise estimator.error(f"returned {wrong:g} for one of {count} completions")
    return advantages


def has_signal(rewards: Floats, std_floor: float) -> bool:
    """Whether a group's rewards differ: DAPO's dynamic sampling (arXiv:2503.14476, eq. 11).

    Args:
        rewards: [G] of one group; NaN takes no part.
        std_floor: reward units; a spread up to this counts as rounding.
    Returns: False for fewer than two rewards or equal ones, whose group advantages are all 0.
    """
    known = rewards[~np.isnan(rewards)]
    return known.size > 1 and bool(known.max() - known.min() > std_floor)


def batch_has_signal(
    rewards: Floats, group_index: Ints, std_floor: float, *, beyond_groups: bool
) -> bool:
    """Whether any two rewards that the estimator compares differ.

    Args:
        rewards:       [N] before any KL penalty, whose differences are no verdict; NaN takes no
            part.
        group_index:   [N] which rows answer the same prompt.
        beyond_groups: it compares completions of different prompts.
    """
    if beyond_groups:
        return has_signal(rewards, std_floor)
    groups = np.unique(group_index)
    return any(has_signal(rewards[group_index == group], std_floor) for group in groups)


def group_zscore(rewards: Floats, groups: Ints, *, std_floor: float) -> Floats:
    """GRPO, outcome supervision (arXiv:2402.03300, section 4.1.2).

    A_i = (r_i - mean_g) / max(std_g, std_floor)
    """
    return _center(rewards, groups) / _std(rewards, groups, std_floor)[groups]


def group_mean(rewards: Floats, groups: Ints) -> Floats:
    """Dr. GRPO (arXiv:2503.20783): no division by std, which favours very easy and very hard
    prompts.

    A_i = r_i - mean_g
    """
    return _center(rewards, groups)


def leave_one_out(rewards: Floats, groups: Ints) -> Floats:
    """RLOO (arXiv:2402.14740): the baseline is the mean of the group's other rewards.

    A_i = r_i - mean_{j in g, j != i} r_j = n / (n - 1) (r_i - mean_g);  0 for a group of one.
    """
    count = np.bincount(groups).astype(np.float64)
    return _center(rewards, groups) * (count / np.maximum(count - 1, 1))[groups]


def batch_norm(rewards: Floats, groups: Ints, *, std_floor: float) -> Floats:
    """REINFORCE++ (arXiv:2501.03262, eq. 10): no group baseline.

    A_i = (r_i - mean_batch) / max(std_batch, std_floor)

    Statistics are over sequences. A group of one, or of equal rewards, keeps a signal here.
    """
    return group_zscore(rewards, np.zeros_like(groups), std_floor=std_floor)


def batch_norm_group_baseline(rewards: Floats, groups: Ints, *, std_floor: float) -> Floats:
    """REINFORCE++ with baseline (arXiv:2501.03262): group mean off, then the batch's std.

    A_i = c_i / max(std_batch(c), std_floor),  c_i = r_i - mean_g
    """
    centered = _center(rewards, groups)
    return centered / _std(centered, np.zeros_like(groups), std_floor)[0]


def difficulty_zscore(
    rewards: Floats,
    groups: Ints,
    difficulty: Floats | None,
    *,
    difficulty_source: DifficultySource,
    difficulty_edges: list[float],
    std_floor: float,
) -> Floats:
    """Mean and std over all samples of one difficulty bucket of the batch.

    A_i = (r_i - mean_b) / max(std_b, std_floor)

    More samples per statistic than a group has, while easy prompts are still not compared with
    hard ones. A group of equal rewards keeps a signal, a bucket of one sample has none; rows of
    unknown difficulty share a bucket of their own.
    """
    if difficulty_source is DifficultySource.solve_rate:
        value = (np.bincount(groups, weights=rewards) / np.bincount(groups))[groups]
    elif difficulty is None:
        raise ConfigError(
            "algorithm.advantage.difficulty_source=data: the data has no difficulty column; "
            "nearest valid: solve_rate"
        )
    else:
        value = np.asarray(difficulty, dtype=np.float64)
    bucket = np.digitize(value, difficulty_edges)
    bucket[np.isnan(value)] = len(difficulty_edges) + 1
    return group_zscore(rewards, bucket.astype(np.int64), std_floor=std_floor)


def max_rl(rewards: Floats, groups: Ints, *, std_floor: float) -> Floats:
    """MaxRL (arXiv:2602.02710): ascends log of the success rate instead of the rate.

    A_i = (r_i - mean_g) / mean_g;  0 where mean_g <= std_floor (nothing succeeded).

    Rewards are meant to be non-negative, a success probability's.
    """
    count = np.bincount(groups)
    mean = np.bincount(groups, weights=rewards) / count
    scale = np.where(mean > std_floor, mean, np.inf)
    return _center(rewards, groups) / scale[groups]


def pass_at_k(rewards: Floats, groups: Ints, *, k: int, std_floor: float) -> Floats:
    """Pass@k training with analytic advantages (arXiv:2508.10751), for any reward.

    Every k-subset of a group is a try that scores its best member. With S_i the mean score of the
    tries that contain completion i, and mean and std (divisor: number of tries) over all tries:

    A_i = (S_i - mean) / max(std, std_floor)

    For rewards 0 and 1 these are the paper's formulas. k is lowered to the group's size; a group
    with one try (n = k) has std 0 and gets 0.
    """
    advantages = np.zeros_like(rewards)
    for group in range(int(groups.max()) + 1):
        rows = np.flatnonzero(groups == group)
        tried = min(k, rows.size)
        advantages[rows] = _best_of_k(rewards[rows], tried, std_floor)
    return advantages


def _best_of_k(rewards: Floats, k: int, std_floor: float) -> Floats:
    n = rewards.size
    order = np.argsort(rewards, kind="stable")
    ranked = rewards[order] - rewards.min()
    # A try's best member is the one of rank j (0 is lowest) in C(j, k-1) of the C(n, k) tries.
    share = np.array([comb(j, k - 1) / comb(n, k) for j in range(n)])
    mean = float(share @ ranked)
    std = float(np.sqrt(share @ (ranked - mean) ** 2))
    # Of the C(n-1, k-1) tries with i, i is best in C(i, k-1), and j > i in C(j-1, k-2).
    others = comb(n - 1, k - 1)
    best = np.array([comb(j, k - 1) / others for j in range(n)])
    beaten = np.array([comb(j - 1, k - 2) / others if j and k > 1 else 0.0 for j in range(n)])
    above = np.cumsum((beaten * ranked)[::-1])[::-1] - beaten * ranked
    advantages = np.empty(n)
    advantages[order] = (best * ranked + above - mean) / max(std, std_floor)
    return advantages


def _center(values: Floats, groups: Ints) -> Floats:
    """Values less their group's mean; exactly 0 where a group's values are all equal."""
    first = np.full(int(groups.max()) + 1, np.inf)
    np.minimum.at(first, groups, values)
    shifted = values - first[groups]
    count = np.maximum(np.bincount(groups), 1)
    return shifted - (np.bincount(groups, weights=shifted) / count)[groups]


def _std(values: Floats, groups: Ints, floor: float) -> Floats:
    """[K] sample standard deviation of each group, at least floor."""
    squares = np.bincount(groups, weights=_center(values, groups) ** 2)
    return np.maximum(np.sqrt(squares / np.maximum(np.bincount(groups) - 1, 1)), floor)


ADVANTAGES: Mapping[str, Estimator] = MappingProxyType(
    {
        "group_zscore": Estimator(group_zscore),
        "group_mean": Estimator(group_mean),
        "leave_one_out": Estimator(leave_one_out),
        "batch_norm": Estimator(batch_norm, beyond_groups=True),
        "batch_norm_group_baseline": Estimator(batch_norm_group_baseline),
        "difficulty": Estimator(difficulty_zscore, beyond_groups=True),
        "pass_at_k": Estimator(pass_at_k),
        "max_rl": Estimator(max_rl),
    }
)
