import numpy as np
import pytest

from rlsys.algorithms.registry import Registry
from rlsys.config.algorithm import AdvantageConfig, KlEstimator, KlPlacement, LengthPenalty
from rlsys.config.run import RunConfig
from rlsys.loop import outcome
from rlsys.loop.fleet import LearnRequest
from rlsys.loop.outcome import count_signal, has_signal
from rlsys.loop.ready import ReadyGroup
from rlsys.roles import REFERENCE
from tests.helpers.fake_fleet import make_config


def group(group_id: int, rewards: list[float], **changes: object) -> ReadyGroup:
    n = len(rewards)
    fields: dict[str, object] = {
        "group_id": group_id,
        "prompt_id": f"p{group_id}",
        "oldest_version": 0,
        "annotations": {},
        "row": 0,
        "rewards": np.array(rewards),
        "correct": np.array(rewards) == 1.0,
        "num_tokens": np.full(n, 10),
        "truncated": np.zeros(n, dtype=bool),
        "log_ratios": {},
        "components": {},
        "difficulty": float("nan"),
    }
    return ReadyGroup(**(fields | changes))  # type: ignore[arg-type]


def learn_request(version: int, groups: list[ReadyGroup], config: RunConfig) -> LearnRequest:
    estimator = Registry().estimator_of(config.algorithm)
    most = config.sampling.max_tokens
    return outcome.learn_request(version, groups, config.algorithm, most, estimator)


def test_advantages_are_taken_within_each_group() -> None:
    groups = [group(7, [1.0, 0.0, 0.0, 1.0]), group(3, [1.0, 1.0, 1.0, 1.0])]
    request = learn_request(5, groups, make_config())
    assert (request.step, request.version) == (6, 5)
    # Mean 1/2, sample standard deviation 1/sqrt(3).
    z = 3**0.5 / 2
    np.testing.assert_allclose(request.advantages, [z, -z, -z, z, 0, 0, 0, 0], rtol=1e-9)
    assert request.trained.all()


def test_an_answer_without_a_verdict_is_left_out_of_the_statistics_and_of_the_loss() -> None:
    request = learn_request(0, [group(1, [1.0, float("nan"), 0.0])], make_config())
    assert request.trained.tolist() == [True, False, True]
    # Mean 1/2, sample standard deviation 1/sqrt(2) of the two that were graded.
    np.testing.assert_allclose(request.advantages, [0.5**0.5, 0.0, -(0.5**0.5)])
    assert np.isnan(request.rewards[1])


def test_overlong_masking_takes_cut_off_answers_out_of_the_statistics_too() -> None:
    config = make_config()
    config.algorithm.length.overlong_mask = True
    cut = np.array([False, True, False])
    request = learn_request(0, [group(1, [1.0, 1.0, 0.0], truncated=cut)], config)
    assert request.trained.tolist() == [True, False, True]
    np.testing.assert_allclose(request.advantages, [0.5**0.5, 0.0, -(0.5**0.5)])


def test_the_kl_penalty_is_subtracted_before_the_advantages() -> None:
    config = make_config()
    config.algorithm.advantage.estimator = "group_mean"
    config.algorithm.kl.placement = KlPlacement.reward
    config.algorithm.kl.estimator = KlEstimator.k1
    config.algorithm.kl.coefficient = 0.1
    request = learn_request(
        0, [group(1, [1.0, 0.0], log_ratios={REFERENCE: np.array([2.0, 4.0])})], config
    )
    # Rewards 0.8 and -0.4, mean 0.2.
    np.testing.assert_allclose(request.rewards, [0.8, -0.4])
    np.testing.assert_allclose(request.advantages, [0.6, -0.6])


@pytest.mark.parametrize("advantage", ["gae", "token_returns"])
def test_advantages_and_kl_per_token_are_left_to_the_learner(advantage: str) -> None:
    config = make_config()
    config.algorithm.advantage.estimator = advantage
    config.algorithm.kl.placement = KlPlacement.reward
    config.algorithm.kl.coefficient = 0.1
    request = learn_request(
        0, [group(1, [1.0, 0.0], log_ratios={REFERENCE: np.array([2.0, 4.0])})], config
    )
    assert request.advantages.tolist() == [0.0, 0.0]
    assert request.rewards.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("rewards", "signal"),
    [
        ([1.0, 1.0], False),
        ([1.0, 0.0], True),
        ([float("nan"), 1.0], False),
        ([float("nan"), 1.0, 0.0], True),
    ],
)
def test_a_signal_is_a_difference_between_known_rewards(rewards: list[float], signal: bool) -> None:
    assert has_signal(group(1, rewards), AdvantageConfig()) is signal


