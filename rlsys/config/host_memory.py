"""How many bytes of a node's memory each role's member needs, beside what it has of a GPU.

    learner     what offloading lays there; by turns what leaves the GPU; a copy of its state on the
                way into a checkpoint; pinned buffers; on a CPU all that it computes with
    sampler     its processes; on a CPU weights, cache and work
    scorer      on a CPU weights and work: reference and teacher
    verifier    the same of models that it loads
    the node    Ray, the driver, and versions of the weights in Ray's store

A sampler that sleeps leaves nothing here (vLLM's sleep level 2). What a member reads at its start
it reads into this memory first, whole, and moves on from there.

Bytes of tensors are those of rlsys.config.memory and of DeepSpeed 0.19.8's rules, and
tests/unit/config/test_host_memory.py compares them with torch's own. Those of processes were
measured as their share of resident memory (PSS), with torch and vLLM for CPUs.
"""

from dataclasses import dataclass, fields, replace

from rlsys.config import frozen_memory, memory
from rlsys.config.memory import GIB
from rlsys.config.model_room import cpu_cache_gib
from rlsys.config.model_shape import Shape
from rlsys.config.networks import Networks
from rlsys.config.run import (
    Offload,
    Precision,
    ReferenceConfig,
    RunConfig,
    Transport,
)
from rlsys.config.transport import transport_of

_PROCESS = {"learner": 0.45, "rollout": 1.1, "scorer": 0.35, "verifier": 0.1}
"""GiB of an interpreter with its libraries; a sampler is two."""
_CUDA = 1.5 * GIB
"""More of each process on a GPU: CUDA's libraries and what its driver maps; an estimate."""
_NODE = 0.6 * GIB
"""Ray's own processes on a node."""
_DRIVER = 0.4 * GIB
_VERSIONS = 2
"""Of the weights in Ray's store: the newest, and while it is published the one before."""
_RING = 2
"""Pinned buffers (rlsys/weights/staging.py)."""
_COPIED_AT_ONCE = 256 << 20
"""Bytes of one of those by which a state is copied."""
_RESIDUE = 4
"""Bytes for each parameter that a rank offloads, beside masters and moments: its gradients in
float32, in which torch's optimizer takes them."""


@dataclass(frozen=True)
class HostMemory:
    """Bytes of a node's memory, of one member."""

    process: float = 0.0
    weights: float = 0.0
    states: float = 0.0
    """Gradients, master weights and the optimizer's."""
    work: float = 0.0
    """Activations and logits."""
    cache: float = 0.0
    buffers: float = 0.0
    """Pinned, and a sampler's largest tensor."""
    checkpoint: float = 0.0
    """A copy of the state, which is written beside the next step."""
    loading: float = 0.0
    """What the start takes beyond all of that."""
    store: float = 0.0

    @property
    def total(self) -> float:
        """All of it, at the worst moment."""
        return sum(getattr(self, field.name) for field in fields(self))


def learner(config: RunConfig, shape: Shape, rank: int) -> HostMemory:
    """Of one rank."""
    own, on_gpu = config.learner, config.learner.gpus > 0
    b = memory.size_of(own.dtype)
    process = _process("learner", on_gpu)
    checkpoint = _checkpoint(config, shape, rank)
    # Below stage 3 each rank reads the policy, and what it holds beside it, one after the other.
    reads = float(shape.parameters * b) if rank == 0 or own.zero_stage < 3 else 0.0
    if not on_gpu:
        # All of it lies here in any case.
        all_here = replace(config, learner=replace(own, offload=Offload.none))
        there = memory.learner(all_here, shape, rank)
        return HostMemory(
            process=process,
            weights=there.weights + there.copy,
            states=there.gradients + there.optimizer,
            work=there.activations + there.logits,
            buffers=_reducing(config, shape),
            checkpoint=checkpoint,
        )
    weights, states = _offloaded(config, shape)
    if config.cluster.colocate:
        there = memory.learner(config, shape)
        weights += there.weights
        states += there.gradients + there.optimizer
    is_stored = transport_of(config) is Transport.object_store
    staging = _RING * ((config.weights.bucket_mib << 20) if rank == 0 and is_stored else 0)
    return HostMemory(
        process=process,
        weights=weights,
        states=states,
        buffers=float(staging + _RING * _COPIED_AT_ONCE),
        checkpoint=checkpoint,
        loading=max(0.0, reads - weights - states - checkpoint),
    )


