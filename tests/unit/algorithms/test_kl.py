import math

import pytest
import torch
from torch.autograd import gradcheck

from rlsys.algorithms.kl import adapted_kl_coefficient, kl_estimate
from rlsys.config.algorithm import KlEstimator

LN2 = math.log(2)


def logprob(*probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        # Policy 1/2, reference 1/4: d = ln 2. Sampler 1/4: r = 2.
        (KlEstimator.k1, LN2),
        (KlEstimator.k2, LN2**2 / 2),
        (KlEstimator.k3, 0.5 - 1 + LN2),
        (KlEstimator.k1_unbiased, 2 * LN2),
        (KlEstimator.k2_unbiased, LN2**2),
        (KlEstimator.k3_unbiased, 2 * (0.5 - 1 + LN2)),
    ],
)
def test_estimates_of_one_token(estimator, expected):
    got = kl_estimate(logprob(0.5), logprob(0.25), estimator, logprob(0.25))
    assert got.item() == pytest.approx(expected, rel=1e-14)


LOGITS = torch.tensor([0.2, -0.4, 1.1, 0.3], dtype=torch.float64)
REFERENCE = torch.tensor([0.5, 0.1, -0.2, 0.4], dtype=torch.float64).log_softmax(0)
SAMPLER = torch.tensor([-0.3, 0.6, 0.2, 0.0], dtype=torch.float64).log_softmax(0)


def expectation(estimator, sampler):
    """Value and gradient by the logits, expected over the sampler's whole distribution."""
    logits = LOGITS.clone().requires_grad_()
    policy = logits.log_softmax(0)
    sampler = policy.detach() if sampler is None else sampler
    value = (sampler.exp() * kl_estimate(policy, REFERENCE, estimator, sampler)).sum()
    return value.item(), torch.autograd.grad(value, logits)[0]


def exact(forward=False):
    logits = LOGITS.clone().requires_grad_()
    policy = logits.log_softmax(0)
    p, q = (REFERENCE, policy) if forward else (policy, REFERENCE)
    value = (p.exp() * (p - q)).sum()
    return value.item(), torch.autograd.grad(value, logits)[0]


@pytest.mark.parametrize("estimator", [KlEstimator.k1_unbiased, KlEstimator.k3_unbiased])
def test_unbiased_forms_have_the_kls_value_and_gradient_under_any_sampler(estimator):
    value, gradient = expectation(estimator, SAMPLER)
    assert value == pytest.approx(exact()[0], rel=1e-12)
    torch.testing.assert_close(gradient, exact()[1])


def test_unbiased_k2_has_the_kls_gradient_under_any_sampler():
    torch.testing.assert_close(expectation(KlEstimator.k2_unbiased, SAMPLER)[1], exact()[1])


def test_k2_on_policy_has_the_kls_gradient():
    torch.testing.assert_close(expectation(KlEstimator.k2, None)[1], exact()[1])


def test_k3_on_policy_has_the_kls_value_and_the_forward_kls_gradient():
    value, gradient = expectation(KlEstimator.k3, None)
    assert value == pytest.approx(exact()[0], rel=1e-12)
    torch.testing.assert_close(gradient, exact(forward=True)[1])


def test_k1_on_policy_has_a_gradient_of_zero():
    torch.testing.assert_close(expectation(KlEstimator.k1, None)[1], torch.zeros(4).double())


def test_unbiased_form_without_the_samplers_logprobs_is_refused():
    with pytest.raises(ValueError, match="k3_unbiased needs rollout_logprobs"):
        kl_estimate(logprob(0.5), logprob(0.5), KlEstimator.k3_unbiased)


@pytest.mark.parametrize("estimator", [e for e in KlEstimator if e is not KlEstimator.k2_unbiased])
def test_gradients_agree_with_finite_differences(estimator):
    policy = logprob(0.2, 0.5, 0.9).requires_grad_()
    reference, sampler = logprob(0.3, 0.1, 0.8), logprob(0.4, 0.4, 0.4)
    assert gradcheck(lambda x: kl_estimate(x, reference, estimator, sampler), (policy,))


@pytest.mark.parametrize("estimator", KlEstimator)
def test_hopeless_tokens_stay_finite_in_float32(estimator):
    far = torch.tensor([-200.0, -1.0])
    got = kl_estimate(far, far.flip(0), estimator, torch.tensor([-1.0, -200.0]))
    assert got.isfinite().all()


@pytest.mark.parametrize(
    ("observed", "expected"),
    [(0.1, 0.5), (0.11, 0.505), (0.4, 0.51), (0.09, 0.495), (0.0, 0.49)],
)
def test_adaptive_coefficient_moves_two_percent_at_most(observed, expected):
    assert adapted_kl_coefficient(0.5, observed, 0.1) == pytest.approx(expected)
