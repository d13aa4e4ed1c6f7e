"""Correction for data that an older policy, or another sampler, sampled; and how far off it is.

The importance weight compares the policy that the clip is centred on with the sampler:
W = pi_prox / pi_rollout under the decoupled objective, pi_theta / pi_rollout with bypass. It is
taken per token, as the product over a completion, or as the geometric mean over it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rlsys.config.algorithm import WeightLevel, WeightRule

_EXP_LIMIT = 20.0  # nats; exp(20) = 5e8, its square is still finite in float32

_QUANTILES = {"p01": 0.01, "p10": 0.10, "p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Correction:
    """Importance weights of a microbatch after the rule; no gradient flows through any of them."""

    raw: Tensor  # [B, T] W before the rule
    shrink: Tensor  # [B, T] min(1, cap / W): what truncation does to W; 1 where it does nothing
    keep: Tensor  # [B, T] bool, false where the rule masks
    truncated: Tensor  # [B, T] bool, W > cap where the rule truncates
    weight: Tensor  # [B, T] the factor of the decoupled loss: W shrink, 0 where masked


def importance_log_weights(log_ratio: Tensor, mask: Tensor, level: WeightLevel) -> Tensor:
    """log W at each token.

    Args:
        log_ratio: [B, T] log-probability under the corrected policy less the sampler's, nats.
        mask:      [B, T] bool.
        level:     token: log_ratio_t; sequence: sum_t log_ratio_t at each token; geometric: its
            mean over the completion's tokens, a product that does not grow with length.
    Returns: [B, T] nats, detached and limited to [-20, 20].
    """
    log_ratio = log_ratio.detach()
    if level is not WeightLevel.token:
        total = torch.where(mask, log_ratio, 0.0).sum(dim=1, keepdim=True)
        if level is WeightLevel.geometric:
            total = total / mask.sum(dim=1, keepdim=True).clamp(min=1)
        log_ratio = total.expand_as(log_ratio)
    return log_ratio.clamp(-_EXP_LIMIT, _EXP_LIMIT)


def correction(
    log_ratio: Tensor,
    mask: Tensor,
    *,
    level: WeightLevel,
    rule: WeightRule,
    cap: float,
    mask_low: float,
    mask_high: float,
) -> Correction:
    """Importance weights under a level and a rule.

    truncate      W' = min(W, cap)   (truncated importance sampling; IMPALA, arXiv:1802.01561)
    mask          W' = W where mask_low <= W <= mask_high, else the token is left out (at level
                  sequence or geometric: the completion is)
    both          W' = min(W, cap) where mask_low <= W <= mask_high, else left out
    metrics_only  W' = 1; raw is measured all the same

    A token that is left out keeps its place in the loss's denominator, which was counted before
    any weight was known.

    Args:
        log_ratio: [B, T] nats, log of the corrected policy's probability over the sampler's.
        mask:      [B, T] bool.
    """
    raw = importance_log_weights(log_ratio, mask, level).exp()
    one, every = torch.ones_like(raw), torch.ones_like(raw, dtype=torch.bool)
    if rule is WeightRule.metrics_only:
        return Correction(raw, one, every, ~every, one)
    truncated, keep, shrink = ~every, every, one
    if rule in (WeightRule.truncate, WeightRule.both):
        truncated = raw > cap
        shrink = (cap / raw).clamp(max=1.0)
    if rule in (WeightRule.mask, WeightRule.both):
        keep = (raw >= mask_low) & (raw <= mask_high)
    return Correction(raw, shrink, keep, truncated, torch.where(keep, raw * shrink, 0.0))


def effective_sample_size(weight_sum: float, weight_square_sum: float, count: float) -> float:
    """Kish's effective sample size as a share: (sum w)^2 / (n sum w^2), in (0, 1].

    Args: sums over tokens, over all microbatches and ranks. Returns 1.0 for no tokens.
    """
    if not count or not weight_square_sum:
        return 1.0
    return weight_sum * weight_sum / (count * weight_square_sum)


def diagnostics(log_ratio: Tensor) -> dict[str, float]:
    """How far the data are from the policy: never only a mean.

    Args:
        log_ratio: [n] log pi_theta - log pi_rollout of all trained tokens, from all microbatches
            and ranks, nats.
    Returns: ratio quantiles ratio_p01 ... ratio_p99, ratio_max and ratio_min; effective_sample_size
        in (0, 1]; mismatch_k3, the k3 estimate of KL(pi_rollout || pi_theta), nats per token;
        chi_square, the estimate of chi^2(pi_theta || pi_rollout). All neutral for no tokens.
    """
    if not log_ratio.numel():
        empty = {f"ratio_{name}": 1.0 for name in (*_QUANTILES, "min")}
        return {**empty, "effective_sample_size": 1.0, "mismatch_k3": 0.0, "chi_square": 0.0}
    log_ratio = log_ratio.detach().to(torch.float64).clamp(-_EXP_LIMIT, _EXP_LIMIT)
    ranked = log_ratio.sort().values
    ratio = ranked.exp()
    last = ratio.numel() - 1
    # The nearest rank, not torch.quantile, which refuses more than 2^24 elements.
    out = {f"ratio_{name}": float(ratio[round(q * last)]) for name, q in _QUANTILES.items()}
    out["ratio_min"] = float(ratio[0])
    squares = ratio.square().sum()
    out["effective_sample_size"] = effective_sample_size(
        float(ratio.sum()), float(squares), ratio.numel()
    )
    out["mismatch_k3"] = float(k3_mismatch(ranked).mean())
    out["chi_square"] = float(squares / ratio.numel() - 1.0)
    return out


def k3_mismatch(log_ratio: Tensor) -> Tensor:
    """k3 of KL(pi_rollout || pi_theta) per token: r - 1 - log r with r = pi_theta / pi_rollout.

    Args: log_ratio [...] nats, log r on tokens that pi_rollout sampled. Returns [...] nats, >= 0.
    """
    limited = log_ratio.clamp(-_EXP_LIMIT, _EXP_LIMIT)
    return torch.expm1(limited) - limited
