"""Which members may share a GPU, how weights go between them, and how the cluster places them."""

from collections.abc import Iterator
from math import ceil

from rlsys.config.graders import graders_of
from rlsys.config.run import Offload, Publish, RunConfig, StageKind, Transport
from rlsys.config.sft import measures_answers
from rlsys.config.transport import transport_of
from rlsys.errors import instead

_PLACEMENTS = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")


def shares(config: RunConfig) -> Iterator[str]:
    """A learner rank and a worker that scores compute on one GPU or a share of it, a sampler on
    rollout.tensor_parallel whole ones, or on a share where that is 1."""
    for role in ("learner", "reference", "teacher"):
        gpus = getattr(config, role).gpus
        if gpus > 1:
            more = "learner.ranks" if role == "learner" else f"{role}.workers"
            yield f"{role}.gpus={gpus:g}: each uses one GPU; nearest valid: 1, and more {more}"
    gpus, size = config.rollout.gpus, config.rollout.tensor_parallel
    if max(gpus, size) > 1 and gpus not in (0, size):
        yield (
            f"rollout.gpus={gpus:g}: a sampler is spread over rollout.tensor_parallel={size} GPUs; "
            f"nearest valid: rollout.gpus={size}"
        )


def graders(config: RunConfig) -> Iterator[str]:
    """A verifier worker sees the GPUs that Ray gives it, and no others."""
    share = config.verifiers.gpus_per_worker
    for grader in graders_of(config.verifiers):
        if grader.gpu is not None and grader.gpu >= share:
            seen, other = (
                (f"GPUs to cuda:{ceil(share) - 1}", "cuda") if share else ("no GPU", "cpu")
            )
            yield (
                f"{grader.where}.device={grader.device!r}: with verifiers.gpus_per_worker="
                f"{share:g} a worker sees {seen}; nearest valid: verifiers.gpus_per_worker="
                f"{grader.gpu + 1}, or device: {other}"
            )


def problems(config: RunConfig) -> Iterator[str]:
    """Of a run that trains."""
    yield from shares(config)
    yield from _ranks(config)
    yield from _installation(config)
    yield from _shared_gpu(config)
    yield from _turns(config)
    yield from _offload(config)
    yield from _transport(config)
    yield from _publish(config)
    yield from _placement(config)


def _ranks(config: RunConfig) -> Iterator[str]:
    """NCCL refuses two ranks on one device, and Ray lays shares together."""
    gpus, ranks = config.learner.gpus, config.learner.ranks
    if ranks > 1 and 0 < gpus < 1 and not config.cluster.colocate:
        yield (
            f"learner.gpus={gpus:g}: learner.ranks={ranks} meet by NCCL, for which each needs a "
            "whole GPU; nearest valid: learner.gpus=1, or learner.ranks=1"
        )


def _installation(config: RunConfig) -> Iterator[str]:
    """All members have one installation, and vLLM's is for GPUs or for CPUs."""
    sft = config.run.stage is StageKind.sft and measures_answers(config)
    if config.rollout.gpus or not (config.run.stage is StageKind.rl or sft):
        return
    for role in ("learner", "reference", "teacher"):
        if gpus := getattr(config, role).gpus:
            yield (
                f"rollout.gpus=0: with {role}.gpus={gpus:g} the installation is one for GPUs, "
                "whose vLLM does not run on CPUs; nearest valid: "
                f"rollout.gpus={config.rollout.tensor_parallel}"
            )
            return


def _turns(config: RunConfig) -> Iterator[str]:
    """cluster.colocate: one GPU, or none, that learner and sampler have one after the other."""
    if not config.cluster.colocate:
        return
    path, learner = "cluster.colocate=true", config.learner
    if config.run.stage is StageKind.rl and config.loop.max_staleness != 0:
        yield (
            f"loop.max_staleness={config.loop.max_staleness}: with {path} sampling and learning "
            "take turns, so that no step can be learned beside it; nearest valid: 0"
        )
    if transport_of(config) is not Transport.object_store:
        yield (
            f"weights.transport={config.weights.transport.value}: with {path} the learner has left "
            "the GPU when the sampler is there to be sent weights; nearest valid: object_store"
        )
    if learner.zero_stage not in (1, 2):
        yield (
            f"learner.zero_stage={learner.zero_stage}: with {path} DeepSpeed has to move what the "
            "learner holds, which it does at stages 1 and 2; nearest valid: "
            f"{2 if learner.zero_stage else 1}"
        )
    yield from _one_gpu(config, path)


