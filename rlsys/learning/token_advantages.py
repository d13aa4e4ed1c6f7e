"""Advantages that differ from token to token: GAE with a critic, returns without one."""

import numpy as np
import torch

from rlsys.algorithms.advantages import has_signal
from rlsys.algorithms.gae import gae, moments, token_returns, token_rewards, whiten
from rlsys.algorithms.kl import kl_estimate
from rlsys.config.algorithm import AlgorithmConfig, KlPlacement
from rlsys.learning.sequences import Sequences


def fill_token_advantages(
    sequences: Sequences, config: AlgorithmConfig, kl_coefficient: float
) -> None:
    """Set the columns advantages and returns of every completion token of a step.

    The KL penalty of each token is in its reward where config.kl.placement says so. With
    estimator=token_returns there are no values, and advantages are the rewards still to come
    (REINFORCE++, arXiv:2501.03262, eq. 8). Both are whitened over the step's trained tokens when
    advantage.whiten is set (its eq. 9). Forced tokens have no penalty.

    When all rewards of the step are equal, advantages are 0: what differs then is the KL penalty
    and the critic's own error, which whitening would blow up. The returns stay as they are.

    Args:
        sequences: with the column values for estimator=gae.
        kl_coefficient: beta of this step.
    """
    lengths = torch.tensor([len(completion) for completion in sequences.completions])
    mask = torch.arange(max(1, int(lengths.max())))[None, :] < lengths[:, None]

    columns = sequences.columns

    def table(values: list[np.ndarray]) -> torch.Tensor:
        flat = torch.from_numpy(np.concatenate(values)).float()
        return torch.zeros(mask.shape).masked_scatter(mask, flat)

    trained = mask & (table(sequences.trained) != 0)
    kl = None
    if config.kl.placement is KlPlacement.reward and "reference_logprobs" in columns:
        rollout, reference = (
            table(columns["rollout_logprobs"]),
            table(columns["reference_logprobs"]),
        )
        kl = torch.where(trained, kl_estimate(rollout, reference, config.kl.estimator), 0.0)
    outcomes = torch.from_numpy(np.array(sequences.rewards, dtype=np.float32))
    rewards = token_rewards(outcomes, mask, kl, kl_coefficient)
    own = config.advantage
    if own.estimator == "token_returns":
        advantages, returns = token_returns(rewards, mask, own.gamma)
    else:
        values = table(columns["values"])
        advantages, returns = gae(rewards, values, mask, own.gamma, own.gae_lambda)
    if not has_signal(sequences.rewards, own.std_floor):
        advantages = torch.zeros_like(advantages)
    elif own.whiten:
        advantages = whiten(advantages, trained, moments(advantages, trained), own.std_floor)
    ends = np.cumsum(lengths.numpy())[:-1]
    columns["advantages"] = np.split(advantages[mask].numpy(), ends)
    columns["returns"] = np.split(returns[mask].numpy(), ends)
