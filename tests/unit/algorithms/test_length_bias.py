"""The 1/|o| term of GRPO under-penalizes long wrong answers; DAPO and Dr. GRPO do not."""

import numpy as np
import pytest
import torch

from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.losses import LossInputs
from rlsys.config.algorithm import Aggregation, WeightRule
from tests.helpers.algorithms import algorithm_of, loss_of

LENGTHS = [1, 10, 100, 1000]


def token_gradients(aggregation):
    """Gradient of the loss by the logprob of a token of each answer, on-policy, advantage -1."""
    config = algorithm_of(kl__coefficient=0.0, off_policy__weight_rule=WeightRule.metrics_only)
    lengths = np.array(LENGTHS)
    weights = sequence_weights(lengths, np.zeros(4, dtype=int), aggregation, 1000)
    mask = torch.arange(1000)[None, :] < torch.tensor(LENGTHS)[:, None]
    policy = torch.full((4, 1000), -1.0, dtype=torch.float64, requires_grad=True)
    inputs = LossInputs(
        policy_logprobs=policy,
        rollout_logprobs=torch.full((4, 1000), -1.0, dtype=torch.float64),
        proximal_logprobs=None,
        reference_logprobs=None,
        advantages=torch.full((4, 1000), -1.0, dtype=torch.float64),
        mask=mask,
        weights=torch.from_numpy(weights),
        entropy=None,
    )
    loss_of(inputs, config).loss.backward()
    return policy.grad[:, 0].numpy()


def test_under_grpo_a_wrong_tokens_gradient_shrinks_as_one_over_the_length():
    gradient = token_gradients(Aggregation.sequence_mean)
    np.testing.assert_allclose(gradient, [1 / (4 * n) for n in LENGTHS], rtol=1e-12)


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [(Aggregation.token_mean, 1 / 1111), (Aggregation.constant, 1 / 4000)],
)
def test_under_dapo_and_dr_grpo_it_does_not_depend_on_the_length(aggregation, expected):
    np.testing.assert_allclose(token_gradients(aggregation), [expected] * 4, rtol=1e-12)
