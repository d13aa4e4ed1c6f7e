"""GPUs of a fleet: how many each member has, whose turn it is, how weights travel between them."""

import pytest

from rlsys.config.run import RunConfig, StageKind, Transport
from rlsys.config.validate import validate
from rlsys.config.verifiers import RewardConfig
from tests.helpers.refused_settings import error_of


@pytest.mark.parametrize(("gpus", "size"), [(1.5, 1), (2.0, 1), (0.5, 2), (1.0, 2)])
def test_a_sampler_has_as_many_gpus_as_it_is_spread_over(
    config: RunConfig, gpus: float, size: int
) -> None:
    config.rollout.gpus, config.rollout.tensor_parallel = gpus, size
    message = error_of(config)
    assert message.startswith(f"rollout.gpus={gpus:g}: ")
    assert message.endswith(
        f"rollout.tensor_parallel={size} GPUs; nearest valid: rollout.gpus={size}"
    )
    config.rollout.gpus = float(size)
    validate(config)


def test_a_sampler_may_share_one_gpu_or_be_spread_over_cpus(config: RunConfig) -> None:
    config.rollout.gpus = 0.5
    validate(config)
    config.rollout.gpus, config.rollout.tensor_parallel = 0.0, 2
    validate(config)


def test_a_rank_and_a_reference_worker_use_one_gpu(config: RunConfig) -> None:
    config.learner.gpus = config.reference.gpus = 2.0
    message = error_of(config)
    assert "learner.gpus=2: each uses one GPU; nearest valid: 1, and more learner.ranks" in message
    assert "reference.gpus=2: each uses one GPU" in message


def test_nccl_is_between_whole_gpus(config: RunConfig) -> None:
    config.weights.transport = Transport.nccl
    config.learner.gpus, config.rollout.gpus = 0.5, 1.0
    message = error_of(config)
    assert message.startswith("learner.gpus=0.5: weights.transport=nccl needs a whole GPU for each")
    config.learner.gpus = 1.0
    validate(config)


def test_turns_are_synchronous_through_the_store_and_on_one_gpu(config: RunConfig) -> None:
    config.cluster.colocate = True
    message = error_of(config)
    assert message.startswith("loop.max_staleness=auto: with cluster.colocate=true sampling and")
    config.loop.max_staleness = 0
    validate(config)
    config.learner.gpus = config.rollout.gpus = 0.5
    # A sampler that has the GPU to itself sees what is free.
    assert config.rollout.kv_cache_gib is None
    validate(config)
    wrong: list[tuple[object, str, object, str]] = [
        (config.weights, "transport", Transport.cuda_ipc, "nearest valid: object_store"),
        (config.learner, "zero_stage", 0, "nearest valid: 1"),
        (config.learner, "zero_stage", 3, "nearest valid: 2"),
        (config.learner, "gpus", 1.0, "nearest valid: learner.gpus=0.5 rollout.gpus=0.5"),
        (config.rollout, "gpus", 0.0, "nearest valid: learner.gpus=0.5 rollout.gpus=0.5"),
        (
            config.learner,
            "ranks",
            2,
            "learner.ranks=2: with cluster.colocate=true there is one GPU",
        ),
        (config.rollout, "workers", 2, "there is one GPU for it; nearest valid: 1"),
    ]
    for section, name, value, said in wrong:
        before = getattr(section, name)
        setattr(section, name, value)
        assert said in error_of(config)
        setattr(section, name, before)
    validate(config)


@pytest.mark.parametrize("transport", [Transport.nccl, Transport.cuda_ipc])
def test_gpu_transports_without_gpus_are_refused(config: RunConfig, transport: Transport) -> None:
    config.weights.transport = transport
    config.rollout.gpus = 1.0
    assert error_of(config) == (
        f"weights.transport={transport.value} moves weights between GPUs, but learner.gpus=0 and "
        "rollout.gpus=1; nearest valid: object_store"
    )


