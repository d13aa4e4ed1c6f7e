import torch

from rlsys.algorithms.proximal import interpolate_proximal

ROLLOUT = torch.tensor([[-2.0, -2.0, -2.0, -2.0]], dtype=torch.float64)
POLICY = torch.tensor([[-1.0, -1.0, -1.0, -1.0]], dtype=torch.float64)


def test_the_proximal_policy_lies_one_step_before_the_policy_that_is_made():
    # At version 5 the step makes version 6. Tokens of versions 5, 4, 2: 1, 2 and 4 steps.
    versions = torch.tensor([[5, 4, 2, 2]], dtype=torch.int32)
    got = interpolate_proximal(ROLLOUT, POLICY, versions, version=5)
    assert got.tolist() == [[-2.0, -1.5, -1.25, -1.25]]


def test_it_carries_no_gradient():
    policy = POLICY.clone().requires_grad_()
    versions = torch.zeros(1, 4, dtype=torch.int32)
    assert not interpolate_proximal(ROLLOUT, policy, versions, 3).requires_grad
