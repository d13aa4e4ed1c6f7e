"""Whether the sizes in a config.json can be those of a model at all: heads that divide what they
share, and nothing of size 0. Libraries say so in their own ways, once they are loaded, or never."""

from typing import Any

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_COUNTS = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("vocab_size", "intermediate_size", "head_dim", "n_embd", "n_layer", "n_head"),
    "moe_intermediate_size",
)
_MAY_BE_NONE = ("num_experts_per_tok", "shared_expert_intermediate_size", *EXPERTS)
"""0: there are none of them."""


def size_problems(model: dict[str, Any]) -> list[str]:
    """What cannot be, each as `key=value: what is right`. Sizes that the config.json leaves out,
    and those that differ by layer (a list), are not looked at."""
    found = [
        f"{name}={model[name]!r}: must be a whole number of at least {least}"
        for names, least in ((_COUNTS, 1), (_MAY_BE_NONE, 0))
        for name in names
        if not _is_count(model, name, least)
    ]
    return found or [*_heads(model), *_experts(model)]


def _is_count(model: dict[str, Any], name: str, least: int) -> bool:
    size = model.get(name)
    if size is None or isinstance(size, list):
        return True
    if name == "head_dim" and model.get("kv_lora_rank"):
        return True  # heads of latent attention have sizes of their own
    return isinstance(size, int) and not isinstance(size, bool) and size >= least


def _heads(model: dict[str, Any]) -> list[str]:
    latent = model.get("kv_lora_rank")
    found = []
    for heads, width in (("num_attention_heads", "hidden_size"), ("n_head", "n_embd")):
        if not latent and not model.get("head_dim"):
            found += _not_dividing(model, heads, width, " (there is no head_dim)")
    return [*found, *_not_dividing(model, "num_key_value_heads", "num_attention_heads")]


def _not_dividing(model: dict[str, Any], part: str, whole: str, unless: str = "") -> list[str]:
    small, large = model.get(part), model.get(whole)
    if not isinstance(small, int) or not isinstance(large, int) or large % small == 0:
        return []
    nearest = min((n for n in range(1, large + 1) if large % n == 0), key=lambda n: abs(n - small))
    return [f"{part}={small}: must divide {whole}={large}{unless}; nearest valid: {nearest}"]


def _experts(model: dict[str, Any]) -> list[str]:
    chosen = model.get("num_experts_per_tok")
    for name in EXPERTS:
        most = model.get(name)
        if not most or not isinstance(most, int) or not isinstance(chosen, int):
            continue
        if chosen == 0:
            return [f"num_experts_per_tok=0: a token needs one of {name}={most}; nearest valid: 1"]
        if most < chosen:
            return [
                f"num_experts_per_tok={chosen}: must be at most {name}={most}; nearest valid: "
                f"{most}"
            ]
    return []
