"""What has to hold of every estimator of one advantage per completion, a user's too."""

from collections.abc import Iterator

import numpy as np

from rlsys.algorithms.advantages import sequence_advantages
from rlsys.algorithms.contract import Bound, Estimator
from rlsys.algorithms.properties import CLOSE, Broken, Finding, Trials, found, require_close

GROUPS = 3


def check_estimator(estimator: Bound[Estimator]) -> Iterator[Finding]:
    """An estimator with one advantage per completion, on rewards in [0, 1]."""
    trials: Trials[Estimator] = {
        "advantages are finite numbers, one a completion": _finite,
        "a group of equal rewards has none": _equal_rewards,
        "the order of completions does not matter": _permuted,
        "the names of groups do not matter": _renamed,
        "of one prompt's completions the better has no smaller one": _monotone,
        "completions without a reward have none, and change nothing": _without_reward,
    }
    return found(trials, estimator)


def _columns(rewards: np.ndarray, groups: np.ndarray) -> dict[str, np.ndarray | None]:
    """A step's completions, all of one length."""
    return {
        "rewards": rewards,
        "groups": groups,
        "difficulty": (groups % 3).astype(np.float64),
        "lengths": np.full(len(rewards), 10),
        "correct": rewards == 1.0,
    }


def _steps() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rewards and groups of several steps: several sizes of group, one of them 1."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        groups = rng.permutation(np.repeat(np.arange(GROUPS + 1), [4, 5, 3, 1]))
        yield rng.choice([0.0, 0.25, 0.5, 1.0], len(groups)), groups


def _finite(estimator: Bound[Estimator]) -> str:
    for rewards, groups in _steps():
        sequence_advantages(estimator, _columns(rewards, groups))
        sequence_advantages(estimator, _columns(np.zeros(len(rewards)), groups))
        sequence_advantages(estimator, _columns(1e-9 * rewards, groups))
    return ""


def _equal_rewards(estimator: Bound[Estimator]) -> str:
    if estimator.spec.beyond_groups:
        return "not looked at: it compares completions of different prompts"
    for rewards, groups in _steps():
        for group, reward in ((0, 1.0), (1, 0.25), (2, 0.0)):
            own = np.where(groups == group, reward, rewards)
            made = sequence_advantages(estimator, _columns(own, groups))[groups == group]
            if made.any():
                raise Broken(
                    f"{len(made)} completions that all earn {reward:g} have {made[0]:.2g}; where "
                    "it compares different prompts: Estimator(function, beyond_groups=True)"
                )
    return "exactly 0"


def _permuted(estimator: Bound[Estimator]) -> str:
    for rewards, groups in _steps():
        order = np.random.default_rng(1).permutation(len(rewards))
        whole = sequence_advantages(estimator, _columns(rewards, groups))
        other = sequence_advantages(estimator, _columns(rewards[order], groups[order]))
        require_close(whole[order], other, "an advantage")
    return ""


def _renamed(estimator: Bound[Estimator]) -> str:
    for rewards, groups in _steps():
        columns = _columns(rewards, groups)
        whole = sequence_advantages(estimator, columns)
        other = sequence_advantages(estimator, columns | {"groups": 1000 - 7 * groups})
        require_close(whole, other, "an advantage")
    return ""


def _monotone(estimator: Bound[Estimator]) -> str:
    for rewards, groups in _steps():
        made = sequence_advantages(estimator, _columns(rewards, groups))
        for group in range(GROUPS):
            order = np.argsort(rewards[groups == group], kind="stable")
            ranked, scores = made[groups == group][order], rewards[groups == group][order]
            for i in np.flatnonzero(np.diff(ranked) < -CLOSE):
                if scores[i] < scores[i + 1]:
                    raise Broken(
                        f"reward {scores[i]:g} has {ranked[i]:.2g}, and {scores[i + 1]:g} of the "
                        f"same prompt has {ranked[i + 1]:.2g}"
                    )
    return "for completions of one length"


def _without_reward(estimator: Bound[Estimator]) -> str:
    for rewards, groups in _steps():
        known = np.arange(len(rewards)) % 4 != 0
        columns = _columns(np.where(known, rewards, np.nan), groups)
        made = sequence_advantages(estimator, columns)
        alone = sequence_advantages(estimator, _columns(rewards[known], groups[known]))
        if made[~known].any():
            raise Broken("a completion without a reward has an advantage")
        require_close(alone, made[known], "an advantage")
    return ""