def _offloaded(config: RunConfig, shape: Shape) -> tuple[float, float]:
    """Weights and states of a rank that learner.offload lays here."""
    own = config.learner
    if own.offload is Offload.none:
        return 0.0, 0.0
    b, count = memory.size_of(own.dtype), memory.trained_parameters(config, shape) / own.ranks
    # Masters and both moments, gradients, and the new weights on their way to the GPU.
    states = count * (12 + _RESIDUE + (b if own.zero_stage < 3 else 0))
    weights = 0.0
    if own.offload is Offload.parameters:
        weights = memory.held_parameters(config, shape) * b / own.ranks
    return weights, states


def _checkpoint(config: RunConfig, shape: Shape, rank: int) -> float:
    """Masters and moments of this rank's share; of rank 0 the policy as DeepSpeed saves it, below
    stage 3, and as others read it."""
    own = config.learner
    b, adapter = memory.size_of(own.dtype), memory.adapter_parameters(own, shape)
    trained = memory.trained_parameters(config, shape)
    is_sharded, in_16_bits = own.zero_stage > 0, own.dtype is Precision.bfloat16
    held = 12 if is_sharded or in_16_bits else 8
    size = trained * held / (own.ranks if is_sharded else 1)
    if rank == 0:
        size += shape.parameters * b + (trained * b if own.zero_stage < 3 else 0)
    if adapter:
        # As a file of its own; and DeepSpeed leaves out what is frozen, but for a tied head.
        size += adapter * b + (shape.embedding * b if rank == 0 and shape.tied else 0)
    return size


def _reducing(config: RunConfig, shape: Shape) -> float:
    """The learner's buffers but those that an update needs on a GPU: into the store it goes
    from where it is. Of a buffer the CPU has what was written to, no more than all gradients."""
    there = memory.learner(config, shape)
    networks = 2 if memory.has_critic(config) else 1
    most = float(networks * shape.parameters * memory.size_of(config.learner.dtype))
    return min(most, there.buffers - (config.weights.bucket_mib << 20))


def sampler(config: RunConfig, shape: Shape) -> HostMemory:
    """Of one, with all of its GPUs."""
    own = config.rollout
    if own.gpus:
        return HostMemory(process=own.tensor_parallel * _process("rollout", True))
    b = memory.size_of(own.dtype)
    return HostMemory(
        process=_process("rollout", False),
        weights=float(shape.parameters * b),
        cache=float(cpu_cache_gib(own) * GIB),
        # A layer's tensors are laid together before the sampler takes them over.
        buffers=float(max(shape.embedding, shape.layer_parameters) * b),
    )


def scorer(config: RunConfig, own: ReferenceConfig, shape: Shape) -> HostMemory:
    """Of one worker of a frozen policy."""
    process, weights = _process("scorer", own.gpus > 0), float(shape.parameters)
    weights *= memory.size_of(own.dtype)
    if own.gpus:
        return HostMemory(process=process, loading=weights)
    there = frozen_memory.scorer(config, own, shape)
    return HostMemory(process=process, weights=weights, work=there.activations + there.logits)


def verifier(networks: Networks) -> HostMemory:
    """Of one worker, with the models that it loads one after another; programs that it runs have
    limits of their own."""
    graders = networks.graders
    if not graders:
        return HostMemory(process=_process("verifier", False))
    here = frozen_memory.verifier(networks, None)
    on_gpus = [network for grader, network in graders.items() if grader.gpu is not None]
    read = [frozen_memory.grader_weights(network) for network in on_gpus if network.is_known]
    return HostMemory(
        process=_process("scorer", bool(on_gpus)),
        weights=here.weights,
        work=here.activations + here.logits,
        loading=max(read, default=0.0),
    )


def node(config: RunConfig, shape: Shape, has_weights: bool, is_first: bool) -> HostMemory:
    """Of what belongs to none of the members.

    Args:
        has_weights: rank 0 or a sampler is there, and reads or writes them in the store.
        is_first: the driver is there.
    """
    process = _NODE + (_DRIVER if is_first else 0.0)
    if not has_weights or transport_of(config) is not Transport.object_store:
        return HostMemory(process=process)
    version = shape.parameters * memory.size_of(config.learner.dtype)
    return HostMemory(process=process, store=float(_VERSIONS * version))


def _process(role: str, on_gpu: bool) -> float:
    return _PROCESS[role] * GIB + (_CUDA if on_gpu else 0.0)
