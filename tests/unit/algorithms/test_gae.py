import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from rlsys.algorithms.gae import (
    clipped_value_loss,
    explained_variance,
    gae,
    moments,
    token_rewards,
    whiten,
)

NAN = float("nan")


def tensor(*rows):
    return torch.tensor(list(rows), dtype=torch.float64)


MASK = torch.tensor([[True, True, True], [True, False, False]])


def test_token_rewards_put_the_reward_on_the_last_token_and_kl_on_each():
    kl = tensor([0.1, 0.2, 0.3], [0.5, NAN, NAN])
    got = token_rewards(torch.tensor([1.0, 2.0]).double(), MASK, kl, 0.1)
    torch.testing.assert_close(got, tensor([-0.01, -0.02, 0.97], [1.95, 0, 0]))


def test_token_rewards_of_a_row_that_takes_no_part_are_zero():
    got = token_rewards(torch.tensor([NAN]), torch.zeros(1, 2, dtype=torch.bool), None, 0.0)
    assert got.tolist() == [[0.0, 0.0]]


def test_gae_by_hand():
    # delta = 0.9 * 0.4 - 0.5, 0.9 * 0.3 - 0.4, 1 - 0.3 = -0.14, -0.13, 0.7; gamma lam = 0.72:
    # A = -0.14 + 0.72 * 0.374, -0.13 + 0.72 * 0.7, 0.7.  Second row: one token, 2 - 0.5.
    rewards, values = tensor([0, 0, 1], [2, 9, 9]), tensor([0.5, 0.4, 0.3], [0.5, 7, NAN])
    advantages, returns = gae(rewards, values, MASK, gamma=0.9, lam=0.8)
    torch.testing.assert_close(advantages, tensor([0.12928, 0.374, 0.7], [1.5, 0, 0]))
    torch.testing.assert_close(returns, tensor([0.62928, 0.774, 1.0], [2.0, 0, 0]))


def test_gae_with_lambda_one_is_the_return_less_the_value():
    values = tensor([0.5, 0.4, 0.3])
    advantages, returns = gae(tensor([0, 0, 1]), values, MASK[:1], 1.0, 1.0)
    torch.testing.assert_close(returns, tensor([1.0, 1.0, 1.0]))
    torch.testing.assert_close(advantages, 1.0 - values)


def test_gae_without_values_is_the_reward_still_to_come():
    rewards = token_rewards(torch.tensor([1.0]).double(), MASK[:1], tensor([1, 2, 3]), 0.1)
    advantages, _ = gae(rewards, torch.zeros(1, 3).double(), MASK[:1], 1.0, 1.0)
    torch.testing.assert_close(advantages, tensor([0.4, 0.5, 0.7]))


def test_whitened_advantages_have_mean_zero_and_std_one():
    got = whiten(tensor([1, 2, 3], [NAN, 9, 9]), MASK & MASK[:1], tensor(3, 6, 14), 1e-4)
    torch.testing.assert_close(got[0], tensor(-1, 0, 1))
    equal = whiten(tensor([5, 5]), torch.tensor([[True, True]]), tensor(2, 10, 50), 1e-4)
    assert equal.tolist() == [[0, 0]]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.floats(-3, 3), min_size=1, max_size=6), min_size=2, max_size=5))
def test_moments_of_parts_add_up_to_those_of_the_whole(parts):
    rows = [torch.tensor([p], dtype=torch.float64) for p in parts]
    total = sum(moments(r, torch.ones_like(r, dtype=torch.bool)) for r in rows)
    flat = torch.cat([r.flatten() for r in rows])
    whole = moments(flat, torch.ones_like(flat, dtype=torch.bool))
    torch.testing.assert_close(total, whole)


def value_loss(values, clip=0.2):
    return clipped_value_loss(
        values,
        old_values=tensor([0.5, 0.5, 0.5], [0.5, NAN, NAN]),
        returns=tensor([0.0, 0.0, 1.0], [2.0, NAN, NAN]),
        mask=MASK,
        weights=torch.tensor([0.25, 1.0], dtype=torch.float64),
        clip=clip,
    )


def test_value_loss_takes_the_worse_of_clipped_and_unclipped():
    values = tensor([1.0, 0.0, 0.6], [1.0, NAN, NAN]).requires_grad_()
    out = value_loss(values)
    # max(1, 0.7^2), max(0, 0.3^2), 0.4^2; second row max(1, 1.3^2).
    assert out.loss.item() == pytest.approx(0.5 * (0.25 * (1 + 0.09 + 0.16) + 1.69))
    out.loss.backward()
    torch.testing.assert_close(values.grad, tensor([0.25, 0, -0.1], [0, 0, 0]))
    assert out.metrics["value_clipped"].item() == 2
    assert out.metrics["value_error"].item() == pytest.approx(0.25 * 3 + 2.25)
    # Half of max(1, 0.49), max(0, 0.09), 0.16 and max(1, 1.69).
    assert out.metrics["value_loss"].item() == pytest.approx(0.5 * (1 + 0.09 + 0.16 + 1.69))
    assert out.metrics["returns"].item() == 3.0
    assert out.metrics["returns_square"].item() == 5.0


def test_value_loss_without_clip_is_half_the_squared_error():
    values = tensor([1.0, 0.0, 0.6], [1.0, 0.0, 0.0]).requires_grad_()
    assert value_loss(values, 0.0).loss.item() == pytest.approx(0.5 * (0.25 * 1.16 + 1))
    assert gradcheck(lambda v: value_loss(v, 0.0).loss, (values,))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 3.0], 1.0),
        ([2.0, 2.0, 2.0], 0.0),  # the mean alone
        ([2.0, 3.0, 4.0], -0.5),  # off by 1 everywhere; the variance is 2/3
    ],
)
def test_explained_variance_of_three_returns(values, expected):
    returns = np.array([1.0, 2.0, 3.0])
    error = float(((np.array(values) - returns) ** 2).mean())
    got = explained_variance(error, float(returns.mean()), float((returns**2).mean()))
    assert got == pytest.approx(expected)


def test_returns_that_do_not_vary_have_no_variance_to_explain():
    assert explained_variance(0.25, 0.5, 0.25) == 0.0