@pytest.mark.parametrize(
    ("advantage", "rewards", "advantages"),
    [
        ("leave_one_out", ([0.0, 0.0], [1.0, 1.0]), [0, 0, 0, 0]),
        ("group_zscore", ([0.3, 0.1 + 0.2], [1.0, 1.0]), [0, 0, 0, 0]),
        ("batch_norm", ([1.0, 1.0], [1.0, 1.0]), [0, 0, 0, 0]),
        # With one verdict that differs, every answer has its penalty: 0.1 and 0.3 less.
        ("leave_one_out", ([0.0, 0.0], [1.0, 0.0]), [0.2, -0.2, 1.2, -1.2]),
    ],
)  # fmt: skip
def test_without_a_difference_in_reward_the_kl_penalty_makes_no_advantages(
    advantage: str, rewards: tuple[list[float], ...], advantages: list[float]
) -> None:
    config = make_config()
    config.algorithm.advantage.estimator = advantage
    config.algorithm.kl.placement = KlPlacement.reward
    config.algorithm.kl.estimator = KlEstimator.k1
    config.algorithm.kl.coefficient = 0.1
    kl = np.array([1.0, 3.0])
    groups = [group(i, values, log_ratios={REFERENCE: kl}) for i, values in enumerate(rewards)]
    request = learn_request(0, groups, config)
    np.testing.assert_allclose(request.advantages, advantages, atol=1e-12)
    assert advantages[0] or not request.advantages.any()
    np.testing.assert_allclose(
        request.rewards, [*(rewards[0] - 0.1 * kl), *(rewards[1] - 0.1 * kl)]
    )


def test_length_penalties_are_a_signal_where_verdicts_are_none() -> None:
    config = make_config()
    config.algorithm.length.overlong_penalty = 1.0
    lengths = np.array([10, config.sampling.max_tokens])
    request = learn_request(0, [group(1, [0.0, 0.0], num_tokens=lengths)], config)
    np.testing.assert_allclose(request.advantages, [0.5**0.5, -(0.5**0.5)])


def without_signal(groups: list[ReadyGroup], config: RunConfig, taught: bool = False) -> int:
    """Groups that are counted so, of a step for which the loss's advantages are all 0 or not."""
    most = config.sampling.max_tokens
    counted = count_signal(groups, config.algorithm, most, beyond_groups=False, taught=taught)
    return counted.without_signal


def test_solved_groups_that_are_taught_to_be_short_have_a_signal_as_in_the_loss() -> None:
    right = group(1, [1.0, 1.0], num_tokens=np.array([10, 30]))
    alike = group(2, [1.0, 1.0], num_tokens=np.array([20, 20]))
    config = make_config()
    assert not learn_request(0, [right, alike], config).advantages.any()
    assert without_signal([right, alike], config) == 2
    config.algorithm.length.penalty = LengthPenalty.group_relative
    assert learn_request(0, [right, alike], config).advantages.tolist()[2:] == [0.0, 0.0]
    assert learn_request(0, [right, alike], config).advantages[0] > 0
    assert without_signal([right, alike], config) == 1


def test_a_group_whose_only_other_reward_is_masked_has_no_signal() -> None:
    cut = group(1, [1.0, 1.0, 0.0], truncated=np.array([False, False, True]))
    config = make_config()
    assert without_signal([cut], config) == 0
    config.algorithm.length.overlong_mask = True
    assert not learn_request(0, [cut], config).advantages.any()
    assert without_signal([cut], config) == 1


def test_a_teacher_says_something_of_groups_of_equal_rewards() -> None:
    groups = [group(1, [0.0, 0.0])]
    assert without_signal(groups, make_config(), taught=True) == 0
