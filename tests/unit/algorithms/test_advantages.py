from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.algorithms.advantages import has_signal, sequence_advantages
from rlsys.algorithms.registry import Registry
from rlsys.config.algorithm import ESTIMATORS, TOKEN_ESTIMATORS, DifficultySource
from rlsys.errors import ConfigError
from tests.helpers.algorithms import algorithm_of

NAN = float("nan")
PER_SEQUENCE = [name for name in ESTIMATORS if name not in TOKEN_ESTIMATORS]
GROUP_RELATIVE = [
    "group_zscore",
    "group_mean",
    "leave_one_out",
    "batch_norm_group_baseline",
    "pass_at_k",
    "max_rl",
]


def advantages(kind, rewards, groups, difficulty=None, **settings):
    config = algorithm_of(advantage__estimator=kind, **settings)
    known = None if difficulty is None else np.array(difficulty, dtype=np.float64)
    columns = {
        "rewards": np.array(rewards, dtype=np.float64),
        "groups": np.array(groups),
        "difficulty": known,
    }
    return sequence_advantages(Registry().estimator_of(config), columns)


def test_group_zscore_divides_by_the_sample_std():
    # Mean 1/4, squares 9/16 + 3/16 = 3/4, variance 3/4 / 3, std 1/2.
    got = advantages("group_zscore", [1, 0, 0, 0, 0, 1], [5, 5, 5, 5, 2, 2])
    np.testing.assert_allclose(got, [1.5, -0.5, -0.5, -0.5, -sqrt(0.5), sqrt(0.5)], rtol=1e-15)


def test_group_mean_keeps_the_scale_of_the_rewards():
    got = advantages("group_mean", [1, 0, 0, 0, 0.25, 0.75], [1, 1, 1, 1, 0, 0])
    np.testing.assert_allclose(got, [0.75, -0.25, -0.25, -0.25, -0.25, 0.25], rtol=1e-15)


def test_leave_one_out_compares_with_the_mean_of_the_others():
    # 1 - 0, then 0 - 1/3.
    got = advantages("leave_one_out", [1, 0, 0, 0], [0, 0, 0, 0])
    np.testing.assert_allclose(got, [1, -1 / 3, -1 / 3, -1 / 3], rtol=1e-15)


