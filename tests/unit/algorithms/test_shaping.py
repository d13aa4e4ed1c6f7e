import numpy as np
import pytest

from rlsys.algorithms.shaping import (
    difficulty_aware_penalty,
    group_relative_length_reward,
    kl_in_reward,
    overlong_penalty,
    shaped_rewards,
    takes_part,
)
from rlsys.config.algorithm import LengthConfig, LengthPenalty

NAN = float("nan")


def test_overlong_penalty_grows_over_the_buffer():
    got = overlong_penalty(np.array([10, 80, 90, 95, 100, 130]), 100, 0.2)
    np.testing.assert_allclose(got, [0, 0, -0.5, -0.75, -1, -1])


def test_group_relative_length_rewards_short_right_answers_and_never_wrong_ones():
    # Group 0: 10 right, 20 right, 30 wrong, 10 wrong. Group 1: equal lengths.
    got = group_relative_length_reward(
        np.array([10, 20, 30, 10, 50, 50]),
        np.array([True, True, False, False, True, False]),
        np.array([0, 0, 0, 0, 1, 1]),
    )
    np.testing.assert_allclose(got, [0.5, 0, -0.5, 0, 0, 0])


def test_tokens_cost_more_where_more_answers_are_right():
    # Group 0 solves 1 of 2: price 1/2. Group 1 solves 0 of 4: price 1/4. Group 2 solves 2 of 2.
    got = difficulty_aware_penalty(
        np.array([50, 100, 40, 40, 80, 80, 50, 100]),
        np.array([True, False, False, False, False, False, True, True]),
        np.array([0, 0, 1, 1, 1, 1, 2, 2]),
        100,
    )
    np.testing.assert_allclose(got, [-0.25, -0.5, -0.1, -0.1, -0.2, -0.2, -0.5, -1])


def shaped(rewards, lengths, correct, **settings):
    return shaped_rewards(
        np.array(rewards, dtype=np.float64),
        np.array(correct),
        np.array(lengths),
        np.zeros(len(rewards), dtype=np.int64),
        100,
        LengthConfig(**settings),
    )


def test_without_settings_rewards_stay_as_they_are():
    rewards = np.array([1.0, NAN, 0.3])
    got = shaped(rewards, [10, 20, 100], [True, False, False])
    np.testing.assert_array_equal(got, rewards)
    assert got is not rewards


def test_penalties_add_up_and_rows_without_reward_stay_without():
    got = shaped(
        [1.0, NAN, 0.0],
        [10, 5, 100],
        [True, False, False],
        overlong_penalty=0.5,
        penalty=LengthPenalty.group_relative,
        penalty_coefficient=0.2,
    )
    # The shortest with a reward has 10 tokens: 1 + 0.2 / 2; the longest 0 - 0.5 - 0.2 / 2.
    np.testing.assert_allclose(got, [1.1, NAN, -0.6])


def test_difficulty_aware_penalty_counts_rows_with_a_reward_only():
    got = shaped(
        [1.0, NAN, 0.0],
        [50, 50, 100],
        [True, True, False],
        penalty=LengthPenalty.difficulty_aware,
        penalty_coefficient=1.0,
    )
    np.testing.assert_allclose(got, [0.75, NAN, -0.5])


@pytest.mark.parametrize("kind", LengthPenalty)
def test_a_batch_without_rewards_is_shaped_to_itself(kind):
    got = shaped([NAN, NAN], [5, 9], [False, False], penalty=kind)
    assert np.isnan(got).all()


def test_answers_without_reward_take_no_part_and_cut_off_ones_only_without_the_mask():
    rewards, truncated = np.array([1.0, NAN, 0.0]), np.array([False, False, True])
    assert takes_part(rewards, truncated, overlong_mask=False).tolist() == [True, False, True]
    masked = takes_part(rewards, truncated, overlong_mask=True)
    assert masked.tolist() == [True, False, False]


def test_kl_in_the_reward_is_taken_off_per_answer():
    got = kl_in_reward(np.array([1.0, NAN]), np.array([4.0, 1.0]), 0.1)
    np.testing.assert_allclose(got, [0.6, NAN])
