"""What n graded samples of a problem say about k of them: Pass@k, Cons@k, and how sure that is.

The estimators are means over all subsets of k of the n samples at hand. Nothing is estimated where
n < k.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_LARGEST_EXACT = 128
"""Samples of a problem up to which Cons@k is worked out: a few tenths of a second there, and eight
times that for twice as many."""
_SUBSETS = 4096
"""Subsets drawn beyond that."""


@dataclass(frozen=True)
class Interval:
    """A mean over problems with its 95 % interval."""

    mean: float
    low: float
    high: float
    problems: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Votes:
    """The samples of one problem as votes: samples that gave no answer abstain."""

    right: int
    """Samples whose answer is the expected one."""
    wrong: tuple[int, ...] = ()
    """Samples of each class of equal wrong answers."""
    abstained: int = 0

    @property
    def total(self) -> int:
        """n."""
        return self.right + sum(self.wrong) + self.abstained


def pass_at_k(num_samples: np.ndarray, num_correct: np.ndarray, k: int) -> np.ndarray:
    """Chance that at least one of k samples is right (Chen et al., arXiv:2107.03374, eq. 1).

        pass@k = 1 - C(n - c, k) / C(n, k) = 1 - prod_{i = n-c+1}^{n} (1 - k / i)

    The product has no large numbers, so n may be in the thousands. k = 1 gives c / n.

    Args:
        num_samples: [P] int, n of each problem.
        num_correct: [P] int, c of each problem, at most n.
        k: subset size, at least 1.
    Returns: [P] float64; NaN where n < k.
    """
    _require_k(k)
    result = np.full(len(num_samples), np.nan)
    for i, (n, c) in enumerate(zip(num_samples.tolist(), num_correct.tolist(), strict=True)):
        if not 0 <= c <= n:
            raise ValueError(f"problem {i}: {c} of {n} samples cannot be right")
        if n >= k:
            failing = 0.0 if n - c < k else math.prod(1 - k / j for j in range(n - c + 1, n + 1))
            result[i] = 1.0 - failing
    return result


def cons_at_k(votes: Votes, k: int) -> float:
    """Chance that the most frequent answer among k samples is the right one (self-consistency,
    arXiv:2203.11171), as the mean over all subsets of k of the n samples; beyond 128 samples, as
    the mean over 4,096 subsets drawn at random (standard error at most 0.008 for one problem).

    Samples without an answer do not vote; a subset of nothing but those is wrong. Where m answers
    are equally frequent one of them is picked blindly, so a tie that includes the right answer
    counts 1 / m.

    Returns: NaN where n < k.
    """
    _require_k(k)
    if votes.total < k:
        return math.nan
    return _cons_exactly(votes, k) if votes.total <= _LARGEST_EXACT else _cons_drawn(votes, k)


def _cons_exactly(votes: Votes, k: int) -> float:
    """The mean over all subsets, each a draw from a multivariate hypergeometric law.

    For each number j of right votes, the classes of at least j wrong answers are added one by one,
    none with more than j votes. Smaller classes can neither win nor tie: they are one pool with
    those that abstain. Binomials of 128 fit a float, and nothing is subtracted.
    """
    favourable = 0.0
    for right in range(1, min(votes.right, k) + 1):
        room = k - right
        rivals = [size for size in votes.wrong if size >= right]
        others = votes.total - votes.right - sum(rivals)
        rest = np.array([float(math.comb(others, room - drawn)) for drawn in range(room + 1)])
        shares = _losing(rivals, right, room) @ rest / np.arange(1, len(rivals) + 2)
        favourable += math.comb(votes.right, right) * float(shares.sum())
    return favourable / math.comb(votes.total, k)


def _losing(rivals: Sequence[int], ceiling: int, room: int) -> np.ndarray:
    """Ways to draw from wrong classes of at least `ceiling` samples, from none more than that.

    Returns: [R + 1, room + 1] float64, by classes drawn exactly `ceiling` times and votes drawn.
    """
    ways = np.zeros((len(rivals) + 1, room + 1))
    ways[0, 0] = 1.0
    for size in rivals:
        grown = np.zeros_like(ways)
        for more in range(min(ceiling - 1, room) + 1):
            grown[:, more:] += math.comb(size, more) * ways[:, : room + 1 - more]
        if ceiling <= room:
            grown[1:, ceiling:] += math.comb(size, ceiling) * ways[:-1, : room + 1 - ceiling]
        ways = grown
    return ways


def _cons_drawn(votes: Votes, k: int) -> float:
    """The mean over subsets that are drawn; the same ones each time."""
    classes = [votes.right, votes.abstained, *votes.wrong]
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_hypergeometric(classes, k, size=_SUBSETS, method="marginals")
    right, rivals = drawn[:, 0], drawn[:, 2:]
    beaten = (rivals > right[:, None]).any(axis=1) | (right == 0)
    shares = 1.0 / (1 + (rivals == right[:, None]).sum(axis=1))
    return float(np.where(beaten, 0.0, shares).mean())


def pass_rates(correct: np.ndarray) -> np.ndarray:
    """Share of right answers of each problem, which is also Pass@1.

    Args:
        correct: [P, n] 1, 0, or NaN for a sample without a verdict.
    Returns: [P'] float64; problems without any verdict are left out.
    """
    graded = ~np.isnan(correct)
    known = graded.any(axis=1)
    return np.nansum(correct[known], axis=1) / graded[known].sum(axis=1)


def mean_with_interval(values: np.ndarray, seed: int = 0) -> Interval:
    """Mean of [P] values in [0, 1] over problems, with its 95 % percentile bootstrap interval.

    The interval answers "with other problems of this kind", so it resamples problems. A single
    problem says nothing about others: its interval is [0, 1]. So that a perfect score is not
    reported as certain, the interval is never narrower than the rule of three: with P problems
    all right (or all wrong) the bound is 3 / P away from them.

    Raises:
        ValueError: there are no values.
    """
    if not len(values):
        raise ValueError("no problem has a value")
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, 0.0, 1.0, 1)
    if np.ptp(values) == 0 and mean in (0.0, 1.0):
        margin = 3 / len(values)
        return Interval(mean, max(0.0, mean - margin), min(1.0, mean + margin), len(values))
    rows = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return Interval(mean, float(low), float(high), len(values))


def ladder_of(samples: int) -> list[int]:
    """The k at which n samples of a problem are looked at: 1, 2, 4, ... and n itself."""
    powers = [2**i for i in range(samples.bit_length()) if 2**i < samples]
    return [*powers, samples]


def by_k(ladder: Sequence[int], estimate: Callable[[int], np.ndarray]) -> dict[int, Interval]:
    """Means over the problems that have at least k graded samples; k without any is left out."""
    found = {}
    for k in ladder:
        values = estimate(k)
        enough = values[~np.isnan(values)]
        if len(enough):
            found[k] = mean_with_interval(enough)
    return found


@dataclass(frozen=True)
class Difference:
    """B minus A on the same problems."""

    mean: float
    low: float
    high: float
    p_value: float
    """Chance of a difference at least this large, if the two were equally good."""
    problems: int

    def __str__(self) -> str:
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def paired_difference(a: np.ndarray, b: np.ndarray, seed: int = 0) -> Difference:
    """Paired comparison of two runs on the same [P] problems.

    The interval is the bootstrap of the differences, with what mean_with_interval says of few
    problems: one alone says nothing of others, so it is [-1, 1]; where all are as different as
    they can be, or none differs at all, others may, and the rule of three gives 3 / P. The p-value
    is a two-sided permutation test that swaps the runs problem by problem, with Phipson and
    Smyth's (+1) / (+1) so that it is never 0.

        a = b = [1, 1, ..., 1] of 100 problems -> 0 [-0.03, 0.03]

    Raises:
        ValueError: there are no problems.
    """
    delta = b - a
    if not len(delta):
        raise ValueError("the runs have no problem in common")
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(delta), size=(_RESAMPLES, len(delta)))
    low, high = np.percentile(delta[rows].mean(axis=1), [2.5, 97.5])
    signs = rng.choice([-1.0, 1.0], size=(_RESAMPLES, len(delta)))
    mean = float(delta.mean())
    extreme = int((np.abs((signs * delta).mean(axis=1)) >= abs(mean) - 1e-12).sum())
    if len(delta) == 1:
        low, high = -1.0, 1.0
    elif np.ptp(delta) == 0 and mean in (-1.0, 0.0, 1.0):
        margin = 3 / len(delta)
        low, high = max(-1.0, mean - margin), min(1.0, mean + margin)
    return Difference(mean, float(low), float(high), (extreme + 1) / (_RESAMPLES + 1), len(delta))


def _require_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k={k}: must be at least 1")
