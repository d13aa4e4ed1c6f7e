import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.losses import LossInputs
from rlsys.config.algorithm import (
    Aggregation,
    AlgorithmConfig,
    KlEstimator,
    KlPlacement,
    OffPolicy,
    Ratio,
    WeightLevel,
    WeightRule,
)
from rlsys.errors import ConfigError
from rlsys.schema import Clip
from tests.helpers.algorithms import algorithm_of, loss_of

NAN = float("nan")
NO_KL = {"kl__coefficient": 0.0}


def tensor(*rows):
    return torch.tensor(list(rows), dtype=torch.float64)


def inputs(ratios, advantages, mask=None, weights=None, **others):
    """Two-token answers whose policy/rollout ratios are given; the rollout logprobs are -1."""
    rollout = torch.full((len(ratios), len(ratios[0])), -1.0, dtype=torch.float64)
    fields = {
        "policy_logprobs": (rollout + tensor(*ratios).log()).requires_grad_(),
        "rollout_logprobs": rollout,
        "proximal_logprobs": None,
        "reference_logprobs": None,
        "advantages": tensor(*advantages),
        "mask": torch.ones_like(rollout, dtype=torch.bool) if mask is None else torch.tensor(mask),
        "weights": torch.ones(len(ratios)).double() if weights is None else torch.tensor(weights),
        "entropy": None,
    }
    return LossInputs(**(fields | others))


def gradient(batch, config):
    loss = loss_of(batch, config).loss
    return torch.autograd.grad(loss, batch.policy_logprobs)[0]


def test_grpo_loss_of_two_answers():
    # Weights 1/4 and 1/2. A = 1: min(1.5, 1.2), 0.9. A = -1: truncation to 2 before the clip,
    # then max(2, 1.2); the last token is not trained.
    batch = inputs(
        [[1.5, 0.9], [4.0, 7.0]],
        [[1, 1], [-1, -1]],
        mask=[[True, True], [True, False]],
        weights=[0.25, 0.5],
        reference_logprobs=torch.full((2, 2), -1.0).double(),
    )
    config = AlgorithmConfig()
    out = loss_of(batch, config)
    # k3 against a reference equal to the rollout policy: 1/r - 1 + ln r.
    kl = [1 / r - 1 + math.log(r) for r in (1.5, 0.9, 4.0)]
    expected = 0.25 * (-1.2 - 0.9 + 0.001 * (kl[0] + kl[1])) + 0.5 * (2 + 0.001 * kl[2])
    assert out.loss.item() == pytest.approx(expected, rel=1e-12)
    # d k3 / d log pi = 1 - 1/r; the clipped first token has the KL's gradient alone.
    torch.testing.assert_close(
        gradient(batch, config),
        tensor(
            [0.25 * 0.001 * (1 - 1 / 1.5), 0.25 * (-0.9 + 0.001 * (1 - 1 / 0.9))],
            [0.5 * (2 + 0.001 * 0.75), 0.0],
        ),
    )
    assert out.metrics["count"].item() == 3
    assert out.metrics["clipped_high"].item() == 1
    assert out.metrics["weight_truncated"].item() == 1
    assert out.metrics["kl"].item() == pytest.approx(sum(kl))
    assert out.metrics["weight"].item() == pytest.approx(6.4)
    assert out.metrics["weight_square"].item() == pytest.approx(2.25 + 0.81 + 16)
    assert out.metrics["chi_square"].item() == pytest.approx(2.25 + 0.81 + 16 - 3)
    assert out.log_ratio.exp().tolist() == pytest.approx([1.5, 0.9, 4.0])
    # What the samples keep of each token; the last one is not trained.
    expected_clips = [Clip.high, Clip.none, Clip.truncated]
    assert out.tokens["clip"][batch.mask].tolist() == [int(clip) for clip in expected_clips]
    assert out.tokens["log_ratio"].exp()[batch.mask].tolist() == pytest.approx([1.5, 0.9, 4.0])
    assert all(one.isnan().tolist()[1] == [False, True] for one in out.tokens.values())


