"""The policy loss of one microbatch, put together from the configured choices.

    loss = sum_i w_i sum_t [ c_it l_it + beta kl_it - alpha H_it ]

l_it is the token's loss (clipping.py, or a plug-in's), c_it the off-policy correction
(off_policy.py), kl_it the penalty (kl.py) and w_i the weight of aggregation.py, counted over the
whole batch. Summing this over all microbatches and ranks gives the batch's loss, exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rlsys.algorithms import clipping
from rlsys.algorithms.clipping import Surrogate, surrogate_of
from rlsys.algorithms.contract import Bound
from rlsys.algorithms.kl import kl_estimate
from rlsys.algorithms.off_policy import Correction, correction, k3_mismatch
from rlsys.config.algorithm import (
    AlgorithmConfig,
    KlEstimator,
    KlPlacement,
    OffPolicy,
    OffPolicyConfig,
    Ratio,
)
from rlsys.errors import ConfigError
from rlsys.schema import Clip

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
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    """[B, T] each: what else the loss names, by the names of the batch's columns."""


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
    columns: Mapping[str, Tensor]  # [B, T] each

    def named(self, ratio: Tensor) -> dict[str, Tensor]:
        """All that a loss may read, by name."""
        there = {
            "ratio": ratio,
            "advantages": self.advantages,
            "policy_logprobs": self.policy,
            "rollout_logprobs": self.rollout,
            "proximal_logprobs": self.proximal,
            "reference_logprobs": self.reference,
            "entropy": self.entropy,
            "mask": self.mask,
        }
        return {n: column for n, column in there.items() if column is not None} | dict(self.columns)


@dataclass(frozen=True)
class LossOutput:
    """The loss to call backward on, and what to report of it."""

    loss: Tensor  # []
    metrics: dict[str, Tensor]
    """Scalars, each a sum over the microbatch's trained tokens: add them up over microbatches and
    ranks, then divide by `tokens`."""
    log_ratio: Tensor  # [n] log pi_theta - log pi_rollout of the trained tokens, detached
    tokens: dict[str, Tensor]
    """[B, T] log_ratio, and clip, a schema.Clip; NaN where a token is not trained."""


def policy_loss(
    inputs: LossInputs,
    loss: Bound,
    config: AlgorithmConfig,
    kl_coefficient: float | None = None,
) -> LossOutput:
    """Loss of one microbatch under the configured ratio, correction, KL term and bonus.

    With off_policy.mode=bypass the proximal policy is the sampler, so the loss's own ratio is the
    importance weight: truncation limits that ratio before the clip sees it, c_it is 1 or 0
    (masked). With a decoupled mode the ratio is pi_theta / pi_prox, and c_it = W' multiplies the
    loss. Masked and non-finite tokens give 0 and no gradient; the latter are counted.

    Args:
        loss: of a token, with its options.
        kl_coefficient: beta, where it has been adapted; None: the configured one.
    Returns: a loss that is connected to policy_logprobs even when no token is trained, so every
        rank can call backward.
    Raises:
        ConfigError: an input that the config asks for is None.
        AlgorithmError: a plug-in's loss fails.
    """
    beta = config.kl.coefficient if kl_coefficient is None else kl_coefficient
    _check_inputs(inputs, config)
    tokens = _prepare(inputs, config)
    bypass = config.off_policy.mode is OffPolicy.bypass
    corrected = tokens.policy if bypass else tokens.proximal
    fix = _correction(corrected - tokens.rollout, tokens.mask, config.off_policy)
    ratio = _ratio(tokens, config.loss.ratio) * (fix.shrink if bypass else 1.0)
    surrogate = surrogate_of(loss, tokens.named(ratio))
    token_loss = surrogate.loss * (fix.keep.to(ratio.dtype) if bypass else fix.weight)
    token_loss = torch.where(tokens.mask, token_loss, 0.0)

    total = token_loss
    if config.kl.placement is KlPlacement.loss and tokens.reference is not None:
        kl = kl_estimate(tokens.policy, tokens.reference, config.kl.estimator, tokens.rollout)
        total = total + beta * kl
    bonus = config.loss.entropy_coefficient
    if bonus and tokens.entropy is not None:
        total = total - bonus * tokens.entropy
    # Outside the mask KL and entropy are 0, and so is every term.
    summed = (inputs.weights.to(total.dtype)[:, None] * total).sum()

    metrics = _metrics(tokens, token_loss, ratio, surrogate, fix)
    metrics["non_finite"] = (inputs.mask & ~tokens.mask).sum().to(summed.dtype)
    log_ratio = (tokens.policy - tokens.rollout).detach()
    traced = {"log_ratio": log_ratio, "clip": _clip(surrogate, fix).to(log_ratio.dtype)}
    traced = {name: torch.where(tokens.mask, one, torch.nan) for name, one in traced.items()}
    return LossOutput(summed, metrics, log_ratio[tokens.mask], traced)


