"""How long a sequence a model has room for, by its config.json: positions, window, and the
sampler's key-value cache on CPU. vLLM says so, too, but minutes later."""

import math
from collections.abc import Iterator
from numbers import Real
from typing import Any

from rlsys.config.local_policy import Architecture
from rlsys.config.run import Precision, RolloutConfig, RunConfig, StageKind
from rlsys.config.sft import measures_answers

Model = dict[str, Any]
"""A config.json."""

POSITIONS = ("max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len")
_SCALED = ("default", "su", "longrope", "llama3", "yarn", "deepseek_yarn", "proportional")
"""Kinds of RoPE whose config has the positions after stretching, as vLLM 0.32.0 has it."""

_CPU_HEADS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Widths of heads, as vLLM 0.32.0 has it."""
_PLAIN_HEADS = ("llama", "mistral", "mixtral", "qwen2")
"""Types whose heads share hidden_size out where there is no head_dim."""


def room_problems(config: RunConfig, model: Model) -> list[str]:
    """What model.max_context is too long for, each with the nearest valid setting."""
    found = length_problems(config.model.max_context, model, f"model.path={config.model.path!r}")
    return found + cache_problem(config, model) + head_problem(config, model)


def length_problems(longest: int, model: Model, named: str) -> list[str]:
    """What a model cannot read sequences of so many tokens for, each with the nearest valid
    setting."""
    return [
        f"model.max_context={longest}: {name} of {named} at {most}; nearest valid: {most}"
        for name, most in limits(model).items()
        if longest > most
    ]


def head_problem(config: RunConfig, model: Model) -> list[str]:
    """That vLLM computes no heads of this width on CPU, which it says at the first completion."""
    width = model.get("head_dim")
    hidden, heads = model.get("hidden_size"), model.get("num_attention_heads")
    if not width and model["model_type"] in _PLAIN_HEADS and hidden and heads:
        width = hidden // heads
    is_other = config.rollout.gpus or model.get("kv_lora_rank")
    if is_other or not isinstance(width, int) or width in _CPU_HEADS:
        return []
    return [
        f"model.path={config.model.path!r}: its attention heads are {width} wide, which vLLM does "
        f"not compute on CPU; it does {', '.join(map(str, _CPU_HEADS))}"
    ]


def local_head_problem(config: RunConfig) -> list[str]:
    """The same of the local policy, in a run that samples from it: told before it is made."""
    local = config.model.local
    width = local.hidden_size // local.heads
    is_checked = config.run.stage is StageKind.sft and measures_answers(config)
    is_sampled = config.run.stage in (StageKind.rl, StageKind.sample) or is_checked
    is_latent = local.architecture is Architecture.deepseek_v3
    if config.rollout.gpus or is_latent or not is_sampled or width in _CPU_HEADS:
        return []
    fitting = [local.hidden_size // one for one in _CPU_HEADS if local.hidden_size % one == 0]
    nearest = min(fitting, key=lambda heads: abs(heads - local.heads), default=None)
    instead = f"model.local.heads={nearest}" if nearest else "model.local.hidden_size=256"
    return [
        f"model.local.heads={local.heads}: of hidden_size={local.hidden_size} each head "
        f"is {width} wide, which vLLM does not compute on CPU; nearest valid: {instead}"
    ]


def cache_problem(config: RunConfig, model: Model) -> list[str]:
    """That a sampler's cache does not hold one completion of model.max_context tokens."""
    most = cached_tokens(config, model)
    if most is None or config.model.max_context <= most:
        return []
    need = config.model.max_context * cached_bytes_per_token(config, model)
    given = config.rollout.kv_cache_gib or 1.0
    beside = f", or model.max_context={most}" if most else ""
    return [
        f"rollout.kv_cache_gib={given:g}: one completion of model.max_context="
        f"{config.model.max_context} tokens takes {need / 2**30:.2f} GiB of keys and values; "
        f"nearest valid: {-(-need >> 30)}{beside}"
    ]


def cached_tokens(config: RunConfig, model: Model) -> int | None:
    """Tokens of one completion that a sampler's cache holds; None where it is what a GPU has left,
    which is not known here, and for a model whose cache is not a matter of its config alone."""
    per_token = cached_bytes_per_token(config, model)
    given = config.rollout.kv_cache_gib
    if not per_token or (config.rollout.gpus and given is None):
        return None
    gib = given if config.rollout.gpus else cpu_cache_gib(config.rollout)
    return int((gib or 0.0) * 2**30) // per_token


