"""What the KL term asks for where it is alone: in a batch whose completions have no advantage.

With d = log pi_theta - log pi_ref, the KL's gradient is that of a policy gradient whose advantages
are A_kl = -beta d (arXiv:2510.01555). Beside advantages of about 1 they weigh beta d, since Adam
divides the sum by the size of the sum. Alone, Adam divides them by their own size: the step is then
a full one whatever d is, even where d is the rounding of one model computed twice. So the learning
rate takes over what Adam takes away, as the share

    rms(A_kl) / 1 = beta rms(d),  at most 1
"""

import math
from dataclasses import replace

import torch

from rlsys.config.algorithm import AlgorithmConfig, KlEstimator, KlPlacement

ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""Root mean square of d, in nats, up to which policy and reference may be one model computed in two
ways: by other microbatches, kernels and formats. Ten times what float32 shows, twice what bfloat16
does; 0.05 is a KL of 0.001 nats per token."""


def kl_share(kl: float, coefficient: float, dtype: torch.dtype) -> float:
    """Share of the learning rate for a batch in which the KL term is alone; 0: no update.

    Args:
        kl: mean of the k3 estimate over trained tokens, nats. Near its minimum that is d^2 / 2.
        coefficient: beta.
        dtype: in which the policy is computed.
    """
    drift = math.sqrt(2 * max(kl, 0.0))
    return min(1.0, coefficient * drift) if drift > ROUNDING[dtype] else 0.0


def kl_alone(config: AlgorithmConfig) -> AlgorithmConfig:
    """The same algorithm with the KL as all of its loss, wherever its penalty stands otherwise.

    k2, since as a loss it has the gradient of the KL itself, that of k1 in the reward; an entropy
    bonus is no pull to anywhere, and has no part.
    """
    return replace(
        config,
        kl=replace(config.kl, placement=KlPlacement.loss, estimator=KlEstimator.k2),
        loss=replace(config.loss, entropy_coefficient=0.0),
    )