@pytest.mark.parametrize(
    ("ratio", "advantage", "options", "clip"),
    [
        (0.7, -1, {}, Clip.low),
        (0.7, 1, {}, Clip.none),
        (1.9, -1, {"clip__dual": 1.5}, Clip.dual),
        (1.3, 1, {"off_policy__weight_rule": WeightRule.mask}, Clip.left_out),
    ],
)
def test_what_was_done_with_a_token_has_a_name(ratio, advantage, options, clip):
    config = algorithm_of(off_policy__weight_mask_high=1.2, **options, **NO_KL)
    out = loss_of(inputs([[ratio, 1.0]], [[advantage, advantage]]), config)
    assert out.tokens["clip"].tolist() == [[int(clip), int(Clip.none)]]


def test_on_policy_the_gradient_is_that_of_reinforce():
    batch = inputs([[1.0, 1.0]], [[2, -3]], weights=[0.5])
    for clip in ("ppo_clip", "cispo", "sapo", "unclipped", "dppo_mask"):
        config = algorithm_of(loss__name=clip, clip__high=0.5, **NO_KL)
        torch.testing.assert_close(gradient(batch, config), tensor([-1.0, 1.5]))


def test_gspo_shares_one_ratio_among_an_answers_tokens():
    # sqrt(4 * 0.25) = 1 for the first answer, sqrt(4 * 1) = 2 for the second, clipped.
    batch = inputs([[4.0, 0.25], [4.0, 1.0]], [[1, 1], [1, 1]], weights=[0.25, 0.25])
    config = algorithm_of(
        loss__ratio=Ratio.sequence, off_policy__weight_level=WeightLevel.geometric, **NO_KL
    )
    out = loss_of(batch, config)
    assert out.loss.item() == pytest.approx(0.25 * (-1 - 1 - 1.2 - 1.2))
    torch.testing.assert_close(gradient(batch, config), tensor([-0.25, -0.25], [0.0, 0.0]))


def test_gspo_truncates_the_answers_ratio():
    batch = inputs([[9.0, 4.0]], [[-1, -1]])
    config = algorithm_of(
        loss__ratio=Ratio.sequence, off_policy__weight_level=WeightLevel.geometric, **NO_KL
    )
    torch.testing.assert_close(gradient(batch, config), tensor([2.0, 2.0]))


def decoupled(rule, **settings):
    # Proximal / rollout: 3 and 0.5. Policy / proximal: 1.1 and 0.9.
    proximal = torch.full((1, 2), -1.0).double() + tensor([3.0, 0.5]).log()
    batch = inputs([[3.3, 0.45]], [[1, -1]], proximal_logprobs=proximal)
    config = algorithm_of(
        off_policy__mode=OffPolicy.decoupled_recompute,
        off_policy__weight_rule=rule,
        **NO_KL,
        **settings,
    )
    return loss_of(batch, config), gradient(batch, config)


def test_decoupled_loss_clips_around_the_proximal_policy_and_weighs_by_proximal_over_rollout():
    out, slope = decoupled(WeightRule.truncate)
    assert out.loss.item() == pytest.approx(2 * -1.1 + 0.5 * 0.9)
    torch.testing.assert_close(slope, tensor([-2.2, 0.45]))
    assert out.metrics["weight"].item() == pytest.approx(3.5)
    assert out.metrics["ratio"].item() == pytest.approx(2.0)


def test_decoupled_loss_leaves_out_masked_tokens():
    out, slope = decoupled(
        WeightRule.mask, off_policy__weight_mask_low=0.1, off_policy__weight_mask_high=2.5
    )
    torch.testing.assert_close(slope, tensor([0.0, 0.45]))
    assert out.metrics["weight_masked"].item() == 1


def test_decoupled_loss_with_metrics_only_has_no_weights():
    out, slope = decoupled(WeightRule.metrics_only)
    torch.testing.assert_close(slope, tensor([-1.1, 0.9]))
    assert out.metrics["weight"].item() == pytest.approx(3.5)


