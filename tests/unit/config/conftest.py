"""Settings that every check of a run's settings begins with."""

import pytest

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig


@pytest.fixture
def config() -> RunConfig:
    config = RunConfig()
    config.verifiers.rewards = [RewardConfig(name="math")]
    return config
