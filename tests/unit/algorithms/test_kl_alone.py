"""How far a batch follows its KL term where it is alone."""

import pytest
import torch

from rlsys.algorithms.kl_alone import kl_alone, kl_share
from rlsys.config.algorithm import KlEstimator, KlPlacement
from tests.helpers.algorithms import algorithm_of


@pytest.mark.parametrize(
    ("kl", "coefficient", "share"),
    [
        # d is 0.2 nats: 0.2^2 / 2 = 0.02.
        (0.02, 0.001, 0.0002),
        (0.02, 0.5, 0.1),
        (0.02, 10.0, 1.0),
        (0.02, 0.0, 0.0),
        (184.0, 0.001, 0.001 * 368**0.5),
    ],
)
def test_the_share_is_what_the_term_weighs_beside_advantages_of_one(
    kl: float, coefficient: float, share: float
) -> None:
    assert kl_share(kl, coefficient, torch.float32) == pytest.approx(share)


@pytest.mark.parametrize(
    ("dtype", "rounding", "drift"),
    [(torch.float32, 1e-5, 2e-4), (torch.bfloat16, 0.02, 0.1)],
)
def test_rounding_asks_for_nothing_and_a_small_drift_for_something(
    dtype: torch.dtype, rounding: float, drift: float
) -> None:
    assert kl_share(rounding**2 / 2, 1.0, dtype) == 0
    assert kl_share(-1e-12, 1.0, dtype) == 0
    assert kl_share(drift**2 / 2, 1.0, dtype) == pytest.approx(drift)


def test_a_penalty_in_the_reward_and_a_bonus_become_the_kl_as_a_loss() -> None:
    config = algorithm_of(
        kl__placement=KlPlacement.reward,
        kl__estimator=KlEstimator.k1,
        kl__coefficient=0.3,
        loss__entropy_coefficient=0.1,
    )
    alone = kl_alone(config)
    assert (alone.kl.placement, alone.kl.estimator) == (KlPlacement.loss, KlEstimator.k2)
    assert (alone.kl.coefficient, alone.loss.entropy_coefficient) == (0.3, 0.0)
