"""How many bytes of a GPU each role's member needs, from the run's settings and the model's sizes.

    learner     weights + a copy that leaves + gradients + master weights and Adam
                + max(kept activations + max(logits, a layer at work), gradients in float32);
                with an adapter all but the weights are of the adapter alone
    sampler     weights + key-value cache + what an update needs
    others      rlsys.config.frozen_memory

Bytes of activations are those that torch keeps for a backward pass through transformers' layers
(tests/unit/config/test_memory.py measures them): with b bytes a number, hidden size h, queries q,
keys k and intermediate size i, for each token and layer

    2 (4 + b) h  the two norms, in float32 and in b     b (2 q + 2 k)  attention, and its output
    2 b h        their results                          b q            the output in the row's order
    4 b i        the gated MLP
    (4 + b) (q + k)  where queries and keys are normalized
    2 b (q - k)      where heads that share keys are given copies of them
    b (4 q + v) + (4 + 2 b) c  for both lines of latent attention, with values v, as wide as keys
                     within it, and c compressed numbers with their norms

The rest is arithmetic of DeepSpeed 0.19.8 and vLLM 0.32.0, and a constant for CUDA itself.
"""

from dataclasses import dataclass, fields
from math import ceil

from rlsys.config.batch import SMALLER, Batch, gpu_batch
from rlsys.config.model_room import cached_bytes_per_token
from rlsys.config.model_shape import Shape
from rlsys.config.networks import Network
from rlsys.config.run import (
    LearnerConfig,
    Offload,
    Precision,
    RunConfig,
    StageKind,
    Transport,
)
from rlsys.config.transport import leaves_beside, transport_of

GIB = 2**30
_CUDA = 0.7 * GIB
"""A process's context and its libraries' workspaces; an estimate."""
_GRAPHS = 1.5 * GIB
"""vLLM's CUDA graphs and the work of a batch of the smaller size, of a model of a few billion
parameters; an estimate."""
_REDUCE_BUCKET = 500_000_000
_LIVE_PARAMETERS = 1_000_000_000
"""DeepSpeed's defaults, in numbers: gradients that are reduced at a time, and parameters that
ZeRO-3 keeps whole."""
LOGITS = 16
"""Bytes for each token and word of a chunk of logits: in float32, with what the softmax and its
backward pass make of them."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one GPU, of one member."""

    weights: float = 0.0
    copy: float = 0.0
    """Of the weights, from which they leave beside the next step; on the learner's first rank."""
    gradients: float = 0.0
    optimizer: float = 0.0
    activations: float = 0.0
    logits: float = 0.0
    cache: float = 0.0
    buffers: float = 0.0
    """For reducing gradients, gathering weights, and bringing new ones to the samplers."""
    cuda: float = _CUDA

    @property
    def total(self) -> float:
        """All of it, at the worst moment."""
        return sum(getattr(self, field.name) for field in fields(self))


def size_of(precision: Precision) -> int:
    """Bytes of a number."""
    return 2 if precision is Precision.bfloat16 else 4


def has_copies(learner: LearnerConfig, precision: Precision) -> bool:
    """Whether heads that share keys are given copies of them on a GPU: its kernel that does without
    takes neither masks nor float32."""
    return learner.share_prompts or precision is Precision.float32


def sums_in_float32(own: LearnerConfig) -> bool:
    """Whether gradients of bfloat16 are added up in float32 over the microbatches of an update.
    DeepSpeed does so where it shards them: without ZeRO it refuses, and with stage 1 it keeps them
    whole in float32 beside those in bfloat16."""
    return own.dtype is Precision.bfloat16 and own.zero_stage >= 2


def activation_bytes(shape: Shape, precision: Precision, copies: bool) -> int:
    """Of one token in one layer, kept for the backward pass.

    Args:
        copies: see has_copies.
    """
    b, own = size_of(precision), shape.attention
    norms = 2 * (4 + b) * shape.hidden
    if shape.has_head_norms:
        norms += (4 + b) * (own.queries + own.keys)
    # A token's copy for each expert, and what comes out of it.
    routed = 2 * b * shape.hidden * shape.experts_per_token if shape.experts_per_token > 1 else 0
    if shape.routes_in_float32 and b < 4:
        routed += 4 * shape.hidden
    inputs = 2 * b * shape.hidden + routed
    if own.compressed:
        attention = b * (4 * own.queries + own.values) + (4 + 2 * b) * own.compressed
    else:
        attention = b * (3 * own.queries + 2 * (own.queries if copies else own.keys))
    statistics = 4 * own.heads
    return norms + inputs + attention + statistics + 4 * b * shape.intermediate


