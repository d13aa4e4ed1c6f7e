"""KL divergence between the policy and the frozen reference: estimates, penalties, control."""

import torch
from torch import Tensor

from rlsys.config.algorithm import KlEstimator

_EXP_LIMIT = 20.0  # nats; exp(20) = 5e8 is finite in float32, and far beyond any useful ratio


def kl_estimate(
    policy_logprobs: Tensor,
    reference_logprobs: Tensor,
    estimator: KlEstimator,
    rollout_logprobs: Tensor | None = None,
) -> Tensor:
    """Estimate KL(pi_theta || pi_ref) from the sampled token (Schulman 2020, "Approximating KL
    Divergence"; the unbiased form of k3 is DeepSeek-V3.2's, arXiv:2512.02556, eq. 7).

    With d = log pi_theta - log pi_ref and r = pi_theta / pi_rollout:

    k1 = d            unbiased value; its gradient has mean 0 and knows no reference
    k2 = d^2 / 2      biased value; on-policy its gradient is the KL's
    k3 = e^-d - 1 + d unbiased value on-policy, never negative; its gradient is that of the
                      forward KL(pi_ref || pi_theta)
    k1_unbiased = r k1,  k3_unbiased = r k3    value and gradient unbiased for any rollout policy
    k2_unbiased = sg(r) k2                     gradient unbiased for any rollout policy

    Args:
        policy_logprobs:    [...] nats; gradient flows here.
        reference_logprobs: [...] nats.
        rollout_logprobs:   [...] nats, of the policy that sampled; the unbiased forms need it.
    Returns: [...] nats.
    """
    d = (policy_logprobs - reference_logprobs).clamp(-_EXP_LIMIT, _EXP_LIMIT)
    match estimator:
        case KlEstimator.k1 | KlEstimator.k1_unbiased:
            value = d
        case KlEstimator.k2 | KlEstimator.k2_unbiased:
            value = 0.5 * d.square()
        case KlEstimator.k3 | KlEstimator.k3_unbiased:
            value = torch.expm1(-d) + d
    if estimator in (KlEstimator.k1, KlEstimator.k2, KlEstimator.k3):
        return value
    if rollout_logprobs is None:
        raise ValueError(f"{estimator.name} needs rollout_logprobs")
    ratio = (policy_logprobs - rollout_logprobs).clamp(-_EXP_LIMIT, _EXP_LIMIT).exp()
    return value * (ratio.detach() if estimator is KlEstimator.k2_unbiased else ratio)


def adapted_kl_coefficient(coefficient: float, observed: float, target: float) -> float:
    """One step of the proportional controller of arXiv:1909.08593, section 2.2.

    beta <- beta (1 + 0.1 clip(observed / target - 1, -0.2, 0.2))

    Args:
        coefficient: beta of the step just taken.
        observed, target: mean KL in nats per token of that step, and the wanted one.
    Returns: beta of the next step: at most 2% from the last one.
    """
    error = min(max(observed / target - 1.0, -0.2), 0.2)
    return coefficient * (1.0 + 0.1 * error)
