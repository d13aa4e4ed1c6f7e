"""What a step's groups are worth: from their rewards to the request that the learner trains on."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from rlsys.algorithms import advantages as estimators
from rlsys.algorithms.contract import Bound, Estimator
from rlsys.algorithms.shaping import kl_in_reward, shaped_rewards, takes_part
from rlsys.config.algorithm import AdvantageConfig, AlgorithmConfig, KlPlacement, is_per_token
from rlsys.loop.fleet import LearnRequest
from rlsys.loop.ready import ReadyGroup


def learn_request(
    version: int,
    groups: Sequence[ReadyGroup],
    algorithm: AlgorithmConfig,
    max_tokens: int,
    estimator: Bound[Estimator],
) -> LearnRequest:
    """Rewards, advantages and mask of a step's completions, in group order.

    Where advantages differ from token to token the learner makes them from the rewards, so those
    here are 0. So are those of a batch without a signal, in which a KL penalty in the
    rewards would be all that differs.

    Args:
        max_tokens: at which completions are cut off.
    """
    sizes = [len(g.rewards) for g in groups]
    index = np.repeat([g.group_id for g in groups], sizes)
    difficulty = np.repeat([g.difficulty for g in groups], sizes)
    lengths = np.concatenate([g.num_tokens for g in groups])
    correct = np.concatenate([g.correct for g in groups])
    shaped = _shaped(groups, algorithm, max_tokens)
    rewards = _with_kl(shaped, groups, algorithm)
    advantages = np.zeros(len(rewards))
    signal = estimators.batch_has_signal(
        shaped,
        index,
        algorithm.advantage.std_floor,
        beyond_groups=estimator.spec.beyond_groups,
    )
    if signal and not is_per_token(estimator.name):
        columns = {
            "rewards": rewards,
            "groups": index,
            "difficulty": None if np.isnan(difficulty).all() else difficulty,
            "lengths": lengths,
            "correct": correct,
        }
        advantages = estimators.sequence_advantages(estimator, columns)
    return LearnRequest(version + 1, version, groups, advantages, rewards, ~np.isnan(shaped))


def _shaped(
    groups: Sequence[ReadyGroup], algorithm: AlgorithmConfig, max_tokens: int
) -> np.ndarray:
    """[N] rewards with penalties for length; NaN for a completion that takes no part."""
    index = np.repeat([g.group_id for g in groups], [len(g.rewards) for g in groups])
    lengths = np.concatenate([g.num_tokens for g in groups])
    correct = np.concatenate([g.correct for g in groups])
    raw = np.concatenate([g.rewards for g in groups])
    truncated = np.concatenate([g.truncated for g in groups])
    trained = takes_part(raw, truncated, overlong_mask=algorithm.length.overlong_mask)
    shaped = shaped_rewards(raw, correct, lengths, index, max_tokens, algorithm.length)
    return np.where(trained, shaped, np.nan)


def has_signal(group: ReadyGroup, advantage: AdvantageConfig) -> bool:
    """Whether the group's rewards differ, so that its advantages are not all 0."""
    return estimators.has_signal(group.rewards, advantage.std_floor)


@dataclass(frozen=True)
class SignalCount:
    """How much there was to learn from in some groups, and how many completions were cut off."""

    groups: int = 0
    without_signal: int = 0
    """Groups whose completions are compared with none of another reward."""
    all_right: int = 0
    none_right: int = 0
    """Groups, as all_right."""
    completions: int = 0
    cut_off: int = 0
    """Completions that ended at the token limit."""

    def __add__(self, other: "SignalCount") -> "SignalCount":
        mine, others = astuple(self), astuple(other)
        return SignalCount(*(a + b for a, b in zip(mine, others, strict=True)))


def count_signal(
    groups: Sequence[ReadyGroup],
    algorithm: AlgorithmConfig,
    max_tokens: int,
    *,
    beyond_groups: bool,
    taught: bool = False,
) -> SignalCount:
    """Of one step's groups, by the rewards that advantages are made of: where length is penalized,
    a group whose completions are all right, and differ in length, has a signal.

    Args:
        max_tokens: at which completions are cut off.
        beyond_groups: the estimator compares completions of different prompts.
        taught: a teacher says something of each token, whatever the rewards are.
    """
    rewards, floor = _shaped(groups, algorithm, max_tokens), algorithm.advantage.std_floor
    ends = np.cumsum([len(group.rewards) for group in groups])[:-1]
    without = sum(not estimators.has_signal(own, floor) for own in np.split(rewards, ends))
    if beyond_groups:
        without = 0 if estimators.has_signal(rewards, floor) else len(groups)
    if taught:
        without = 0
    return SignalCount(
        groups=len(groups),
        without_signal=without,
        all_right=sum(bool(group.correct.all()) for group in groups),
        none_right=sum(not group.correct.any() for group in groups),
        completions=sum(len(group.truncated) for group in groups),
        cut_off=sum(int(group.truncated.sum()) for group in groups),
    )


def _with_kl(
    rewards: np.ndarray, groups: Sequence[ReadyGroup], algorithm: AlgorithmConfig
) -> np.ndarray:
    """Rewards less the KL penalty where it is in the reward and not per token."""
    sums = [g.kl for g in groups if g.kl is not None]
    kl = algorithm.kl
    in_reward = kl.placement is KlPlacement.reward and kl.coefficient > 0
    if in_reward and sums and not is_per_token(algorithm.advantage.estimator):
        rewards = kl_in_reward(rewards, np.concatenate(sums), kl.coefficient)
    return rewards
