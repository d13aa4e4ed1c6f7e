import math

import pytest
import torch
from torch.autograd import gradcheck

from rlsys.algorithms.clipping import (
    cispo,
    dppo_mask,
    ppo_clip,
    sapo,
    sequence_ratio,
    token_ratio,
    unclipped,
)


def row(*values, grad=False):
    return torch.tensor([list(values)], dtype=torch.float64, requires_grad=grad)


def gradient(loss, leaf):
    return torch.autograd.grad(loss.sum(), leaf)[0].tolist()[0]


def test_ppo_clip_takes_the_pessimistic_side():
    ratio = row(1.5, 0.5, 1.5, 0.5, 1.1, grad=True)
    out = ppo_clip(ratio, row(1, 1, -1, -1, 2), clip_low=0.2, clip_high=0.28)
    # min(1.5, 1.28), min(0.5, 0.8), min(-1.5, -1.28), min(-0.5, -0.8), 1.1 * 2
    assert out.loss.tolist()[0] == pytest.approx([-1.28, -0.5, 1.5, 0.8, -2.2])
    assert gradient(out.loss, ratio) == pytest.approx([0, -1, 1, 0, -2])
    assert out.clipped_high.tolist() == [[True, False, False, False, False]]
    assert out.clipped_low.tolist() == [[False, False, False, True, False]]


def test_dual_clip_bounds_the_loss_of_negative_advantages_only():
    ratio = row(5.0, 5.0, 2.0, grad=True)
    out = ppo_clip(ratio, row(-2, 2, -2), clip_low=0.2, clip_high=0.2, dual_clip=3.0)
    assert out.loss.tolist()[0] == pytest.approx([6.0, -2.4, 4.0])
    assert gradient(out.loss, ratio) == pytest.approx([0, 0, 2])
    assert out.dual_clipped.tolist() == [[True, False, False]]


def test_zero_advantage_has_no_loss_and_is_not_counted_as_clipped():
    out = ppo_clip(row(9.0, 0.1), row(0, 0), clip_low=0.2, clip_high=0.2, dual_clip=3.0)
    assert out.loss.abs().sum() == 0
    assert not (out.clipped_low | out.clipped_high | out.dual_clipped).any()


def test_cispo_clips_the_weight_and_keeps_every_tokens_gradient():
    logprobs = row(-1.0, -2.0, -3.0, grad=True)
    ratio = row(0.1, 1.0, 9.0) * (logprobs - logprobs.detach()).exp()
    out = cispo(ratio, logprobs, row(1, -1, 1), clip_low=0.5, clip_high=4.0)
    # Weights 0.5, 1, 5.
    assert out.loss.tolist()[0] == pytest.approx([0.5, -2.0, 15.0])
    assert gradient(out.loss, logprobs) == pytest.approx([-0.5, 1, -5])
    assert out.clipped_low.tolist() == [[True, False, False]]
    assert out.clipped_high.tolist() == [[False, False, True]]


def test_cispo_with_clip_low_one_has_no_lower_bound():
    out = cispo(row(0.01), row(-1.0), row(1.0), clip_low=1.0, clip_high=4.0)
    assert out.loss.item() == pytest.approx(0.01)
    assert not out.clipped_low.any()


def test_dppo_masks_by_the_change_of_probability_not_by_the_ratio():
    # A rare token: ratio 100, change 0.0099. A frequent one: ratio 1.5, change 0.3.
    rollout = row(0.0001, 0.6, 0.6, 0.9, 0.9).log()
    policy = row(0.01, 0.9, 0.9, 0.6, 0.6).log().requires_grad_()
    ratio = token_ratio(policy - rollout)
    out = dppo_mask(ratio, policy, rollout, row(1, 1, -1, -1, 1), clip_low=0.15, clip_high=0.15)
    assert out.loss.tolist()[0] == pytest.approx([-100, 0, 1.5, 0, -2 / 3])
    assert gradient(out.loss, policy) == pytest.approx([-100, 0, 1.5, 0, -2 / 3])
    assert out.clipped_high.tolist() == [[False, True, False, False, False]]
    assert out.clipped_low.tolist() == [[False, False, False, True, False]]


def test_sapo_is_reinforce_on_policy_and_fades_off_policy():
    ratio = row(1.0, 1.0, 3.0, grad=True)
    out = sapo(ratio, row(2, -2, 1), tau_positive=1.0, tau_negative=2.0)
    # f(1) = 4 / tau / 2; f'(r) = 4 s (1 - s) with s = sigmoid(tau (r - 1)).
    s = 1 / (1 + math.exp(-2.0))
    assert out.loss.tolist()[0] == pytest.approx([-4, 2, -4 * s])
    assert gradient(out.loss, ratio) == pytest.approx([-2, 2, -4 * s * (1 - s)])


def test_unclipped_is_the_ratio_times_the_advantage():
    assert unclipped(row(0.5, 9.0), row(2, -1)).loss.tolist() == [[-1.0, 9.0]]


def test_sequence_ratio_is_the_geometric_mean_over_trained_tokens():
    log_ratio = row(2.0, 8.0, 99.0).log()
    mask = torch.tensor([[True, True, False]])
    ratio = sequence_ratio(log_ratio, mask)
    assert ratio.tolist()[0] == pytest.approx([4.0, 4.0, 4.0])


def test_sequence_ratio_sends_a_tokens_gradient_to_that_token_alone():
    log_ratio = row(2.0, 8.0).log().requires_grad_()
    ratio = sequence_ratio(log_ratio, torch.tensor([[True, True]]))
    assert gradient(ratio[0, 1], log_ratio) == pytest.approx([0.0, 4.0])


def test_sequence_ratio_of_no_tokens_is_one():
    assert sequence_ratio(row(5.0), torch.tensor([[False]])).tolist() == [[1.0]]


def test_sequence_ratios_summed_over_an_answer_have_the_gradient_of_the_plain_form():
    mask = torch.tensor([[True, True, True], [True, True, False]])
    log_ratio = torch.tensor([[0.3, -0.2, 0.5], [0.1, 0.4, 0.0]], dtype=torch.float64)
    plain, token_form = log_ratio.clone().requires_grad_(), log_ratio.clone().requires_grad_()
    counts = mask.sum(dim=1)
    (counts * (torch.where(mask, plain, 0.0).sum(dim=1) / counts).exp()).sum().backward()
    torch.where(mask, sequence_ratio(token_form, mask), 0.0).sum().backward()
    torch.testing.assert_close(token_form.grad, plain.grad)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, a: ppo_clip(token_ratio(x), a, clip_low=0.2, clip_high=0.28, dual_clip=3.0).loss,
        lambda x, a: sapo(token_ratio(x), a, tau_positive=1.0, tau_negative=1.05).loss,
        lambda x, a: unclipped(token_ratio(x), a).loss,
        lambda x, a: (
            dppo_mask(
                token_ratio(x), x - 2, torch.full_like(x, -2.0), a, clip_low=0.1, clip_high=0.1
            ).loss
        ),
        lambda x, a: sequence_ratio(x, torch.ones_like(x, dtype=torch.bool)).sum() * a.mean(),
    ],
    ids=["ppo_clip", "sapo", "unclipped", "dppo_mask", "sequence_ratio"],
)
def test_gradients_agree_with_finite_differences(loss):
    log_ratio = row(-0.9, -0.1, 0.05, 0.4, 1.6, grad=True)
    for advantages in (row(1, 2, 0.5, 1, 1), -row(1, 2, 0.5, 1, 1)):
        assert gradcheck(lambda x, a=advantages: loss(x, a), (log_ratio,))