def test_bypass_masks_tokens_by_their_ratio():
    batch = inputs([[6.0, 1.1]], [[-1, -1]])
    config = algorithm_of(
        off_policy__weight_rule=WeightRule.mask, off_policy__weight_mask_high=5.0, **NO_KL
    )
    torch.testing.assert_close(gradient(batch, config), tensor([0.0, 1.1]))


def test_kl_in_the_reward_is_no_term_of_the_loss_but_is_reported():
    reference = tensor([-1.0, -1.0])
    batch = inputs([[2.0, 1.0]], [[0, 0]], reference_logprobs=reference)
    config = algorithm_of(kl__placement=KlPlacement.reward, kl__estimator=KlEstimator.k1)
    out = loss_of(batch, config)
    assert out.loss.item() == 0.0
    assert out.metrics["kl"].item() == pytest.approx(0.5 - 1 + math.log(2))


def test_entropy_bonus_is_subtracted_with_its_gradient():
    entropy = tensor([2.0, 3.0]).requires_grad_()
    batch = inputs([[1.0, 1.0]], [[0, 0]], weights=[0.5], entropy=entropy)
    out = loss_of(batch, algorithm_of(loss__entropy_coefficient=0.1, **NO_KL))
    assert out.loss.item() == pytest.approx(-0.5 * 0.1 * 5)
    out.loss.backward()
    torch.testing.assert_close(entropy.grad, tensor([-0.05, -0.05]))
    assert out.metrics["entropy"].item() == 5.0


@pytest.mark.parametrize("bad", [NAN, float("inf"), -float("inf")])
@pytest.mark.parametrize("place", ["policy_logprobs", "rollout_logprobs", "advantages"])
def test_a_number_that_is_not_finite_costs_its_token_and_is_counted(place, bad):
    batch = inputs([[1.1, 1.0, 1.0]], [[1, 1, 1]], mask=[[True, True, False]])
    values = getattr(batch, place).detach().clone()
    values[0, 1] = bad
    batch = replace(batch, **{place: values})
    batch = replace(batch, policy_logprobs=batch.policy_logprobs.detach().requires_grad_())
    out = loss_of(batch, algorithm_of(**NO_KL))
    assert out.metrics["non_finite"].item() == 1
    assert out.metrics["count"].item() == 1
    torch.testing.assert_close(
        gradient(batch, algorithm_of(**NO_KL)), tensor([-1.1, 0.0, 0.0]), rtol=1e-12, atol=0
    )


def test_padding_may_hold_anything():
    mask = [[True, False]]
    clean = inputs([[1.1, 1.0]], [[1, 1]], mask=mask, reference_logprobs=tensor([-1, 0]))
    dirty = replace(
        clean,
        policy_logprobs=tensor([clean.policy_logprobs[0, 0].item(), NAN]).requires_grad_(),
        rollout_logprobs=tensor([-1, -float("inf")]),
        reference_logprobs=tensor([-1, NAN]),
        advantages=tensor([1, NAN]),
    )
    config = AlgorithmConfig()
    assert loss_of(dirty, config).loss.item() == loss_of(clean, config).loss.item()
    torch.testing.assert_close(gradient(dirty, config), gradient(clean, config))
    assert loss_of(dirty, config).metrics["non_finite"].item() == 0


def test_ratios_beyond_exp_20_are_limited_and_counted():
    batch = inputs([[1.0, 1.0]], [[-1, -1]])
    far = replace(batch, rollout_logprobs=tensor([-60.0, -1.0]))
    out = loss_of(far, algorithm_of(off_policy__weight_rule=WeightRule.metrics_only, **NO_KL))
    assert out.loss.item() == pytest.approx(math.exp(20) + 1)
    assert out.metrics["ratio_guarded"].item() == 1