def _clip(surrogate: Surrogate, fix: Correction) -> Tensor:
    """[B, T] int64 the Clip of each token; the last of these that holds."""
    clip = torch.full(fix.keep.shape, int(Clip.none), device=fix.keep.device)
    for acted, what in (
        (fix.truncated, Clip.truncated),
        (surrogate.clipped_low, Clip.low),
        (surrogate.clipped_high, Clip.high),
        (surrogate.dual_clipped, Clip.dual),
        (~fix.keep, Clip.left_out),
    ):
        clip = torch.where(acted, int(what), clip)
    return clip


def _check_inputs(inputs: LossInputs, config: AlgorithmConfig) -> None:
    mode, kl, bonus = config.off_policy.mode, config.kl, config.loss.entropy_coefficient
    kl_in_loss = kl.coefficient > 0 and kl.placement is KlPlacement.loss
    missing = {
        f"off_policy.mode={mode.name} needs proximal_logprobs": (
            mode is not OffPolicy.bypass and inputs.proximal_logprobs is None
        ),
        f"kl.coefficient={kl.coefficient} needs reference_logprobs": (
            kl_in_loss and inputs.reference_logprobs is None
        ),
        f"loss.entropy_coefficient={bonus} needs entropy": bonus > 0 and inputs.entropy is None,
    }
    for message, is_missing in missing.items():
        if is_missing:
            raise ConfigError(f"algorithm.{message}, which the microbatch does not have")


def _prepare(inputs: LossInputs, config: AlgorithmConfig) -> _Tokens:
    """Take every token out of the mask of which a number is not finite, and zero what is out."""
    bypass = config.off_policy.mode is OffPolicy.bypass
    proximal = None if bypass else inputs.proximal_logprobs
    columns = [inputs.policy_logprobs, inputs.rollout_logprobs, inputs.advantages]
    columns += [x for x in (proximal, inputs.reference_logprobs, inputs.entropy) if x is not None]
    columns += inputs.columns.values()
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
        columns={name: clean(column) for name, column in inputs.columns.items()},
    )


def _correction(log_ratio: Tensor, mask: Tensor, config: OffPolicyConfig) -> Correction:
    return correction(
        log_ratio,
        mask,
        level=config.weight_level,
        rule=config.weight_rule,
        cap=config.weight_cap,
        mask_low=config.weight_mask_low,
        mask_high=config.weight_mask_high,
    )


def _ratio(tokens: _Tokens, level: Ratio) -> Tensor:
    """[B, T] pi_theta / pi_prox, per token or one per completion."""
    log_ratio = (tokens.policy - tokens.proximal).clamp(-_EXP_LIMIT, _EXP_LIMIT)
    if level is Ratio.sequence:
        return clipping.sequence_ratio(log_ratio, tokens.mask)
    return clipping.token_ratio(log_ratio)


@torch.no_grad()
def _metrics(
    tokens: _Tokens, token_loss: Tensor, ratio: Tensor, surrogate: Surrogate, fix: Correction
) -> dict[str, Tensor]:
    """Sums over trained tokens; docs/algorithms.md says what each one means."""
    update = tokens.policy - tokens.proximal
    mismatch = (tokens.policy - tokens.rollout).clamp(-_EXP_LIMIT, _EXP_LIMIT)
    per_token = {
        "count": torch.ones_like(ratio),
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
