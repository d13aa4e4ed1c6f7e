"""A model's sizes by its config.json: how many parameters it has, and what a layer works with."""

from dataclasses import dataclass
from typing import Any

_GATED = (
    *("llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "mixtral", "olmoe"),
    *("gemma", "phi3", "olmo", "olmo2", "granite", "cohere", "smollm3", "seed_oss", "ernie4_5"),
)
"""Types whose layers are attention with grouped heads and a gated MLP or experts of that form, as
tests/unit/config/test_model_shape.py compares with transformers."""
_TIED = ("gemma", "cohere")
"""Types that tie the head to the embedding where the config.json does not say."""
_HEAD_NORMS = ("qwen3", "qwen3_moe", "olmo2", "olmoe")


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder, and of what its layers keep for the backward pass."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    """The head is the embedding."""
    intermediate: int
    """Of the dense MLP; of all experts that a token goes through together, where there are some."""
    held_intermediate: int
    """The same of all experts that there are."""
    has_head_norms: bool
    """Queries and keys are normalized."""
    experts_per_token: int
    """1 for a dense MLP."""
    linear: tuple[tuple[str, int, int], ...]
    """Linear layers of one layer of the decoder: the last part of its name, out and in. Experts are
    none."""

    @property
    def queries(self) -> int:
        """Width of all queries of a token."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of all keys of a token."""
        return self.kv_heads * self.head_dim

    @property
    def attention_parameters(self) -> int:
        """Of one layer; norms and biases, a thousandth, are not counted, nor are routers."""
        return 2 * self.hidden * (self.queries + self.keys)

    @property
    def layer_parameters(self) -> int:
        """Of one layer, with all of its experts."""
        return self.attention_parameters + 3 * self.hidden * self.held_intermediate

    @property
    def embedding(self) -> int:
        """Parameters of the embedding, the largest tensor."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Of the whole model: what has to be held."""
        return self.layers * self.layer_parameters + self.embedding * (1 if self.tied else 2)

    @property
    def active_parameters(self) -> int:
        """Of the whole model, without the experts that a token does not go through: what a token
        costs."""
        idle = 3 * self.hidden * (self.held_intermediate - self.intermediate)
        return self.parameters - self.layers * idle


def shape_of(model: dict[str, Any]) -> Shape | None:
    """By a config.json; None for a type whose arithmetic is not known here."""
    kind = model.get("model_type")
    needed = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    if kind not in _GATED or not all(isinstance(model.get(name), int) for name in needed):
        return None
    experts, chosen, width = _experts(model)
    if not isinstance(width, int):
        return None  # left to the type's default
    dense = width if experts == 1 else 0
    shared = model.get("shared_expert_intermediate_size", 0) if kind == "qwen2_moe" else 0
    hidden, heads = model["hidden_size"], model["num_attention_heads"]
    kv_heads = model.get("num_key_value_heads") or heads
    head_dim = model.get("head_dim") or hidden // heads
    widths = (hidden, heads * head_dim, kv_heads * head_dim, dense + shared)
    return Shape(
        hidden=hidden,
        layers=model["num_hidden_layers"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocabulary=model["vocab_size"],
        tied=model.get("tie_word_embeddings", kind in _TIED),
        intermediate=chosen * width + shared,
        held_intermediate=experts * width + shared,
        has_head_norms=kind in _HEAD_NORMS,
        experts_per_token=chosen,
        linear=_linear(*widths, is_fused=kind == "phi3"),
    )


def _linear(
    hidden: int, queries: int, keys: int, mlp: int, *, is_fused: bool
) -> tuple[tuple[str, int, int], ...]:
    """Of attention and of the MLP that is no expert, where there is one."""
    if is_fused:
        inner = [("qkv_proj", queries + 2 * keys, hidden)]
        gated = [("gate_up_proj", 2 * mlp, hidden)]
    else:
        inner = [("q_proj", queries, hidden), ("k_proj", keys, hidden), ("v_proj", keys, hidden)]
        gated = [("gate_proj", mlp, hidden), ("up_proj", mlp, hidden)]
    dense = [*gated, ("down_proj", hidden, mlp)] if mlp else []
    return (*inner, ("o_proj", hidden, queries), *dense)


def _experts(model: dict[str, Any]) -> tuple[int, int, int | None]:
    """How many there are, how many a token goes through, and how wide one is."""
    experts = model.get("num_experts") or model.get("num_local_experts")
    if not experts:
        return 1, 1, model.get("intermediate_size")
    width = model.get("moe_intermediate_size") or model.get("intermediate_size")
    return experts, model.get("num_experts_per_tok") or 1, width