def test_a_microbatch_without_trained_tokens_can_still_call_backward():
    batch = inputs([[1.0, 1.0]], [[1, 1]], mask=[[False, False]])
    out = loss_of(batch, algorithm_of(**NO_KL))
    out.loss.backward()
    assert out.loss.item() == 0.0
    assert batch.policy_logprobs.grad.tolist() == [[0.0, 0.0]]
    assert out.log_ratio.numel() == 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (AlgorithmConfig(), "kl.coefficient=0.001 needs reference_logprobs"),
        (
            algorithm_of(off_policy__mode=OffPolicy.decoupled_interpolate, **NO_KL),
            "off_policy.mode=decoupled_interpolate needs proximal_logprobs",
        ),
        (algorithm_of(loss__entropy_coefficient=0.1, **NO_KL), "needs entropy"),
    ],
)
def test_a_missing_input_is_named(config, message):
    with pytest.raises(ConfigError, match=message):
        loss_of(inputs([[1.0, 1.0]], [[1, 1]]), config)


CONFIGS = [
    {},
    {"loss__name": "cispo", "clip__high": 0.5},
    {"loss__name": "sapo", "off_policy__weight_rule": WeightRule.mask},
    {"loss__name": "dppo_mask", "kl__estimator": KlEstimator.k2_unbiased},
    {"loss__ratio": Ratio.sequence, "off_policy__weight_level": WeightLevel.geometric},
    {
        "off_policy__mode": OffPolicy.decoupled_recompute,
        "off_policy__weight_level": WeightLevel.sequence,
    },
    {
        "loss__name": "unclipped",
        "off_policy__weight_rule": WeightRule.both,
        "loss__entropy_coefficient": 0.1,
    },
]


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(Aggregation), st.sampled_from(CONFIGS), st.integers(0, 10_000), st.data())
def test_any_split_into_microbatches_has_the_loss_and_gradient_of_the_whole(
    aggregation, settings_, seed, data
):
    """Ranks and gradient accumulation are both just sums over microbatches."""
    config = algorithm_of(loss__aggregation=aggregation, **settings_)
    rng = np.random.default_rng(seed)
    num, longest = 7, 6
    lengths = rng.integers(0, longest + 1, num)
    groups = rng.integers(0, 3, num)
    weights = torch.from_numpy(sequence_weights(lengths, groups, aggregation, longest))
    columns = {
        name: torch.from_numpy(rng.normal(-1.0, 0.7, (num, longest)))
        for name in ("rollout_logprobs", "proximal_logprobs", "reference_logprobs", "entropy")
    }
    columns["advantages"] = torch.from_numpy(rng.normal(size=(num, longest)))
    policy = torch.from_numpy(rng.normal(-1.0, 0.7, (num, longest))).requires_grad_()
    mask = torch.arange(longest)[None, :] < torch.from_numpy(lengths)[:, None]

    def total(parts):
        policy.grad = None
        losses, metrics = [], []
        for part in parts:
            width = max(1, int(lengths[part].max()))
            rows = {k: v[part][:, :width] for k, v in columns.items()}
            batch = LossInputs(
                policy_logprobs=policy[part][:, :width],
                mask=mask[part][:, :width],
                weights=weights[part],
                **rows,
            )
            out = loss_of(batch, config)
            out.loss.backward()
            losses.append(out.loss.detach())
            metrics.append(out.metrics)
        summed = {k: sum(m[k] for m in metrics) for k in metrics[0]}
        return sum(losses), policy.grad.clone(), summed

    order = data.draw(st.permutations(range(num)))
    cuts = sorted(data.draw(st.sets(st.integers(1, num - 1), max_size=3)))
    parts = [list(p) for p in np.split(np.array(order), cuts)]
    loss, slope, metrics = total([list(range(num))])
    split_loss, split_slope, split_metrics = total(parts)
    torch.testing.assert_close(split_loss, loss)
    torch.testing.assert_close(split_slope, slope)
    torch.testing.assert_close(split_metrics, metrics)
