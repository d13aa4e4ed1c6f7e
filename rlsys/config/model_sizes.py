"""Whether the sizes in a config.json can be those of a model at all: heads that divide what they
share, and nothing of size 0. Libraries say so in their own ways, once they are loaded, or never."""

from typing import Any

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_COUNTS = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("vocab_size", "intermediate_size", "head_dim", "n_embd", "n_layer", "n_head"),
    *("moe_intermediate_size", "decoder_sparse_step", "n_group", "topk_group"),
)
_MAY_BE_NONE = (
    *("num_experts_per_tok", "shared_expert_intermediate_size", *EXPERTS),
    *("n_shared_experts", "first_k_dense_replace"),
)
"""0: there are none of them."""
_IN_GROUPS = ("deepseek_v3", "glm4_moe")
"""Types that judge a group of experts by its two best ones, so it has two."""


def size_problems(model: dict[str, Any]) -> list[str]:
    """What cannot be, each as `key=value: what is right`. Sizes that the config.json leaves out,
    and those that differ by layer (a list), are not looked at."""
    found = [
        f"{name}={model[name]!r}: must be a whole number of at least {least}"
        for names, least in ((_COUNTS, 1), (_MAY_BE_NONE, 0))
        for name in names
        if not _is_count(model, name, least)
    ]
    return found or [*_heads(model), *(_experts(model) or _groups(model))]


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
    counts = [(name, model[name]) for name in EXPERTS if model.get(name)]
    if len({count for _, count in counts}) > 1:
        said = " and ".join(f"{name}={count}" for name, count in counts)
        return [f"{said}: both are the number of experts; leave out the wrong one"]
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


def _groups(model: dict[str, Any]) -> list[str]:
    """Of experts that are chosen by groups: first the `topk_group` best of `n_group`, then experts
    of these."""
    experts, chosen = model.get("n_routed_experts"), model.get("num_experts_per_tok")
    groups, kept = model.get("n_group"), model.get("topk_group")
    if not experts or not isinstance(groups, int) or not isinstance(kept, int):
        return _without_groups(model)
    if found := _not_dividing(model, "n_group", "n_routed_experts"):
        return found
    size = experts // groups
    if kept > groups:
        return [f"topk_group={kept}: must be at most n_group={groups}; nearest valid: {groups}"]
    if model.get("model_type") in _IN_GROUPS and size < 2 <= experts:
        nearest = max(n for n in range(1, experts // 2 + 1) if experts % n == 0)
        return [
            f"n_group={groups}: groups of n_routed_experts={experts} have one expert, and are "
            f"chosen by their two best; nearest valid: {nearest}"
        ]
    if isinstance(chosen, int) and kept * size < chosen:
        return [
            f"topk_group={kept}: as many of n_group={groups} groups have {kept * size} experts, "
            f"and a token takes num_experts_per_tok={chosen}; nearest valid: {-(-chosen // size)}"
        ]
    return []


def _without_groups(model: dict[str, Any]) -> list[str]:
    """null, of types that compute with it."""
    if model.get("model_type") not in _IN_GROUPS or not model.get("n_routed_experts"):
        return []
    return [
        f"{name}=null: must be a whole number of at least 1; nearest valid: 1"
        for name in ("n_group", "topk_group")
        if name in model and model[name] is None
    ]