def test_batch_norm_has_no_group_baseline():
    # Mean 5/8, squares 5 * 0.375^2 + 3 * 0.625^2 = 1.875, variance 1.875 / 7.
    got = advantages("batch_norm", [1, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    up, down = 0.375 / sqrt(1.875 / 7), -0.625 / sqrt(1.875 / 7)
    np.testing.assert_allclose(got, [up, down, down, down, up, up, up, up], rtol=1e-14)


def test_batch_norm_with_group_baseline_divides_by_the_std_of_the_centered_rewards():
    # Centered 0.75, -0.25 x 3, 0 x 4: squares 0.75, variance 0.75 / 7.
    kind = "batch_norm_group_baseline"
    got = advantages(kind, [1, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    up, down = 0.75 / sqrt(0.75 / 7), -0.25 / sqrt(0.75 / 7)
    np.testing.assert_allclose(got, [up, down, down, down, 0, 0, 0, 0], rtol=1e-14)


def test_max_rl_divides_by_the_solve_rate():
    got = advantages("max_rl", [1, 0, 0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(got, [3, -1, -1, -1, 1 / 3, 1 / 3, -1, 1 / 3], rtol=1e-14)


def test_max_rl_of_a_group_without_success_is_zero():
    assert advantages("max_rl", [0, 0, 0], [0, 0, 0]).tolist() == [0, 0, 0]


def test_difficulty_by_solve_rate_shares_statistics_among_groups_of_one_bucket():
    # Groups 0 and 2 both solve 1/2: rewards 1, 0, 0, 1 have mean 1/2 and variance 1/3.
    # Group 1 solves everything, alone in its bucket.
    got = advantages("difficulty", [1, 0, 1, 1, 0, 1], [0, 0, 1, 1, 2, 2])
    a = 0.5 / sqrt(1 / 3)
    np.testing.assert_allclose(got, [a, -a, 0, 0, -a, a], rtol=1e-14)


def test_difficulty_from_the_data_puts_unknown_rows_in_a_bucket_of_their_own():
    # Easy (1): 1, 0.  Hard (5): 1, 0, 0, 0.  Unknown: 1, 1.
    got = advantages(
        "difficulty",
        [1, 0, 1, 0, 0, 0, 1, 1],
        [0, 0, 1, 1, 2, 2, 3, 3],
        difficulty=[1, 1, 5, 5, 5, 5, NAN, NAN],
        advantage__difficulty_source=DifficultySource.data,
        advantage__difficulty_edges=[3.0],
    )
    a = sqrt(0.5)
    np.testing.assert_allclose(got, [a, -a, 1.5, -0.5, -0.5, -0.5, 0, 0], rtol=1e-14)


def test_difficulty_from_data_that_has_none_is_refused():
    with pytest.raises(ConfigError, match="nearest valid: solve_rate"):
        advantages("difficulty", [1], [0], advantage__difficulty_source=DifficultySource.data)


def test_pass_at_2_by_the_formulas_for_binary_rewards():
    # Mean 1 - C(3,2)/C(4,2) = 1/2, std 1/2; right (1 - 1/2) / (1/2) = 1;
    # wrong (1 - C(2,1)/C(3,1) - 1/2) / (1/2) = -1/3.
    got = advantages("pass_at_k", [0, 1, 0, 0], [0, 0, 0, 0], advantage__k=2)
    np.testing.assert_allclose(got, [-1 / 3, 1, -1 / 3, -1 / 3], rtol=1e-14)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([0.0, 0.3, 0.7, 1.0]), min_size=2, max_size=7), st.integers(1, 4))
def test_pass_at_k_equals_the_average_over_all_tries(rewards, k):
    k = min(k, len(rewards))
    tries = list(combinations(range(len(rewards)), k))
    scores = np.array([max(rewards[i] for i in t) for t in tries])
    std = max(scores.std(), 1e-4)
    expected = [
        (np.mean([s for s, t in zip(scores, tries, strict=True) if i in t]) - scores.mean()) / std
        for i in range(len(rewards))
    ]
    got = advantages("pass_at_k", rewards, [0] * len(rewards), advantage__k=k)
    np.testing.assert_allclose(got, expected, atol=1e-9)


@pytest.mark.parametrize("kind", GROUP_RELATIVE)
def test_group_of_one_has_zero_advantage(kind):
    got = advantages(kind, [1.0, 0.0, 1.0], [0, 1, 1])
    assert got[0] == 0.0
    assert got[2] > 0.0 or kind == "pass_at_k"


@pytest.mark.parametrize("kind", GROUP_RELATIVE)
@pytest.mark.parametrize("reward", [0.0, 0.1, 0.7, 1.0])
def test_group_of_equal_rewards_has_exactly_zero_advantage(kind, reward):
    got = advantages(kind, [reward] * 7 + [0.0, 1.0], [0] * 7 + [1, 1])
    assert got[:7].tolist() == [0.0] * 7


@pytest.mark.parametrize("kind", ["group_zscore", "batch_norm"])
def test_rewards_that_differ_by_rounding_only_have_no_signal(kind):
    got = advantages(kind, [0.1 + 0.2, 0.3, 0.3, 0.3], [0, 0, 0, 0])
    assert np.abs(got).max() < 1e-9


def test_std_floor_limits_how_far_small_differences_are_blown_up():
    # Std of (0, 0.001) is 0.000707, below the floor: deviations of 0.0005 are divided by 0.01.
    got = advantages("group_zscore", [0.0, 0.001], [0, 0], advantage__std_floor=0.01)
    np.testing.assert_allclose(got, [-0.05, 0.05], rtol=1e-12)


@pytest.mark.parametrize("kind", PER_SEQUENCE)
def test_a_batch_without_any_reward_has_zero_advantages(kind):
    assert advantages(kind, [NAN, NAN], [0, 0]).tolist() == [0.0, 0.0]


rows = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 1.0, NAN]), st.integers(0, 3)), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=30)
@given(rows, st.sampled_from(PER_SEQUENCE))
def test_rows_without_reward_get_zero_and_change_nothing(batch, kind):
    rewards, groups = np.array([r for r, _ in batch]), np.array([g for _, g in batch])
    known = ~np.isnan(rewards)
    got = advantages(kind, rewards, groups)
    assert (got[~known] == 0).all()
    np.testing.assert_allclose(got[known], advantages(kind, rewards[known], groups[known]))


@settings(deadline=None, max_examples=30)
@given(rows, st.sampled_from(PER_SEQUENCE), st.randoms())
def test_the_order_of_rows_and_the_names_of_groups_do_not_matter(batch, kind, random):
    order = list(range(len(batch)))
    random.shuffle(order)
    rewards, groups = np.array([r for r, _ in batch]), np.array([g for _, g in batch])
    got = advantages(kind, rewards, groups)
    shuffled = advantages(kind, rewards[order], 1000 - 7 * groups[order])
    np.testing.assert_allclose(got[order], shuffled, atol=1e-9)


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [([0, 0, 1], True), ([1, 1, 1], False), ([0.5], False), ([0, NAN], False), ([NAN, NAN], False)],
)
def test_a_group_has_signal_when_two_rewards_differ(rewards, expected):
    assert has_signal(np.array(rewards, dtype=np.float64), 1e-4) is expected


def test_differences_up_to_the_floor_are_no_signal():
    assert not has_signal(np.array([0.5, 0.50005]), 1e-4)
