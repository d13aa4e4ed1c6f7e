"""The proximal policy of the decoupled objective, without a forward pass."""

import torch
from torch import Tensor


def interpolate_proximal(
    rollout_logprobs: Tensor, policy_logprobs: Tensor, policy_versions: Tensor, version: int
) -> Tensor:
    """Approximate the logprobs under the policy as it was before this step (A-3PO,
    arXiv:2512.06547): log-linear in the policy version between the sampler and the policy now.

    log pi_prox = log pi_rollout + (1 - 1 / d) (log pi_theta - log pi_rollout),
    d = version + 1 - policy_versions, the steps from sampling to the policy that this step makes

    A token of the current version (d = 1) has the sampler's logprob itself as its proximal one;
    the older a token, the nearer its proximal logprob to the policy's.

    Args:
        rollout_logprobs: [B, T] nats, under the version that sampled each token.
        policy_logprobs:  [B, T] nats, under the policy that is being trained.
        policy_versions:  [B, T] version that sampled each token; padding may hold anything.
        version:          version before this step.
    Returns: [B, T] nats, without gradient.
    """
    steps = (version + 1 - policy_versions).clamp(min=1).to(rollout_logprobs.dtype)
    return torch.lerp(rollout_logprobs, policy_logprobs.detach(), 1.0 - 1.0 / steps)
