"""A sampler that is spread over several GPUs (`rollout.tensor_parallel`): what of a model vLLM can
share out among them, by its config.json. vLLM says so, too, once the fleet has started."""

from rlsys.config.model_room import Model
from rlsys.config.model_sizes import EXPERTS
from rlsys.config.run import RunConfig

_ROWS = 64
"""Rows of embedding and head are filled up to a multiple of it, as vLLM 0.32.0 has it."""


def spread_problems(config: RunConfig, model: Model) -> list[str]:
    """That the parts of a model cannot be shared out, with the nearest number that can."""
    size = config.rollout.tensor_parallel
    uneven = _uneven(config, model, size)
    if not uneven:
        return []
    fitting = [n for n in range(1, 2 * size) if not _uneven(config, model, n)]
    nearest = min(fitting, key=lambda n: (abs(n - size), n))
    gpus = f" rollout.gpus={nearest}" if config.rollout.gpus else ""
    return [
        f"rollout.tensor_parallel={size}: vLLM cannot share {uneven} of model.path="
        f"{config.model.path!r} out among so many; nearest valid: rollout.tensor_parallel={nearest}"
        f"{gpus}"
    ]


def larger_spreads(config: RunConfig, model: Model) -> list[int]:
    """Powers of 2 above rollout.tensor_parallel that the model can be shared out among, up to the
    GPUs of a usual node."""
    sizes = [2, 4, 8]
    size = config.rollout.tensor_parallel
    return [n for n in sizes if n > size and not _uneven(config, model, n)]


def _uneven(config: RunConfig, model: Model, size: int) -> str:
    """What does not divide by the number of GPUs, with its size; empty: all of it does."""
    if size == 1:
        return ""
    # Experts that lie whole on a GPU each are not cut.
    whole_experts = config.rollout.engine_options.get("enable_expert_parallel") is True
    has_experts = any(model.get(name) for name in EXPERTS)
    inner = model.get("moe_intermediate_size") if has_experts else None
    if whole_experts and has_experts:
        inner = size
    vocabulary = model.get("vocab_size")
    parts = {
        "heads": model.get("num_attention_heads"),
        "numbers between the layers of an MLP": inner or model.get("intermediate_size"),
        f"rows of the embedding, filled up to {_ROWS},": _filled(vocabulary),
    }
    for name, count in parts.items():
        if isinstance(count, int) and count % size:
            return f"the {count} {name}"
    keys = None if model.get("kv_lora_rank") else model.get("num_key_value_heads")
    if isinstance(keys, int) and keys % size and size % keys:
        return f"the {keys} heads of keys"
    return ""


def _filled(vocabulary: object) -> int | None:
    return -(-vocabulary // _ROWS) * _ROWS if isinstance(vocabulary, int) else None
