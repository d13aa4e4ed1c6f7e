"""Settings that every check of a run's settings begins with, and where memory is measured."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from rlsys.config.run import RunConfig
from rlsys.config.verifiers import RewardConfig
from tests.helpers.fresh_processes import fresh_processes


@pytest.fixture
def config() -> RunConfig:
    config = RunConfig()
    config.verifiers.rewards = [RewardConfig(name="math")]
    return config


@pytest.fixture
def process() -> Iterator[ProcessPoolExecutor]:
    """Of its own: in one that had run other tests a step in bfloat16 kept one copy of the gradients
    more, now and then. Which of them it takes was not found."""
    with ProcessPoolExecutor(1, fresh_processes()) as pool:
        yield pool
