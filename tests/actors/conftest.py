"""A local Ray cluster and a tiny policy, shared by the actor tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.run import ClusterConfig
from rlsys.local_policy.policy import prepare_local_policy


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
