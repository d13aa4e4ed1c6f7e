"""The policy loss of one microbatch, put together from the configured choices.

    loss = sum_i w_i sum_t [ c_it l_it + beta kl_it - alpha H_it ]

l_it is the surrogate (clipping.py), c_it the off-policy correction (off_policy.py), kl_it the
penalty (kl.py) and w_i the weight of aggregation.py, counted over the whole batch. Summing this
over all microbatches and ranks gives the batch's loss, exactly.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rlsys.algorithms import clipping
from rlsys.algorithms.clipping import Surrogate
from rlsys.algorithms.kl import kl_estimate
from rlsys.algorithms.off_policy import Correction, correction, k3_mismatch
from rlsys.config.algorithm import (
    AlgorithmConfig,
    Clip,
    KlEstimator,
    KlPlacement,
    OffPolicy,
    Ratio,
)
from rlsys.errors import ConfigError

_EXP_LIMIT = 20.0  # nats; a ratio beyond exp(20) is a fault that is counted, not a number to use


@dataclass(frozen=True)
class LossInputs:
    """A microbatch of B sequences, right-padded to T response tokens. Padding may hold anything,
    NaN included."""

    policy_logprobs: Tensor  # [B, T] nats; gradient flows here
    rollout_logprobs: Tensor  # [B, T] nats, of the policy that sampled
    proximal_logprobs: Tensor | None  # [B, T] nats; the decoupled modes need it
    reference_logprobs: Tensor | None  # [B, T] nats; a KL term in the loss needs it
    advantages: Tensor  # [B, T]
    mask: Tensor  # [B, T] bool, true on trained tokens
    weights: Tensor  # [B] w_i of aggregation.sequence_weights
    entropy: Tensor | None  # [B, T] nats; an entropy bonus needs it, with gradient


@dataclass(frozen=True)
class _Tokens:
    """LossInputs with every number that does not count set to 0."""

    policy: Tensor  # [B, T] nats; gradient flows here
    rollout: Tensor  # [B, T] nats
    proximal: Tensor  # [B, T] nats; the rollout's with bypass
    reference: Tensor | None  # [B, T] nats
    entropy: Tensor | None  # [B, T] nats
    advantages: Tensor  # [B, T]
    mask: Tensor  # [B, T] bool, true on trained tokens whose numbers are all finite


@dataclass(frozen=True)
class LossOutput:
    """The loss to call backward on, and what to report of it."""

    loss: Tensor  # []
    metrics: dict[str, Tensor]
    """Scalars, each a sum over the microbatch's trained tokens: add them up over microbatches and
    ranks, then divide by `tokens`."""
    log_ratio: Tensor  # [n] log pi_theta - log pi_rollout of the trained tokens, detached


def policy_loss(
    inputs: LossInputs, config: AlgorithmConfig, kl_coefficient: float | None = None
) -> LossOutput:
    """Loss of one microbatch under the configured surrogate, correction, KL term and bonus.

    With off_policy=bypass the proximal policy is the sampler, so the surrogate's own ratio is the
    importance weight: truncation limits that ratio before the clip sees it, c_it is 1 or 0
    (masked). With a decoupled mode the ratio is pi_theta / pi_prox, and c_it = W' multiplies the
    loss. Masked and non-finite tokens give 0 and no gradient; the latter are counted.

    Args:
        kl_coefficient: beta, where it has been adapted; None: the configured one.
    Returns: a loss that is connected to policy_logprobs even when no token is trained, so every
        rank can call backward.
    Raises:
        ConfigError: an input that the config asks for is None.
    """
    beta = config.kl_coefficient if kl_coefficient is None else kl_coefficient
    _check_inputs(inputs, config)
    tokens = _prepare(inputs, config)
    bypass = config.off_policy is OffPolicy.bypass
    corrected = tokens.policy if bypass else tokens.proximal
    fix = correction(corrected - tokens.rollout, tokens.mask, config)
    ratio = _ratio(tokens, config) * (fix.shrink if bypass else 1.0)
    surrogate = _surrogate(ratio, tokens, config)
    token_loss = surrogate.loss * (fix.keep.to(ratio.dtype) if bypass else fix.weight)

    total = token_loss
    if config.kl_placement is KlPlacement.loss and tokens.reference is not None:
        kl = kl_estimate(tokens.policy, tokens.reference, config.kl_estimator, tokens.rollout)
        total = total + beta * kl
    if config.entropy_coefficient and tokens.entropy is not None:
        total = total - config.entropy_coefficient * tokens.entropy
    # Outside the mask advantages, KL and entropy are 0, and so is every term.
    loss = (inputs.weights.to(total.dtype)[:, None] * total).sum()

    metrics = _metrics(tokens, token_loss, ratio, surrogate, fix)
    metrics["non_finite"] = (inputs.mask & ~tokens.mask).sum().to(loss.dtype)
    return LossOutput(loss, metrics, (tokens.policy - tokens.rollout).detach()[tokens.mask])


def _check_inputs(inputs: LossInputs, config: AlgorithmConfig) -> None:
    decoupled = config.off_policy is not OffPolicy.bypass
    kl_in_loss = config.kl_coefficient > 0 and config.kl_placement is KlPlacement.loss
    bonus = config.entropy_coefficient > 0
    missing = {
        f"off_policy={config.off_policy.name} needs proximal_logprobs": (
            decoupled and inputs.proximal_logprobs is None
        ),
        f"kl_coefficient={config.kl_coefficient} needs reference_logprobs": (
            kl_in_loss and inputs.reference_logprobs is None
        ),
        f"entropy_coefficient={config.entropy_coefficient} needs entropy": (
            bonus and inputs.entropy is None
        ),
    }
    for message, is_missing in missing.items():
        if is_missing:
            raise ConfigError(f"algorithm.{message}, which the microbatch does not have")


def _prepare(inputs: LossInputs, config: AlgorithmConfig) -> _Tokens:
    """Take every token out of the mask of which a number is not finite, and zero what is out."""
    bypass = config.off_policy is OffPolicy.bypass
    proximal = None if bypass else inputs.proximal_logprobs
    columns = [inputs.policy_logprobs, inputs.rollout_logprobs, inputs.advantages]
    columns += [x for x in (proximal, inputs.reference_logprobs, inputs.entropy) if x is not None]
    mask = inputs.mask & torch.stack([x.detach().isfinite() for x in columns]).all(dim=0)

    def clean(values: Tensor) -> Tensor:
        return torch.where(mask, values, 0.0)

    policy, rollout = clean(inputs.policy_logprobs), clean(inputs.rollout_logprobs)
    return _Tokens(
        policy=policy,
        rollout=rollout,
        proximal=rollout if proximal is None else clean(proximal),
        reference=None if inputs.reference_logprobs is None else clean(inputs.reference_logprobs),
        entropy=None if inputs.entropy is None else clean(inputs.entropy),
        advantages=clean(inputs.advantages).to(policy.dtype),
        mask=mask,
    )


def _ratio(tokens: _Tokens, config: AlgorithmConfig) -> Tensor:
    """[B, T] pi_theta / pi_prox, per token or one per completion."""
    log_ratio = (tokens.policy - tokens.proximal).clamp(-_EXP_LIMIT, _EXP_LIMIT)
    if config.ratio is Ratio.sequence:
        return clipping.sequence_ratio(log_ratio, tokens.mask)
    return clipping.token_ratio(log_ratio)


def _surrogate(ratio: Tensor, tokens: _Tokens, config: AlgorithmConfig) -> Surrogate:
    advantages, low, high = tokens.advantages, config.clip_low, config.clip_high
    match config.clip:
        case Clip.ppo_clip:
            return clipping.ppo_clip(ratio, advantages, low, high, config.dual_clip)
        case Clip.cispo:
            return clipping.cispo(ratio, tokens.policy, advantages, low, high)
        case Clip.dppo_mask:
            return clipping.dppo_mask(ratio, tokens.policy, tokens.rollout, advantages, low, high)
        case Clip.sapo:
            taus = config.sapo_tau_positive, config.sapo_tau_negative
            return clipping.sapo(ratio, advantages, *taus)
        case Clip.none:
            return clipping.unclipped(ratio, advantages)


@torch.no_grad()
def _metrics(
    tokens: _Tokens, token_loss: Tensor, ratio: Tensor, surrogate: Surrogate, fix: Correction
) -> dict[str, Tensor]:
    """Sums over trained tokens; docs/algorithms.md says what each one means."""
    update = tokens.policy - tokens.proximal
    mismatch = (tokens.policy - tokens.rollout).clamp(-_EXP_LIMIT, _EXP_LIMIT)
    per_token = {
        "tokens": torch.ones_like(ratio),
        "policy_loss": token_loss,
        "ratio": ratio,
        "clipped_low": surrogate.clipped_low,
        "clipped_high": surrogate.clipped_high,
        "dual_clipped": surrogate.dual_clipped,
        "update_k3": k3_mismatch(update),
        "mismatch_k3": k3_mismatch(mismatch),
        "chi_square": mismatch.mul(2).exp() - 1,
        "weight": fix.raw,
        "weight_square": fix.raw.square(),
        "weight_truncated": fix.truncated & fix.keep,
        "weight_masked": ~fix.keep,
        "ratio_guarded": update.abs() > _EXP_LIMIT,
    }
    if tokens.reference is not None:
        per_token["kl"] = kl_estimate(tokens.policy, tokens.reference, KlEstimator.k3)
    if tokens.entropy is not None:
        per_token["entropy"] = tokens.entropy
    return {k: torch.where(tokens.mask, v.to(ratio.dtype), 0.0).sum() for k, v in per_token.items()}