def cached_bytes_per_token(config: RunConfig, model: Model) -> int:
    """What a sampler keeps of a token on each of its GPUs, or on CPU; 0 as kv_bytes_per_token."""
    rollout, heads = config.rollout, model.get("num_key_value_heads")
    whole = kv_bytes_per_token(model, rollout.dtype)
    if str(rollout.engine_options.get("kv_cache_dtype")).startswith("fp8"):
        whole //= 2 if rollout.dtype is Precision.bfloat16 else 4
    if not rollout.gpus or model.get("kv_lora_rank"):
        return whole  # what all heads share lies on each GPU
    # Heads of keys that are fewer than the GPUs are copied.
    return whole // min(rollout.tensor_parallel, heads or rollout.tensor_parallel)


def cpu_cache_gib(rollout: RolloutConfig) -> int:
    """What a sampler's process on CPU is told, whole GiB; see cache_problems."""
    return int(rollout.kv_cache_gib or 1)


def cache_problems(config: RunConfig) -> Iterator[str]:
    """On CPUs vLLM takes whole GiB (VLLM_CPU_KVCACHE_SPACE), and would round what is none."""
    cache = config.rollout.kv_cache_gib
    if config.rollout.gpus == 0 and cache is not None and math.isfinite(cache) and cache % 1:
        yield (
            f"rollout.kv_cache_gib={cache:g}: on CPUs vLLM takes whole GiB; "
            f"nearest valid: {max(1, round(cache))}"
        )


def limits(model: Model) -> dict[str, int]:
    """The longest sequences, in tokens, by what ends there."""
    found = {}
    if positions := positions_of(model):
        found["the positions end in the config.json"] = positions
    if window := _window(model):
        found["the sliding window, within which sequences must stay here, ends"] = window
    return found


def positions_of(model: Model) -> int | None:
    """How many tokens have a position; None where the config does not say."""
    positions = next((model[name] for name in POSITIONS if (model.get(name) or 0) > 0), None)
    return int(positions * _stretching(model)) if positions else None


def kv_bytes_per_token(model: Model, dtype: Precision) -> int:
    """Bytes that one token's keys and values take in all layers, or what they are compressed to;
    0 for a model that keeps something else (windows, states), which needs less."""
    b = 2 if dtype is Precision.bfloat16 else 4
    if _window(model):
        return 0
    if latent := model.get("kv_lora_rank"):
        return b * model.get("num_hidden_layers", 0) * (latent + model.get("qk_rope_head_dim", 0))
    if set(model.get("layer_types") or ()) - {"full_attention"}:
        return 0
    heads, hidden = model.get("num_attention_heads"), model.get("hidden_size")
    kv_heads = model.get("num_key_value_heads") or heads
    layers, width = model.get("num_hidden_layers"), model.get("head_dim")
    if not width and isinstance(hidden, int) and isinstance(heads, int) and heads:
        width = hidden // heads
    sizes = [size for size in (layers, kv_heads, width) if isinstance(size, int)]
    if len(sizes) < 3:
        return 0  # by other names, or one for each layer
    return 2 * b * math.prod(sizes)


def _window(model: Model) -> int | None:
    """The sliding window of attention, where one is used."""
    if model["model_type"].startswith("qwen") and not model.get("use_sliding_window"):
        return None
    kinds = model.get("layer_types")
    if kinds and "sliding_attention" not in kinds:
        return None
    return model.get("sliding_window")


def _stretching(model: Model) -> float:
    """How many times as many positions as the config names RoPE gives."""
    if "gemma3" in model["model_type"]:
        return 1.0
    kinds = rope_kinds(model)
    own = [factor for kind, factor in kinds if kind not in _SCALED and isinstance(factor, Real)]
    return max([float(factor) for factor in own], default=1.0)


def rope_kinds(model: Model) -> list[tuple[Any, Any]]:
    """How RoPE stretches positions, and the factor: of all layers, or of each type of them. Of the
    older name and the newer, the older one wins, as in transformers."""
    rope = model.get("rope_scaling") or model.get("rope_parameters") or {}
    each = [value for value in rope.values() if isinstance(value, dict)] or [rope]
    return [(r.get("rope_type") or r.get("type") or "default", r.get("factor")) for r in each]