def learner(config: RunConfig, shape: Shape, rank: int = 0) -> Memory:
    """Of one rank; the first one needs most."""
    own = config.learner
    b, ranks, adapter = size_of(own.dtype), own.ranks, adapter_parameters(own, shape)
    held, count = held_parameters(config, shape), trained_parameters(config, shape)
    shares = {stage: ranks if own.zero_stage >= stage else 1 for stage in (1, 2, 3)}
    on_gpu = own.offload is not Offload.parameters
    weights = held * b / shares[3] if on_gpu else 0.0
    summed = 4 if sums_in_float32(own) else b
    gradients = count * summed / shares[2] if own.offload is Offload.none else 0.0
    # Master weights in float32 and Adam's two moments; ZeRO keeps masters for float32, too.
    each = 12 if own.zero_stage or own.dtype is Precision.bfloat16 else 8
    optimizer = count * each / shares[1] if own.offload is Offload.none else 0.0
    # Of a row that several ranks hold, one has a slice.
    tokens = -(-max(own.microbatch_tokens, config.model.max_context) // own.sequence_parallel)
    logits = float(LOGITS * min(own.logprob_chunk, tokens) * shape.vocabulary)
    kept, at_work = _activations(own, shape)
    # The layers' backward pass begins when the logits are gone.
    later = tokens * at_work + (_reduce_bucket(own) if own.zero_stage == 2 else 0.0)
    activations = tokens * kept + max(0.0, later - logits)
    if b == 2 and optimizer:
        # The policy's step makes float32 of this rank's gradients, when the activations are gone.
        step = (adapter or shape.parameters) * (4 / shares[1] - summed / shares[2])
        activations = max(activations, step - logits)
    return Memory(
        weights=weights,
        copy=float(shape.parameters * b) if rank == 0 and leaves_beside(config) else 0.0,
        gradients=gradients,
        optimizer=optimizer,
        activations=activations,
        logits=logits,
        buffers=_learner_buffers(config, shape),
    )


def has_critic(config: RunConfig) -> bool:
    """Whether the learner holds a value model beside the policy: PPO's."""
    is_rl = config.run.stage is StageKind.rl
    return is_rl and config.algorithm.advantage.estimator == "gae"


def critic_parameters(config: RunConfig, shape: Shape) -> int:
    """Of the critic, which is the policy without its head; 0 without one."""
    head = 0 if shape.tied else shape.embedding
    return shape.parameters - head if has_critic(config) else 0


def held_parameters(config: RunConfig, shape: Shape) -> int:
    """Of all that the learner computes with: policy, critic, their adapters, and a reference."""
    own = config.learner
    adapters = adapter_parameters(own, shape) * (2 if has_critic(config) else 1)
    policies = 2 if own.holds_reference else 1
    return policies * shape.parameters + critic_parameters(config, shape) + adapters


def trained_parameters(config: RunConfig, shape: Shape) -> int:
    """Of policy and critic, or of their adapters."""
    adapter = adapter_parameters(config.learner, shape)
    if adapter:
        return adapter * (2 if has_critic(config) else 1)
    return shape.parameters + critic_parameters(config, shape)


def adapter_parameters(own: LearnerConfig, shape: Shape) -> int:
    """Of learner.lora; 0 without."""
    if own.lora is None:
        return 0
    wanted = own.lora.targets or [name for name, _, _ in shape.linear]
    sides = sum(rows + columns for name, rows, columns in shape.linear if name in wanted)
    return shape.layers * own.lora.rank * sides


def _activations(own: LearnerConfig, shape: Shape) -> tuple[float, float]:
    """Of one token in all layers: what they keep, and what the one that is at work makes."""
    layer, b = activation_bytes(shape, own.dtype, has_copies(own, own.dtype)), size_of(own.dtype)
    if own.lora:
        layer += b * own.lora.rank * len(shape.linear)
    gradients = b * (4 * shape.hidden + 3 * shape.intermediate)
    ends = (4 + 3 * b) * shape.hidden
    if own.gradient_checkpointing:
        return shape.layers * b * shape.hidden + ends, layer + gradients
    return shape.layers * layer + ends, gradients


def _learner_buffers(config: RunConfig, shape: Shape) -> float:
    own = config.learner
    b = size_of(own.dtype)
    # Stage 2 lets it go after each backward pass.
    buffers = _reduce_bucket(own) if own.zero_stage in (1, 3) else 0.0
    if own.zero_stage == 3 and own.ranks > 1:
        live = _zero_option(own, "stage3_max_live_parameters", _LIVE_PARAMETERS)
        buffers += b * min(live, shape.parameters)
    return buffers * (2 if has_critic(config) else 1) + _update_buffers(config)


def _reduce_bucket(own: LearnerConfig) -> float:
    """Gradients that are reduced at a time, on one rank as on several."""
    return size_of(own.dtype) * _zero_option(own, "reduce_bucket_size", _REDUCE_BUCKET)


def _zero_option(own: LearnerConfig, name: str, default: int) -> float:
    options: dict[str, float] = own.deepspeed_options.get("zero_optimization", {})
    return options.get(name, default)


def _update_buffers(config: RunConfig) -> float:
    """What is on the way of a version, at either end: through the object store a bucket; by vLLM's
    transports four, since two are on the wire while the next is packed of copies, or while layers
    wait for the rest of their tensors."""
    buckets = 1 if transport_of(config) is Transport.object_store else 4
    return float(buckets * config.weights.bucket_mib << 20)


def sampler(config: RunConfig, network: Network, gpu_bytes: float) -> Memory:
    """Of one GPU of one sampler.

    Args:
        network: of known sizes.
        gpu_bytes: of the whole GPU; what a sampler fills up where its cache has no size.
    """
    own, shape = config.rollout, network.shape
    b = size_of(own.dtype)
    weights = shape.parameters * b / own.tensor_parallel
    working = _working(config, shape, gpu_bytes)
    buffers = working + _update_buffers(config)
    if transport_of(config) is not Transport.object_store:
        # The largest tensor, of which the pieces are laid together.
        buffers += shape.embedding * b
    if own.kv_cache_gib is not None:
        cache = own.kv_cache_gib * GIB
    else:
        # At least one answer has to fit; vLLM refuses to start with less.
        one = float(config.model.max_context * cached_bytes_per_token(config, network.model))
        cache = max(own.gpu_memory_utilization * gpu_bytes - weights - working - _CUDA, one)
    return Memory(weights=weights, cache=cache, buffers=buffers)


def _working(config: RunConfig, shape: Shape, gpu_bytes: float) -> float:
    """Graphs, and what the largest step of a sampler makes."""
    own = config.rollout
    b, batch = size_of(own.dtype), gpu_batch(gpu_bytes / GIB)
    sequences = own.max_sequences or batch.sequences
    tokens = own.engine_options.get("max_num_batched_tokens") or batch.tokens
    more = _step(shape, b, Batch(sequences, tokens)) - _step(shape, b, SMALLER)
    return _GRAPHS + max(0.0, more) / own.tensor_parallel


def share_problem(config: RunConfig, network: Network, gpu_bytes: float) -> str | None:
    """That rollout.gpu_memory_utilization leaves no room for one answer, on a GPU that has it."""
    own = config.rollout
    if not own.gpus or own.kv_cache_gib is not None:
        return None
    found = sampler(config, network, gpu_bytes)
    needed = found.weights + found.cuda + _working(config, network.shape, gpu_bytes)
    one = config.model.max_context * cached_bytes_per_token(config, network.model)
    left = own.gpu_memory_utilization * gpu_bytes - needed
    if left >= one:
        return None
    nearest = ceil(100 * (needed + one) / gpu_bytes) / 100
    return (
        f"rollout.gpu_memory_utilization={own.gpu_memory_utilization:g}: of a GPU of "
        f"{gpu_bytes / GIB:.1f} GiB it leaves {max(0.0, left) / GIB:.1f} GiB for keys and values, "
        f"and one completion of model.max_context={config.model.max_context} tokens takes "
        f"{one / GIB:.2f}; nearest valid: {nearest:g}"
    )


def _step(shape: Shape, b: int, batch: Batch) -> float:
    """Of the largest step of a sampler: a layer's numbers for its prompts, and for its completions
    logits in float32 with copies to sort and to take logprobs of."""
    layer = batch.tokens * b * (2 * shape.hidden + 3 * shape.intermediate)
    return float(layer + 12 * batch.sequences * shape.vocabulary)


def asleep(role: str) -> Memory:
    """What stays on the GPU of a member that has given it to another (cluster.colocate): CUDA's
    context, and a sampler's graphs."""
    return Memory(buffers=_GRAPHS if role == "rollout" else 0.0)
