"""PPO's critic side: token rewards, generalized advantage estimation, the value loss.

Sequences are right-padded [B, T]; the mask is true on a prefix of each row. Nothing follows a
completion's last token, so the value after it is 0, for completions cut off at the limit too: their
reward was given for what they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from rlsys.algorithms.contract import Estimator


def token_rewards(rewards: Tensor, mask: Tensor, kl: Tensor | None, coefficient: float) -> Tensor:
    """A reward per token: the KL penalty at each, the completion's reward at the last (InstructGPT,
    arXiv:2203.02155).

    r_t = -beta kl_t + [t is last] R

    Args:
        rewards: [B] reward units; rows with an empty mask may hold NaN.
        mask:    [B, T] bool.
        kl:      [B, T] nats, estimated between the sampler and the reference; None: no penalty.
    Returns: [B, T], 0 outside the mask.
    """
    out = torch.zeros(mask.shape, dtype=rewards.dtype, device=rewards.device)
    if kl is not None:
        out = torch.where(mask, -coefficient * kl.to(out.dtype), out)
    position = torch.arange(mask.shape[1], device=mask.device)
    last = mask & (position == mask.sum(dim=1, keepdim=True) - 1)
    return torch.where(last, out + rewards[:, None], out)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation (arXiv:1506.02438, eq. 16).

    A_t = delta_t + gamma lam A_{t+1},  delta_t = r_t + gamma V_{t+1} - V_t,  V and A 0 at the end

    Args:
        rewards, values: [B, T]; padding may hold anything.
        mask:            [B, T] bool, true on a prefix.
    Returns: advantages and returns A_t + V_t, both [B, T], without gradient, 0 outside the mask.
    """
    rewards = torch.where(mask, rewards, 0.0).detach()
    values = torch.where(mask, values, 0.0).detach()
    advantages = torch.zeros_like(values)
    carried = torch.zeros_like(values[:, 0])
    next_value = torch.zeros_like(carried)
    for t in range(mask.shape[1] - 1, -1, -1):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        # Right padding: rewards and values are 0 there, so nothing is carried into the completion.
        carried = delta + gamma * lam * carried
        advantages[:, t] = carried
        next_value = values[:, t]
    return advantages, torch.where(mask, advantages + values, 0.0)


def token_returns(rewards: Tensor, mask: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """REINFORCE++'s advantage per token (arXiv:2501.03262, eq. 8): the rewards still to come, KL
    penalties included.

    A_t = sum_{s >= t} gamma^(s - t) r_s

    That is GAE with V = 0 and lam = 1; args and returns as there.
    """
    return gae(rewards, torch.zeros_like(rewards), mask, gamma, 1.0)


ADVANTAGES: Mapping[str, Estimator] = MappingProxyType(
    {
        "gae": Estimator(gae, beyond_groups=True),
        "token_returns": Estimator(token_returns, beyond_groups=True),
    }
)
"""Those with an advantage for each token, which learning/token_advantages.py calls."""


def moments(values: Tensor, mask: Tensor) -> Tensor:
    """[3] float64: count, sum and sum of squares over the mask; add over microbatches and ranks."""
    kept = values[mask].to(torch.float64)
    count = torch.tensor(float(kept.numel()), dtype=torch.float64, device=values.device)
    return torch.stack([count, kept.sum(), kept.square().sum()])


def whiten(values: Tensor, mask: Tensor, batch_moments: Tensor, std_floor: float) -> Tensor:
    """Advantages of mean 0 and standard deviation 1 over the whole batch's tokens.

    Args:
        values, mask:  [B, T].
        batch_moments: [3] sum of `moments` over everything that the optimizer step trains on.
        std_floor:     a smaller standard deviation (sample, divisor n - 1) is replaced by it.
    Returns: [B, T], 0 outside the mask.
    """
    count, total, squares = batch_moments.unbind()
    mean = total / count.clamp(min=1)
    variance = (squares - count * mean.square()).clamp(min=0) / (count - 1).clamp(min=1)
    std = variance.sqrt().clamp(min=std_floor)
    return torch.where(mask, ((values - mean) / std).to(values.dtype), 0.0)


def explained_variance(squared_error: float, mean: float, mean_square: float) -> float:
    """How much of the returns' variance the values explain: 1 - E[(V - R)^2] / Var(R).

    1 for a perfect critic, 0 for one that knows the mean alone, below 0 for a worse one. A bias of
    the values counts as error.

    Args: means over tokens of (V - R)^2, R and R^2.
    Returns: 0 where the returns do not vary.
    """
    variance = mean_square - mean * mean
    return 1.0 - squared_error / variance if variance > 1e-12 else 0.0


@dataclass(frozen=True)
class ValueLoss:
    """The critic's loss, and sums over its tokens to add over microbatches and ranks."""

    loss: Tensor  # []
    metrics: dict[str, Tensor]


def clipped_value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, weights: Tensor, clip: float
) -> ValueLoss:
    """PPO's clipped value loss (arXiv:2005.12729, section 2).

    L = sum_i w_i sum_t 1/2 max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2)

    Args:
        values:     [B, T] from the critic; gradient flows here.
        old_values: [B, T] those that the advantages were made from.
        returns:    [B, T] from `gae`.
        mask:       [B, T] bool.
        weights:    [B] w_i of aggregation.sequence_weights, over the whole batch.
        clip:       c, reward units; 0: no clipping.
    Returns: metrics `value_loss` (of each token, unweighted), `value_error` (squared, of
        old_values), `value_clipped`, `returns` and `returns_square`: with the token count they
        give the explained variance.
    """
    values = torch.where(mask, values, 0.0)
    old_values = torch.where(mask, old_values, 0.0)
    returns = torch.where(mask, returns, 0.0)
    error = (values - returns).square()
    clipped = torch.zeros_like(mask)
    if clip:
        limited = old_values + (values - old_values).clamp(-clip, clip)
        limited_error = (limited - returns).square()
        clipped = limited_error > error
        error = torch.maximum(error, limited_error)
    loss = 0.5 * (weights.to(error.dtype)[:, None] * error).sum()
    with torch.no_grad():
        metrics = {
            "value_loss": 0.5 * error.sum(),
            "value_error": (old_values - returns).square().sum(),
            "value_clipped": (clipped & mask).sum().to(error.dtype),
            "returns": returns.sum(),
            "returns_square": returns.square().sum(),
        }
    return ValueLoss(loss, metrics)
