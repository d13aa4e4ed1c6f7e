"""Which way new weights take, and when they leave, where settings leave it open."""

import pytest

from actors.roles import rank_settings, rollout_settings
from rlsys.config.load import CONFIGS, load
from rlsys.config.run import Publish, RunConfig, StageKind, Transport
from rlsys.config.transport import leaves_beside, told, transport_of
from rlsys.errors import ConfigError


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
    config.weights.publish = Publish.before_step
    assert transport_of(config) is Transport.object_store
    assert told(config) == "weights travel by object_store"
    config.weights.publish = Publish.auto
    assert told(config).endswith("object_store; they leave beside the learner's next step")


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


@pytest.mark.parametrize(
    ("settings", "is_beside"),
    [
        ({"learner.gpus": 0.4, "rollout.gpus": 0.4}, True),
        ({"learner.gpus": 1.0, "rollout.gpus": 0.5}, True),
        # On CPUs a copy gains nothing; NCCL sends the learner's own tensors.
        ({}, False),
        ({"learner.gpus": 1.0, "rollout.gpus": 1.0}, False),
        # Nobody goes on: synchronous steps, and stages that wait for what they check.
        ({"learner.gpus": 0.4, "loop.max_staleness": 0}, False),
        ({"learner.gpus": 0.4, "run.stage": StageKind.sft}, False),
        # What is sharded is not made whole.
        ({"learner.gpus": 0.4, "learner.zero_stage": 3}, False),
        # Said so, it is done, where there is a step to go on with.
        ({"learner.gpus": 0.4, "weights.publish": Publish.before_step}, False),
        ({"weights.publish": Publish.beside_step}, True),
        ({"weights.publish": Publish.beside_step, "learner.zero_stage": 3}, True),
        ({"weights.publish": Publish.beside_step, "run.stage": StageKind.sft}, False),
    ],
)
def test_weights_leave_beside_the_next_step_where_a_gpu_has_a_whole_copy(
    settings: dict[str, object], is_beside: bool
) -> None:
    config = RunConfig()
    for path, value in settings.items():
        section, name = path.split(".")
        setattr(getattr(config, section), name, value)
    assert leaves_beside(config) is is_beside


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["loop.max_staleness=0"],
            "weights.publish=beside_step: with loop.max_staleness=0 the learner's next step waits "
            "until samplers have the weights; nearest valid: weights.publish=before_step",
        ),
        (
            ["learner.gpus=1", "rollout.gpus=1"],
            "weights.publish=beside_step: weights travel by nccl (weights.transport=auto), which "
            "sends the learner's own tensors; nearest valid: weights.transport=object_store, or "
            "weights.publish=before_step",
        ),
        (
            ["learner.gpus=0.4", "rollout.gpus=0.4", "weights.transport=cuda_ipc"],
            "weights.publish=beside_step: weights travel by cuda_ipc (weights.transport=cuda_ipc)",
        ),
    ],
)
def test_weights_that_cannot_leave_beside_a_step_are_refused(
    overrides: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(CONFIGS / "local.yaml", ["weights.publish=beside_step", *overrides])
    assert message in str(caught.value)
    load(CONFIGS / "local.yaml", ["weights.publish=beside_step"])
    # A stage that learns nothing while weights leave has no use for the setting.
    load(CONFIGS / "sft.yaml", ["weights.publish=beside_step", "loop.max_staleness=0"])
