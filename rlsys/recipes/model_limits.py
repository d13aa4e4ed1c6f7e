"""What a model has room for, by its config: an embedding for each token, positions for the context.

A tokenizer of another model, or one that got tokens after the embedding was made, gives ids beyond
it: an index out of range, minutes later, inside an engine. vLLM says as late that a context is
longer than the positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlsys.config.schema import Precision, RunConfig
from rlsys.data.templates import Prompt
from rlsys.errors import ConfigError
from rlsys.markup import END_THINK

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_vocabulary(
    setting: str, model: str, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt]
) -> None:
    """Compare the prompts' tokens, and those that end thinking and answer, with the embedding.

    Reads the model's config and no weights.

    Args:
        setting: what named the model, such as `model.path`, for the error.
        model: its directory or hub id.
    Raises:
        ConfigError: a token has no embedding, or the config cannot be loaded.
    """
    size = getattr(_config(setting, model), "vocab_size", None)
    if size is None:
        return
    ends = [*tokenizer.encode(END_THINK, add_special_tokens=False), tokenizer.eos_token_id or 0]
    uses = [("the end of thinking or answer", ends)]
    uses += [(f"the prompt {p.text[:40]!r} of {p.source}", p.token_ids) for p in prompts]
    for where, token_ids in uses:
        largest = max(token_ids, default=0)
        if largest >= size:
            token = tokenizer.convert_ids_to_tokens(largest)
            raise ConfigError(
                f"{setting}={model!r}: {where} holds token {largest} ({token!r}), but the model's "
                f"embedding ends at {size - 1} (vocab_size={size} in its config.json). The "
                "tokenizer is another model's, or got tokens afterwards: then save both after "
                "model.resize_token_embeddings(len(tokenizer))"
            )


def check_room(config: RunConfig, model: str) -> None:
    """Compare the context with the model's positions and with the engine's key-value cache.

    Args:
        model: directory or hub id of config.model.path.
    Raises:
        ConfigError: the context is longer than either, in one error; or the model's config cannot
            be loaded.
    """
    problems = []
    try:
        check_positions("model.path", model, config.model.max_context)
    except ConfigError as error:
        problems.append(str(error))
    text = _config("model.path", model)
    if config.rollout.gpus == 0:
        problems += _cache_problem(config, kv_bytes_per_token(text, config.rollout.dtype))
    if problems:
        raise ConfigError("\n".join(problems))


def kv_bytes_per_token(text: Any, dtype: Precision) -> int:
    """Bytes that one token's keys and values take in all layers; 0 for a model that keeps something
    else (windows, states, compressed keys), which needs less."""
    plain = not getattr(text, "kv_lora_rank", None) and not getattr(text, "sliding_window", None)
    if not plain or set(getattr(text, "layer_types", None) or ()) - {"full_attention"}:
        return 0
    heads = getattr(text, "num_attention_heads", 0)
    width = getattr(text, "head_dim", None) or getattr(text, "hidden_size", 0) // max(1, heads)
    kv_heads = getattr(text, "num_key_value_heads", None) or heads
    layers = getattr(text, "num_hidden_layers", 0)
    return 2 * layers * kv_heads * width * (4 if dtype is Precision.float32 else 2)


def _cache_problem(config: RunConfig, per_token: int) -> list[str]:
    # As the engine's process is told: whole GiB (rlsys/engines/vllm_environment.py).
    cache = max(1, round(config.rollout.kv_cache_gib)) << 30
    need = config.model.max_context * per_token
    if need <= cache:
        return []
    return [
        f"rollout.kv_cache_gib={config.rollout.kv_cache_gib:g}: one answer of model.max_context="
        f"{config.model.max_context} tokens takes {need / 2**30:.2f} GiB of keys and values; "
        f"nearest valid: {-(-need >> 30)}, or model.max_context={cache // per_token}"
    ]


def check_positions(setting: str, model: str, max_context: int) -> None:
    """Compare the context with the positions, unless the model stretches them.

    Raises:
        ConfigError: the context is longer, or the config cannot be loaded.
    """
    config = _config(setting, model)
    positions = getattr(config, "max_position_embeddings", None)
    rope = getattr(config, "rope_parameters", None) or {}
    stretched = rope.get("rope_type", "default") != "default" or any(
        isinstance(value, dict) for value in rope.values()
    )
    if positions and not stretched and max_context > positions:
        raise ConfigError(
            f"model.max_context={max_context}: the positions of {setting}={model!r} end at "
            f"{positions}; nearest valid: {positions}"
        )


def _config(setting: str, model: str) -> Any:
    """The config of the model's language part."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(model)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{setting}={model!r}: its config cannot be loaded: {reason}") from error
    return config.get_text_config()
