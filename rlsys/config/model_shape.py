"""A model's sizes by its config.json: how many parameters it has, and what a layer works with."""

from dataclasses import dataclass
from typing import Any

from rlsys.config.model_sizes import EXPERTS

_GATED = (
    *("llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "mixtral", "olmoe"),
    *("gemma", "phi3", "olmo", "olmo2", "granite", "cohere", "smollm3", "seed_oss", "ernie4_5"),
)
"""Types whose layers are attention with grouped heads and a gated MLP or experts of that form, as
tests/unit/config/test_model_shape.py compares with transformers."""
_LATENT = ("deepseek_v2", "deepseek_v3")
"""Types whose layers are latent attention, and a gated MLP or experts beside shared ones."""
_TIED = ("gemma", "cohere")
"""Types that tie the head to the embedding where the config.json does not say."""
_FUSED = ("phi3",)
_NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_NEEDED_OF_LATENT = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
_HEAD_NORMS = ("qwen3", "qwen3_moe", "olmo2", "olmoe")


Linear = tuple[str, int, int]
"""A linear layer: the last part of its name, out and in."""


@dataclass(frozen=True)
class Attention:
    """Sizes of a layer's attention."""

    heads: int
    kv_heads: int
    head_dim: int
    """Of queries and keys."""
    value_dim: int
    """Of values: those of latent attention are narrower."""
    compressed: int
    """Width of what keys and values, and queries, are compressed to in latent attention; 0: they
    are not."""
    linear: tuple[Linear, ...]

    @property
    def queries(self) -> int:
        """Width of all queries of a token."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of all keys of a token."""
        return self.kv_heads * self.head_dim

    @property
    def values(self) -> int:
        """Width of what comes out of it for a token: a value for each head."""
        return self.heads * self.value_dim

    @property
    def parameters(self) -> int:
        """Without norms and biases, a thousandth."""
        return sum(rows * columns for _, rows, columns in self.linear)


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder, and of what its layers keep for the backward pass."""

    hidden: int
    layers: int
    attention: Attention
    vocabulary: int
    tied: bool
    """The head is the embedding."""
    intermediate: int
    """Of the dense MLP; of all experts that a token goes through together, where there are some."""
    held_intermediate: int
    """The same of all experts that there are."""
    dense_layers: int
    """The first layers, which have no experts where the others have some."""
    dense_intermediate: int
    """Of their MLP."""
    has_head_norms: bool
    """Queries and keys are normalized."""
    experts_per_token: int
    """1 for a dense MLP."""
    routes_in_float32: bool
    """What chooses experts reads a copy in 32 bits."""
    mlp: tuple[Linear, ...]
    """Linear layers of a layer's MLP or shared expert, where it has one. Experts are none."""

    @property
    def linear(self) -> tuple[Linear, ...]:
        """Linear layers of one layer of the decoder."""
        return (*self.attention.linear, *self.mlp)

    @property
    def layer_parameters(self) -> int:
        """Of the largest layer, with all of its experts; norms, biases and routers are left out."""
        width = max(self.held_intermediate, self.dense_intermediate)
        return self.attention.parameters + 3 * self.hidden * width

    @property
    def embedding(self) -> int:
        """Parameters of the embedding, the largest tensor."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """Of the whole model: what has to be held."""
        dense = self.dense_layers * self.dense_intermediate
        widths = dense + (self.layers - self.dense_layers) * self.held_intermediate
        inner = self.layers * self.attention.parameters + 3 * self.hidden * widths
        return inner + self.embedding * (1 if self.tied else 2)

    @property
    def active_parameters(self) -> int:
        """Of the whole model, without the experts that a token does not go through: what a token
        costs."""
        idle = 3 * self.hidden * (self.held_intermediate - self.intermediate)
        return self.parameters - (self.layers - self.dense_layers) * idle


def shape_of(model: dict[str, Any]) -> Shape | None:
    """By a config.json; None for a type whose arithmetic is not known here."""
    kind = model.get("model_type")
    if kind not in (*_GATED, *_LATENT) or not _are_counts(model, _NEEDED):
        return None
    if kind in _LATENT and not _are_counts(model, _NEEDED_OF_LATENT):
        return None
    experts, chosen, width = _experts(model)
    if not isinstance(width, int):
        return None  # left to the type's default
    attention = _latent_attention(model) if kind in _LATENT else _grouped_attention(model)
    shared = _shared(model, width)
    dense_layers = min(model.get("first_k_dense_replace", 0), model["num_hidden_layers"])
    return Shape(
        hidden=model["hidden_size"],
        layers=model["num_hidden_layers"],
        attention=attention,
        vocabulary=model["vocab_size"],
        tied=model.get("tie_word_embeddings", kind in _TIED),
        intermediate=chosen * width + shared,
        held_intermediate=experts * width + shared,
        dense_layers=dense_layers if experts > 1 else 0,
        dense_intermediate=model.get("intermediate_size") or 0,
        has_head_norms=kind in _HEAD_NORMS,
        experts_per_token=chosen,
        routes_in_float32=kind in _LATENT and experts > 1,
        mlp=_mlp(model, shared + (width if experts == 1 else 0)),
    )


def _are_counts(model: dict[str, Any], names: tuple[str, ...]) -> bool:
    return all(isinstance(model.get(name), int) for name in names)


def _grouped_attention(model: dict[str, Any]) -> Attention:
    """With keys and values that several queries share."""
    hidden, heads = model["hidden_size"], model["num_attention_heads"]
    kv_heads = model.get("num_key_value_heads") or heads
    width = model.get("head_dim") or hidden // heads
    queries, keys = heads * width, kv_heads * width
    if model["model_type"] in _FUSED:
        inner = [("qkv_proj", queries + 2 * keys, hidden)]
    else:
        inner = [("q_proj", queries, hidden), ("k_proj", keys, hidden), ("v_proj", keys, hidden)]
    return Attention(heads, kv_heads, width, width, 0, linear=(*inner, ("o_proj", hidden, queries)))


def _latent_attention(model: dict[str, Any]) -> Attention:
    """DeepSeek-V2 (arXiv:2405.04434), section 2.1: keys and values are made of a latent, and one
    key with positions is all heads'."""
    hidden, heads, latent = (
        model[name] for name in ("hidden_size", "num_attention_heads", "kv_lora_rank")
    )
    plain, turned = model["qk_nope_head_dim"], model["qk_rope_head_dim"]
    queries, values = heads * (plain + turned), heads * model["v_head_dim"]
    if of_queries := model.get("q_lora_rank"):
        inner = [("q_a_proj", of_queries, hidden), ("q_b_proj", queries, of_queries)]
    else:
        inner = [("q_proj", queries, hidden)]
    return Attention(
        heads=heads,
        kv_heads=heads,
        head_dim=plain + turned,
        value_dim=model["v_head_dim"],
        compressed=latent + (of_queries or 0),
        linear=(
            *inner,
            ("kv_a_proj_with_mqa", latent + turned, hidden),
            ("kv_b_proj", heads * plain + values, latent),
            ("o_proj", hidden, values),
        ),
    )


def _mlp(model: dict[str, Any], width: int) -> tuple[Linear, ...]:
    if not width:
        return ()
    hidden = model["hidden_size"]
    if model["model_type"] in _FUSED:
        gated = [("gate_up_proj", 2 * width, hidden)]
    else:
        gated = [("gate_proj", width, hidden), ("up_proj", width, hidden)]
    return (*gated, ("down_proj", hidden, width))


def _shared(model: dict[str, Any], width: int) -> int:
    """Width of the experts that every token goes through."""
    if model["model_type"] == "qwen2_moe":
        return int(model.get("shared_expert_intermediate_size") or 0)
    return (model.get("n_shared_experts") or 0) * width if model["model_type"] in _LATENT else 0


def _experts(model: dict[str, Any]) -> tuple[int, int, int | None]:
    """How many there are, how many a token goes through, and how wide one is."""
    experts = next((model[name] for name in EXPERTS if model.get(name)), None)
    if not experts:
        return 1, 1, model.get("intermediate_size")
    width = model.get("moe_intermediate_size") or model.get("intermediate_size")
    return experts, model.get("num_experts_per_tok") or 1, width
