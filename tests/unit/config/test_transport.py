"""Which way new weights take where the setting leaves it open."""

import pytest

from actors.roles import rank_settings, rollout_settings
from rlsys.config.load import CONFIGS, load
from rlsys.config.run import RunConfig, Transport
from rlsys.config.transport import told, transport_of


@pytest.mark.parametrize(
    ("learner", "rollout", "way"),
    [
        (0.0, 0.0, Transport.object_store),
        (1.0, 1.0, Transport.nccl),
        (1.0, 4.0, Transport.nccl),
        (0.4, 0.4, Transport.object_store),
        (1.0, 0.5, Transport.object_store),
        (0.0, 1.0, Transport.object_store),
    ],
)
def test_weights_go_by_nccl_where_nobody_shares_a_device(
    learner: float, rollout: float, way: Transport
) -> None:
    config = RunConfig()
    config.learner.gpus, config.rollout.gpus = learner, rollout
    assert transport_of(config) is way
    # Who sends and who takes are told the same.
    assert rank_settings(config).weights.transport is way
    assert rollout_settings(config).weights.transport is way
    assert told(config).startswith(f"weights travel by {way.value}: ")


def test_what_a_user_sets_stays() -> None:
    config = RunConfig()
    config.learner.gpus = config.rollout.gpus = 1.0
    config.weights.transport = Transport.object_store
    assert transport_of(config) is Transport.object_store
    assert told(config) == "weights travel by object_store"


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("local", Transport.object_store),
        ("one_gpu", Transport.object_store),
        ("one_node", Transport.nccl),
        ("two_nodes", Transport.nccl),
    ],
)
def test_what_is_chosen_for_the_shipped_configs_is_valid(name: str, way: Transport) -> None:
    config = load(CONFIGS / f"{name}.yaml")
    assert transport_of(config) is way
    load(CONFIGS / f"{name}.yaml", [f"weights.transport={way.value}"])
