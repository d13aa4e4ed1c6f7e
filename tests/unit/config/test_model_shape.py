"""Sizes by config.json against transformers' own, on the meta device."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rlsys.config.model_shape import shape_of

SIZES = {
    "hidden_size": 512,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": 1536,
    "vocab_size": 5000,
    "pad_token_id": 0,
}
EXPERTS = {"num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 256}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("llama", {}),
        ("mistral", {}),
        ("qwen2", {"tie_word_embeddings": True}),
        ("qwen3", {"head_dim": 128}),
        ("gemma", {"head_dim": 64}),
        ("phi3", {}),
        ("olmo2", {}),
        ("granite", {}),
        ("smollm3", {}),
        ("qwen3_moe", {**EXPERTS, "head_dim": 64}),
        ("qwen2_moe", {**EXPERTS, "shared_expert_intermediate_size": 512}),
        ("mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
        ("olmoe", {"num_experts": 8, "num_experts_per_tok": 2}),
    ],
)
def test_parameters_are_those_of_transformers(kind, more):
    config = AutoConfig.for_model(kind, **SIZES, **more)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = shape_of(config.to_dict())
    assert shape is not None
    real = sum(p.numel() for p in model.parameters())
    assert shape.parameters == pytest.approx(real, rel=0.01)


def test_a_type_with_other_layers_has_no_sizes_here():
    assert shape_of({"model_type": "gpt2", "n_embd": 8}) is None
    assert shape_of({"model_type": "llama"}) is None


def test_a_width_that_is_left_to_the_types_default_is_not_known_here():
    sizes = {**AutoConfig.for_model("llama", **SIZES).to_dict()}
    assert shape_of(sizes) is not None
    del sizes["intermediate_size"]
    assert shape_of(sizes) is None
