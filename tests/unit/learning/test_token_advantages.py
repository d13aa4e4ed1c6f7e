import numpy as np
import pytest

from rlsys.config.algorithm import AlgorithmConfig, KlEstimator, KlPlacement
from rlsys.learning.sequences import Sequences
from rlsys.learning.token_advantages import fill_token_advantages
from tests.helpers.algorithms import algorithm_of


def sequences() -> Sequences:
    """Two answers of 2 and 1 tokens with rewards 1 and 0; log-ratios to the reference are 0.5,
    1 and -2 nats."""
    return Sequences(
        prompts=[np.array([5]), np.array([5])],
        completions=[np.array([6, 7]), np.array([8])],
        groups=[3, 3],
        trained=[np.ones(2, dtype=bool), np.ones(1, dtype=bool)],
        columns={
            "rollout_logprobs": [np.array([-1.0, -1.0]), np.array([-3.0])],
            "reference_logprobs": [np.array([-1.5, -2.0]), np.array([-1.0])],
            "advantages": [np.zeros(2), np.zeros(1)],
        },
        rewards=np.array([1.0, 0.0]),
    )


def filled(batch: Sequences, settings: AlgorithmConfig) -> list[float]:
    """The advantages, at the settings' own coefficient."""
    fill_token_advantages(batch, settings, settings.kl.coefficient)
    return flat(batch.columns["advantages"])


def config(advantage: str, **settings: object) -> AlgorithmConfig:
    return algorithm_of(
        advantage__estimator=advantage,
        kl__placement=KlPlacement.reward,
        kl__estimator=KlEstimator.k1,
        kl__coefficient=0.1,
        **settings,  # type: ignore[arg-type]
    )


RETURNS = config("token_returns", advantage__whiten=False)


def flat(parts: list[np.ndarray]) -> list[float]:
    return [float(x) for part in parts for x in part]


def test_reinforce_pp_has_the_reward_less_the_kl_still_to_come() -> None:
    batch = sequences()
    # 1 - 0.1 (0.5 + 1), 1 - 0.1 * 1, 0 + 0.1 * 2.
    assert filled(batch, RETURNS) == pytest.approx([0.85, 0.9, 0.2])
    assert [len(a) for a in batch.columns["advantages"]] == [2, 1]


def test_reinforce_pp_is_normalized_over_the_batchs_tokens() -> None:
    batch = sequences()
    raw = np.array([0.85, 0.9, 0.2])
    expected = (raw - raw.mean()) / raw.std(ddof=1)
    assert filled(batch, config("token_returns")) == pytest.approx(expected.tolist(), rel=1e-5)


def test_a_forced_token_has_no_penalty_and_no_place_in_the_statistics() -> None:
    batch = sequences()
    batch.trained[0][0] = False
    assert filled(batch, RETURNS) == pytest.approx([0.9, 0.9, 0.2])
    # Mean 0.55, standard deviation 0.35 sqrt(2) of the two others.
    assert filled(batch, config("token_returns")) == pytest.approx(
        [0.0, 0.5**0.5, -(0.5**0.5)], rel=1e-5
    )


def test_without_a_reference_there_is_no_penalty() -> None:
    batch = sequences()
    del batch.columns["reference_logprobs"]
    assert filled(batch, RETURNS) == [
        1.0,
        1.0,
        0.0,
    ]


def test_a_penalty_in_the_loss_is_not_in_the_reward_too() -> None:
    batch = sequences()
    settings = algorithm_of(advantage__estimator="token_returns", advantage__whiten=False)
    assert filled(batch, settings) == [1.0, 1.0, 0.0]


def test_gae_takes_the_values_off() -> None:
    batch = sequences()
    batch.columns["values"] = [np.array([0.5, 0.25]), np.array([0.125])]
    settings = config("gae", advantage__whiten=False, advantage__gae_lambda=0.5)
    # Last tokens: 0.9 - 0.25 and 0.2 - 0.125; the first: -0.05 + 0.25 - 0.5 + 0.5 * 0.65.
    assert filled(batch, settings) == pytest.approx([0.025, 0.65, 0.075])
    assert flat(batch.columns["returns"]) == pytest.approx([0.525, 0.9, 0.2])


@pytest.mark.parametrize("advantage", ["gae", "token_returns"])
@pytest.mark.parametrize("whiten", [True, False])
def test_equal_rewards_leave_no_advantage_and_the_critic_its_returns(
    advantage: str, whiten: bool
) -> None:
    batch = sequences()
    batch.rewards = np.array([1.0, 1.0])
    batch.columns["values"] = [np.array([0.5, 0.25]), np.array([0.75])]
    assert filled(batch, config(advantage, advantage__whiten=whiten)) == [0.0, 0.0, 0.0]
    # 1 - 0.1 (0.5 + 1), 1 - 0.1 * 1, 1 + 0.1 * 2.
    assert flat(batch.columns["returns"]) == pytest.approx([0.85, 0.9, 1.2])
