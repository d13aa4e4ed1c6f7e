"""A run's loop with an advantage estimator from a user's file."""

from pathlib import Path

import numpy as np

from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import FakeFleet, make_config, make_loop

SOURCE = """
from rlsys.algorithms.contract import Estimator


def rank(rewards, groups, lengths, *, scale: float = 1.0):
    return scale * (rewards > 0) * lengths


ADVANTAGES = {"rank": Estimator(rank, beyond_groups=True)}
"""


def test_the_loop_asks_the_learner_with_the_advantages_of_a_users_file(tmp_path: Path) -> None:
    path = tmp_path / "rank.py"
    path.write_text(SOURCE)
    config = make_config()
    config.algorithm.plugins = [str(path)]
    config.algorithm.advantage.estimator = "rank"
    config.algorithm.advantage.options = {"scale": 2.0}
    fleet = FakeFleet()
    loop = make_loop(fleet, config)
    path.write_text("raise SystemExit")  # a run goes on with the file as it was read
    run(loop.train(2))
    assert len(fleet.requests) == 2
    for request in fleet.requests:
        rewards = np.concatenate([group.rewards for group in request.groups])
        # The fleet's completions have 5 tokens.
        np.testing.assert_allclose(request.advantages, np.where(rewards > 0, 10.0, 0.0))