def test_cuda_ipc_is_for_one_gpu(config: RunConfig) -> None:
    config.weights.transport = Transport.cuda_ipc
    config.learner.gpus, config.rollout.gpus = 0.5, 0.4
    config.rollout.kv_cache_gib = 4.0
    validate(config)
    config.rollout.workers = 2
    assert "together they ask for 1.3 GPUs; nearest valid: nccl" in error_of(config)
    config.weights.transport = Transport.nccl
    config.learner.gpus = config.rollout.gpus = 1.0
    validate(config)


def test_ranks_that_meet_by_nccl_have_whole_gpus(config: RunConfig) -> None:
    config.learner.ranks = 2
    config.learner.gpus = config.rollout.gpus = 0.3
    config.rollout.kv_cache_gib = 4.0
    assert error_of(config) == (
        "learner.gpus=0.3: learner.ranks=2 meet by NCCL, for which each needs a whole GPU; "
        "nearest valid: learner.gpus=1, or learner.ranks=1"
    )
    config.learner.ranks = 1
    validate(config)


def test_a_sampler_is_not_on_cpus_beside_gpus(config: RunConfig) -> None:
    config.learner.gpus = 1.0
    assert error_of(config) == (
        "rollout.gpus=0: with learner.gpus=1 the installation is one for GPUs, whose vLLM does not "
        "run on CPUs; nearest valid: rollout.gpus=1"
    )
    config.learner.gpus, config.rollout.gpus = 0.0, 1.0
    validate(config)


def test_a_reward_model_on_gpus_needs_no_sampler(config: RunConfig) -> None:
    config.run.stage = StageKind.reward_model
    config.learner.gpus = 1.0
    validate(config)


def test_a_teacher_uses_one_gpu(config: RunConfig) -> None:
    config.rollout.gpus, config.teacher.gpus = 1.0, 2.0
    assert error_of(config) == (
        "teacher.gpus=2: each uses one GPU; nearest valid: 1, and more teacher.workers"
    )


@pytest.mark.parametrize("placement", ["SPREAD", "STRICT_SPREAD"])
def test_who_shares_a_gpu_is_not_spread_over_nodes(config: RunConfig, placement: str) -> None:
    config.cluster.placement = placement
    config.learner.gpus, config.rollout.gpus, config.rollout.kv_cache_gib = 0.5, 0.5, 4.0
    validate(config)
    config.weights.transport = Transport.cuda_ipc
    told = f"cluster.placement={placement}: with weights.transport=cuda_ipc learner and sampler are"
    assert error_of(config).startswith(told)
    config.weights.transport = Transport.auto
    config.cluster.colocate, config.loop.max_staleness = True, 0
    assert error_of(config).endswith("lays them on different nodes; nearest valid: PACK")


def test_an_unknown_placement_names_the_one_that_it_is_like(config: RunConfig) -> None:
    config.cluster.placement = "strict_pack"
    assert error_of(config) == (
        "cluster.placement='strict_pack': no strategy of Ray's; did you mean 'STRICT_PACK'?; there "
        "are: PACK, SPREAD, STRICT_PACK, STRICT_SPREAD"
    )


@pytest.mark.parametrize(
    ("device", "share", "told"),
    [
        ("cuda", 0.0, "no GPU; nearest valid: verifiers.gpus_per_worker=1, or device: cpu"),
        ("cuda:1", 1.0, "GPUs to cuda:0; nearest valid: verifiers.gpus_per_worker=2, or device: "),
    ],
)
def test_a_verifiers_model_lies_on_a_gpu_that_its_worker_sees(
    config: RunConfig, device: str, share: float, told: str
) -> None:
    options = {"model": "org/rm", "device": device}
    config.verifiers.rewards += [RewardConfig(name="reward_model", weight=0.0, options=options)]
    config.verifiers.gpus_per_worker = share
    for stage in (StageKind.rl, StageKind.sample):
        config.run.stage = stage
        message = error_of(config)
        assert message.startswith(f"verifiers.rewards[1].options.device={device!r}: with ")
        assert told in message
    config.run.stage = StageKind.reward_model
    validate(config)
    config.run.stage, config.verifiers.gpus_per_worker = StageKind.rl, 2.0
    validate(config)
    options["device"], config.verifiers.gpus_per_worker = "cuda:0", 0.25
    validate(config)
