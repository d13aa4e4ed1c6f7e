"""By which way new weights reach the samplers and when they leave, where settings do not say it."""

from dataclasses import replace

from rlsys.config.run import Publish, RunConfig, StageKind, Transport, WeightsConfig


def transport_of(config: RunConfig) -> Transport:
    """`weights.transport`, with `auto` decided: NCCL where no learner rank and no sampler shares a
    device, which it refuses; through the store everywhere else."""
    if config.weights.transport is not Transport.auto:
        return config.weights.transport
    has_own = config.learner.gpus >= 1 and config.rollout.gpus >= 1
    return Transport.nccl if has_own else Transport.object_store


def leaves_beside(config: RunConfig) -> bool:
    """`weights.publish`, with `auto` decided: whether weights leave from a copy, beside the next
    step. Only where one may be learned meanwhile."""
    chosen, learner = config.weights.publish, config.learner
    goes_on = config.run.stage is StageKind.rl and config.loop.max_staleness != 0
    if chosen is not Publish.auto:
        return goes_on and chosen is Publish.beside_step
    # A policy that is sharded is one that no GPU should hold, let alone beside its share.
    is_whole = learner.gpus > 0 and learner.zero_stage < 3
    return goes_on and is_whole and transport_of(config) is Transport.object_store


def decided(config: RunConfig) -> WeightsConfig:
    """How weights travel in this run, for who sends and who takes them."""
    return replace(config.weights, transport=transport_of(config))


def told(config: RunConfig) -> str:
    """A line about it."""
    setting, chosen = config.weights.transport, transport_of(config)
    beside = "; they leave beside the learner's next step" if leaves_beside(config) else ""
    if setting is not Transport.auto:
        return f"weights travel by {chosen.value}{beside}"
    why = {
        Transport.nccl: "each learner rank and each sampler has whole GPUs",
        Transport.object_store: "not each learner rank and each sampler has whole GPUs",
    }
    return f"weights travel by {chosen.value}: {why[chosen]} (weights.transport=auto){beside}"