def _one_gpu(config: RunConfig, path: str) -> Iterator[str]:
    learner, rollout = config.learner, config.rollout
    if not (learner.gpus or rollout.gpus):
        return
    if not (learner.gpus and rollout.gpus and learner.gpus + rollout.gpus <= 1 + 1e-9):
        yield (
            f"{path}: learner and sampler have one GPU by turns, but learner.gpus={learner.gpus:g} "
            f"and rollout.gpus={rollout.gpus:g}; nearest valid: learner.gpus=0.5 rollout.gpus=0.5"
        )
    for name, count in (("learner.ranks", learner.ranks), ("rollout.workers", rollout.workers)):
        if count > 1:
            yield f"{name}={count}: with {path} there is one GPU for it; nearest valid: 1"


def _shared_gpu(config: RunConfig) -> Iterator[str]:
    rollout, learner = config.rollout, config.learner
    if config.cluster.colocate:
        return
    if 0 < rollout.gpus < 1 and 0 < learner.gpus < 1 and rollout.kv_cache_gib is None:
        yield (
            f"rollout.kv_cache_gib=null: with rollout.gpus={rollout.gpus:g} a sampler shares its "
            f"GPU with the learner (learner.gpus={learner.gpus:g}), and cannot see how much that "
            "one will need; nearest valid: rollout.kv_cache_gib=8 (docs/gpu.md)"
        )


def _offload(config: RunConfig) -> Iterator[str]:
    learner = config.learner
    if learner.offload is Offload.parameters and learner.zero_stage < 3:
        yield (
            f"learner.offload=parameters: learner.zero_stage={learner.zero_stage} keeps whole "
            "weights on every rank; nearest valid: learner.offload=optimizer, or "
            "learner.zero_stage=3"
        )
    if learner.offload is not Offload.none and not learner.zero_stage:
        yield (
            f"learner.offload={learner.offload.name}: needs ZeRO, but learner.zero_stage=0; "
            "nearest valid: learner.zero_stage=1"
        )


def _transport(config: RunConfig) -> Iterator[str]:
    learner, rollout, transport = config.learner, config.rollout, config.weights.transport
    by_gpu = transport in (Transport.nccl, Transport.cuda_ipc)
    if by_gpu and not (learner.gpus and rollout.gpus):
        yield (
            f"weights.transport={transport.value} moves weights between GPUs, but learner.gpus="
            f"{learner.gpus:g} and rollout.gpus={rollout.gpus:g}; nearest valid: object_store"
        )
    shares = learner.ranks * learner.gpus + rollout.workers * rollout.gpus
    if transport is Transport.cuda_ipc and (learner.ranks > 1 or shares > 1 + 1e-9):
        yield (
            f"weights.transport=cuda_ipc: one learner rank and the rollout workers share one GPU, "
            f"but learner.ranks={learner.ranks} and together they ask for {shares:g} GPUs; "
            "nearest valid: nccl"
        )
    if transport is Transport.nccl:
        for role in ("learner", "rollout"):
            # NCCL refuses two members of one communicator on one device.
            if 0 < (gpus := getattr(config, role).gpus) < 1:
                yield (
                    f"{role}.gpus={gpus:g}: weights.transport=nccl needs a whole GPU for each "
                    f"learner rank and each sampler; nearest valid: {role}.gpus=1, or cuda_ipc for "
                    "one shared GPU"
                )


def _publish(config: RunConfig) -> Iterator[str]:
    """Weights can leave beside a step that may be learned meanwhile, from a copy of them."""
    if config.weights.publish is not Publish.beside_step or config.run.stage is not StageKind.rl:
        return
    path, transport = "weights.publish=beside_step", transport_of(config)
    if config.loop.max_staleness == 0:
        yield (
            f"{path}: with loop.max_staleness=0 the learner's next step waits until samplers have "
            "the weights; nearest valid: weights.publish=before_step"
        )
    if transport is not Transport.object_store:
        yield (
            f"{path}: weights travel by {transport.value} (weights.transport="
            f"{config.weights.transport.value}), which sends the learner's own tensors; nearest "
            "valid: weights.transport=object_store, or weights.publish=before_step"
        )


def _placement(config: RunConfig) -> Iterator[str]:
    placement, path = config.cluster.placement, "cluster.placement"
    if placement not in _PLACEMENTS:
        yield f"{path}={placement!r}: no strategy of Ray's{instead(placement.upper(), _PLACEMENTS)}"
        return
    one_gpu = {
        "cluster.colocate=true": config.cluster.colocate and config.learner.gpus > 0,
        "weights.transport=cuda_ipc": config.weights.transport is Transport.cuda_ipc,
    }
    for setting, shares_it in one_gpu.items():
        if shares_it and "SPREAD" in placement:
            yield (
                f"{path}={placement}: with {setting} learner and sampler are on one GPU, and it "
                "lays them on different nodes; nearest valid: PACK"
            )
