"""A local Ray cluster, a tiny policy and a sampler that samples it, shared by the actor tests."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.run import ClusterConfig, ModelConfig, Precision, RolloutConfig, WeightsConfig
from rlsys.local_policy.policy import prepare_local_policy
from rlsys.sampling.sampler import Sampler


@pytest.fixture(scope="package", autouse=True)
def own_environment() -> Iterator[None]:
    """A sampler sets what vLLM reads from the environment of its process, here of all tests; the
    commands that later tests start would run in another one than a user's."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    from actors.cluster import connected

    with connected(ClusterConfig(num_cpus=4)):
        yield
    assert not ray.is_initialized()


@pytest.fixture(scope="session")
def tiny_policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    shape = LocalPolicyConfig(
        hidden_size=64, intermediate_size=128, layers=2, heads=2, steps=2, warmup_steps=1, threads=1
    )
    folder: Path = tmp_path_factory.mktemp("policy")
    return str(prepare_local_policy(shape, folder, 0, lambda line: None))


@pytest.fixture(scope="session")
def event_loop() -> Iterator[asyncio.Runner]:
    """In which the sampler is asked: vLLM's client belongs to the loop that it was made in."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def sampler(tiny_policy: str, event_loop: asyncio.Runner) -> Iterator[Sampler]:
    """A real vLLM."""
    model = ModelConfig(max_context=512)
    config = RolloutConfig(max_sequences=32, dtype=Precision.float32)
    made = Sampler("rollout-0", tiny_policy, model, config, WeightsConfig(), 0)
    event_loop.run(made.start())
    yield made
    made.shutdown()
    made.release()
