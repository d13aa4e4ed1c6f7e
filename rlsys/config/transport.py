"""By which way new weights reach the samplers, where the setting leaves it open."""

from dataclasses import replace

from rlsys.config.run import RunConfig, Transport, WeightsConfig


def transport_of(config: RunConfig) -> Transport:
    """`weights.transport`, with `auto` decided: NCCL where no learner rank and no sampler shares a
    device, which it refuses; through the store everywhere else."""
    if config.weights.transport is not Transport.auto:
        return config.weights.transport
    has_own = config.learner.gpus >= 1 and config.rollout.gpus >= 1
    return Transport.nccl if has_own else Transport.object_store


def decided(config: RunConfig) -> WeightsConfig:
    """How weights travel in this run, for who sends and who takes them."""
    return replace(config.weights, transport=transport_of(config))


def told(config: RunConfig) -> str:
    """A line about it."""
    setting, chosen = config.weights.transport, transport_of(config)
    if setting is not Transport.auto:
        return f"weights travel by {chosen.value}"
    why = {
        Transport.nccl: "each learner rank and each sampler has whole GPUs",
        Transport.object_store: "not each learner rank and each sampler has whole GPUs",
    }
    return f"weights travel by {chosen.value}: {why[chosen]} (weights.transport=auto)"
