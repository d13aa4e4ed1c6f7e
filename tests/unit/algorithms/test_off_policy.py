import math

import pytest
import torch

from rlsys.algorithms.off_policy import (
    correction,
    diagnostics,
    effective_sample_size,
    importance_log_weights,
    k3_mismatch,
)
from rlsys.config.algorithm import WeightLevel, WeightRule

RATIOS = torch.tensor([[2.0, 0.25, 8.0], [1.0, 3.0, 7.0]], dtype=torch.float64)
MASK = torch.tensor([[True, True, True], [True, True, False]])

TRUNCATED = {
    "level": WeightLevel.token,
    "rule": WeightRule.truncate,
    "cap": 2.0,
    "mask_low": 0.5,
    "mask_high": 5.0,
}


def corrected(rule, level=WeightLevel.token, **settings):
    wanted = TRUNCATED | {"level": level, "rule": rule} | settings
    return correction(RATIOS.log(), MASK, **wanted)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (WeightLevel.token, [[2, 0.25, 8], [1, 3]]),
        (WeightLevel.sequence, [[4, 4, 4], [3, 3]]),
        (WeightLevel.geometric, [[4 ** (1 / 3)] * 3, [math.sqrt(3)] * 2]),
    ],
)
def test_weights_at_each_level(level, expected):
    weights = importance_log_weights(RATIOS.log(), MASK, level).exp()
    assert weights[0].tolist() == pytest.approx(expected[0])
    assert weights[1, :2].tolist() == pytest.approx(expected[1])


def test_truncation_caps_large_weights_and_leaves_small_ones():
    fix = corrected(WeightRule.truncate, cap=2.5)
    assert fix.weight[0].tolist() == pytest.approx([2, 0.25, 2.5])
    assert fix.weight[1, :2].tolist() == pytest.approx([1, 2.5])
    assert (fix.raw * fix.shrink)[0].tolist() == pytest.approx([2, 0.25, 2.5])
    assert fix.truncated[0].tolist() == [False, False, True]
    assert fix.keep.all()


def test_mask_leaves_out_what_is_outside_and_keeps_the_rest_as_it_is():
    fix = corrected(WeightRule.mask, cap=1.0, mask_low=0.5, mask_high=5.0)
    assert fix.weight[0].tolist() == pytest.approx([2, 0, 0])
    assert fix.weight[1, :2].tolist() == pytest.approx([1, 3])
    assert fix.keep.tolist()[0] == [True, False, False]
    assert not fix.truncated.any()


def test_both_masks_the_far_and_truncates_the_near():
    fix = corrected(WeightRule.both, cap=1.5, mask_low=0.5, mask_high=5.0)
    assert fix.weight[0].tolist() == pytest.approx([1.5, 0, 0])
    assert fix.weight[1, :2].tolist() == pytest.approx([1, 1.5])


def test_at_sequence_level_a_whole_answer_is_masked():
    fix = corrected(WeightRule.mask, WeightLevel.sequence, mask_high=3.5)
    assert fix.weight[0].tolist() == [0, 0, 0]
    assert fix.weight[1, :2].tolist() == pytest.approx([3, 3])


def test_metrics_only_measures_without_acting():
    fix = corrected(WeightRule.metrics_only)
    assert fix.raw[0].tolist() == pytest.approx([2, 0.25, 8])
    assert (fix.weight == 1).all()
    assert fix.keep.all()
    assert not fix.truncated.any()


def test_no_gradient_flows_through_weights():
    log_ratio = RATIOS.log().requires_grad_()
    fix = correction(log_ratio, MASK, **TRUNCATED)
    assert not fix.weight.requires_grad


def test_a_long_answers_product_stays_finite():
    log_ratio = torch.full((1, 5000), 0.5)
    mask = torch.ones(1, 5000, dtype=torch.bool)
    fix = correction(log_ratio, mask, **TRUNCATED | {"level": WeightLevel.sequence})
    assert fix.raw.square().isfinite().all()
    assert fix.weight.tolist()[0] == pytest.approx([2.0] * 5000)


def test_diagnostics_of_four_ratios():
    got = diagnostics(torch.tensor([4.0, 0.5, 2.0, 1.0], dtype=torch.float64).log())
    assert got["ratio_min"] == pytest.approx(0.5)
    assert got["ratio_p01"] == pytest.approx(0.5)
    assert got["ratio_max"] == pytest.approx(4.0)
    # (0.5 + 1 + 2 + 4)^2 / (4 * 21.25)
    assert got["effective_sample_size"] == pytest.approx(56.25 / 85)
    assert got["chi_square"] == pytest.approx(21.25 / 4 - 1)
    # r - 1 - ln r: 0.5 - 1 + ln 2, 0, 2 - 1 - ln 2, 4 - 1 - 2 ln 2
    assert got["mismatch_k3"] == pytest.approx((3.5 - 2 * math.log(2)) / 4)


def test_quantiles_are_those_of_a_known_law():
    got = diagnostics(torch.linspace(0.5, 1.5, 1001, dtype=torch.float64).log())
    expected = {"p01": 0.51, "p10": 0.6, "p50": 1.0, "p90": 1.4, "p99": 1.49, "max": 1.5}
    for name, value in expected.items():
        assert got[f"ratio_{name}"] == pytest.approx(value)


def test_on_policy_data_are_diagnosed_as_such():
    got = diagnostics(torch.zeros(10))
    assert got["effective_sample_size"] == 1.0
    assert got["mismatch_k3"] == got["chi_square"] == 0.0
    assert got["ratio_p01"] == got["ratio_max"] == 1.0


def test_no_tokens_are_diagnosed_as_on_policy():
    assert diagnostics(torch.empty(0)) == diagnostics(torch.zeros(3))


def test_effective_sample_size_from_sums_is_that_of_the_diagnostics():
    ratios = torch.tensor([4.0, 0.5, 2.0, 1.0])
    got = effective_sample_size(float(ratios.sum()), float(ratios.square().sum()), 4)
    assert got == pytest.approx(56.25 / 85)
    assert effective_sample_size(0.0, 0.0, 0) == 1.0


def test_k3_mismatch_averages_to_the_kl_of_sampler_and_policy():
    sampler = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    policy = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64)
    expected = (sampler * (sampler / policy).log()).sum()
    got = (sampler * k3_mismatch((policy / sampler).log())).sum()
    torch.testing.assert_close(got, expected)
