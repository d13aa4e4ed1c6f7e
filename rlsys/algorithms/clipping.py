"""Surrogates: per-token policy losses, each with its own trust region.

All take ratio [B, T] = pi_theta / pi_proximal, through which the gradient flows, and advantages
[B, T], and return a Surrogate. None of them knows masks, weights or denominators. LOSSES has them
by name; how a function names its columns and options is told in contract.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from rlsys.algorithms.contract import Bound, TokenLoss


@dataclass(frozen=True)
class Surrogate:
    """Per-token loss to be minimized, and which tokens the trust region acted on."""

    loss: Tensor  # [B, T]
    clipped_low: Tensor  # [B, T] bool
    clipped_high: Tensor  # [B, T] bool
    dual_clipped: Tensor  # [B, T] bool


def surrogate_of(loss: Bound, columns: Mapping[str, Tensor]) -> Surrogate:
    """What a loss makes of the columns that it names.

    Raises:
        AlgorithmError: a plug-in's loss fails, or returns something else than [B, T] numbers.
    """
    made = loss.call(columns)
    value = made.loss if isinstance(made, Surrogate) else made
    shape = columns["ratio"].shape
    if not isinstance(value, Tensor):
        raise loss.error(f"returned a {type(made).__name__}, not a tensor")
    if value.shape != shape:
        raise loss.error(f"returned the shape {list(value.shape)} for tokens of {list(shape)}")
    if isinstance(made, Surrogate):
        return made
    none = torch.zeros(shape, dtype=torch.bool, device=value.device)
    return Surrogate(value, none, none, none)


def token_ratio(log_ratio: Tensor) -> Tensor:
    """PPO's importance ratio: exp(log_ratio) [B, T], each token its own."""
    return log_ratio.exp()


def sequence_ratio(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """GSPO's length-normalized ratio in its per-token form (arXiv:2507.18071, eq. 7 and 14).

    s_it = sg(s_i) exp(log_ratio_t - sg(log_ratio_t)),  s_i = exp(mean_t log_ratio_t)

    The value is s_i at each token, and its gradient is s_i grad log pi_t, so that with equal
    advantages and aggregation=sequence_mean loss and gradient are those of GSPO's eq. 5.

    Args:
        log_ratio: [B, T] log pi_theta - log pi_proximal, nats.
        mask:      [B, T] bool; a row of no trained tokens has ratio 1.
    """
    counts = mask.sum(dim=1, keepdim=True).clamp(min=1)
    mean = torch.where(mask, log_ratio, 0.0).sum(dim=1, keepdim=True) / counts
    return (mean.detach() + log_ratio - log_ratio.detach()).exp()


def ppo_clip(
    ratio: Tensor, advantages: Tensor, *, clip_low: float, clip_high: float, dual_clip: float = 0.0
) -> Surrogate:
    """Clipped surrogate (arXiv:1707.06347, eq. 7), asymmetric as in DAPO (arXiv:2503.14476,
    eq. 10), with the dual clip (arXiv:1912.09729) when dual_clip > 0.

    l = -min(r A, clip(r, 1 - e_low, 1 + e_high) A);  where A < 0 at most -dual_clip A

    A token's gradient is 0 where it is clipped.
    """
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    loss = -torch.minimum(ratio * advantages, clipped * advantages)
    dual = torch.zeros_like(ratio, dtype=torch.bool)
    if dual_clip:
        dual = (advantages < 0) & (ratio > dual_clip)
        loss = torch.where(dual, -dual_clip * advantages, loss)
    low = (advantages < 0) & (ratio < 1 - clip_low)
    high = (advantages > 0) & (ratio > 1 + clip_high)
    return Surrogate(loss, low, high, dual)


def cispo(
    ratio: Tensor,
    policy_logprobs: Tensor,
    advantages: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> Surrogate:
    """CISPO of MiniMax-M1 (arXiv:2506.13585, eq. 4 and 5): the ratio is clipped and detached, so
    no token loses its gradient.

    l = -sg(clip(r, 1 - e_low, 1 + e_high)) A log pi

    clip_low of 1 or more means no lower bound, as in the paper.
    """
    value = ratio.detach()
    loss = -value.clamp(1 - clip_low, 1 + clip_high) * advantages * policy_logprobs
    none = torch.zeros_like(value, dtype=torch.bool)
    return Surrogate(loss, value < 1 - clip_low, value > 1 + clip_high, none)


def dppo_mask(
    ratio: Tensor,
    policy_logprobs: Tensor,
    rollout_logprobs: Tensor,
    advantages: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> Surrogate:
    """DPPO with the binary total variation (arXiv:2602.04879): a token is left out once its
    probability has moved too far from the sampler's in the direction its advantage pushes.

    l = -M r A,  M = 0 where A > 0 and pi - mu > e_high, or A < 0 and mu - pi > e_low, else 1

    Args:
        clip_low, clip_high: e_low and e_high, probabilities in [0, 1]. Rare tokens, whose ratios
            are large while their probabilities hardly move, keep their gradient.
    """
    change = policy_logprobs.detach().exp() - rollout_logprobs.exp()
    high = (advantages > 0) & (change > clip_high)
    low = (advantages < 0) & (change < -clip_low)
    loss = torch.where(high | low, 0.0, -ratio * advantages)
    return Surrogate(loss, low, high, torch.zeros_like(low))


def sapo(
    ratio: Tensor, advantages: Tensor, *, tau_positive: float, tau_negative: float
) -> Surrogate:
    """SAPO's soft gate in place of a clip (arXiv:2511.20347).

    l = -f(r) A,  f(r) = 4 / tau sigmoid(tau (r - 1)),  tau by the sign of A

    f'(1) = 1, so on-policy the gradient is that of REINFORCE; it fades on both sides.
    """
    positive = advantages > 0
    tau = torch.where(positive, ratio.new_tensor(tau_positive), ratio.new_tensor(tau_negative))
    loss = -(4.0 / tau) * torch.sigmoid(tau * (ratio - 1.0)) * advantages
    none = torch.zeros_like(positive)
    return Surrogate(loss, none, none, none)


def unclipped(ratio: Tensor, advantages: Tensor) -> Surrogate:
    """Importance-weighted REINFORCE: l = -r A, without a trust region."""
    none = torch.zeros_like(ratio, dtype=torch.bool)
    return Surrogate(-ratio * advantages, none, none, none)


LOSSES: Mapping[str, TokenLoss] = MappingProxyType(
    {
        "ppo_clip": TokenLoss(ppo_clip),
        "cispo": TokenLoss(cispo, stops_gradient=True),
        "dppo_mask": TokenLoss(dppo_mask),
        "sapo": TokenLoss(sapo),
        "unclipped": TokenLoss(unclipped),
    }
)
