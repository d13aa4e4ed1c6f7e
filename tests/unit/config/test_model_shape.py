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
LATENT = {
    "num_key_value_heads": 8,
    "kv_lora_rank": 96,
    "qk_nope_head_dim": 64,
    "qk_rope_head_dim": 32,
    "v_head_dim": 48,
    "n_routed_experts": 16,
    "n_shared_experts": 2,
    "num_experts_per_tok": 4,
    "moe_intermediate_size": 256,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
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
        ("deepseek_v2", {**LATENT, "q_lora_rank": 128}),
        ("deepseek_v3", {**LATENT, "q_lora_rank": None}),
        ("deepseek_v3", {**LATENT, "q_lora_rank": 128, "first_k_dense_replace": 3}),
    ],
)
def test_parameters_are_those_of_transformers(kind, more):
    config = AutoConfig.for_model(kind, **SIZES | more)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = shape_of(config.to_dict())
    assert shape is not None
    real = sum(p.numel() for p in model.parameters())
    assert shape.parameters == pytest.approx(real, rel=0.01)


def test_linear_layers_of_latent_attention_are_those_of_transformers():
    sizes = SIZES | LATENT | {"q_lora_rank": 128, "num_hidden_layers": 2}
    config = AutoConfig.for_model("deepseek_v3", **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = shape_of(config.to_dict())
    assert shape is not None
    linear = {
        name.rpartition(".")[2]: (layer.out_features, layer.in_features)
        for name, layer in model.get_submodule("model.layers.1").named_modules()
        if isinstance(layer, torch.nn.Linear)
    }
    assert {name: (rows, columns) for name, rows, columns in shape.linear} == linear


def test_deepseek_v3_has_the_parameters_of_its_report():
    """arXiv:2412.19437: 671 B, of which a token meets 37 B, its line of the embedding aside;
    V2-Lite (arXiv:2405.04434): 15.7 and 2.4 B."""
    latent = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64}
    v3 = {
        **latent,
        "model_type": "deepseek_v3",
        "hidden_size": 7168,
        "num_hidden_layers": 61,
        "num_attention_heads": 128,
        "vocab_size": 129280,
        "intermediate_size": 18432,
        "moe_intermediate_size": 2048,
        "q_lora_rank": 1536,
        "v_head_dim": 128,
        "n_routed_experts": 256,
        "n_shared_experts": 1,
        "num_experts_per_tok": 8,
        "first_k_dense_replace": 3,
    }
    lite = v3 | {
        "model_type": "deepseek_v2",
        "hidden_size": 2048,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "vocab_size": 102400,
        "intermediate_size": 10944,
        "moe_intermediate_size": 1408,
        "q_lora_rank": None,
        "n_routed_experts": 64,
        "n_shared_experts": 2,
        "num_experts_per_tok": 6,
        "first_k_dense_replace": 1,
    }
    for sizes, held, met in ((v3, 671e9, 37.0e9), (lite, 15.7e9, 2.4e9)):
        shape = shape_of(sizes | {"tie_word_embeddings": False})
        assert shape is not None
        assert shape.parameters == pytest.approx(held, rel=0.01)
        assert shape.active_parameters - shape.embedding == pytest.approx(met, rel=0.025)


def test_a_token_does_not_go_through_every_expert():
    sizes = AutoConfig.for_model("deepseek_v3", **SIZES | LATENT, q_lora_rank=None).to_dict()
    shape = shape_of(sizes)
    assert shape is not None
    # Five layers with experts, each of three matrices.
    assert shape.parameters - shape.active_parameters == 5 * (16 - 4) * 3 * 512 * 256


def test_a_type_with_other_layers_has_no_sizes_here():
    assert shape_of({"model_type": "gpt2", "n_embd": 8}) is None
    assert shape_of({"model_type": "llama"}) is None


def test_a_width_that_is_left_to_the_types_default_is_not_known_here():
    sizes = {**AutoConfig.for_model("llama", **SIZES).to_dict()}
    assert shape_of(sizes) is not None
    del sizes["intermediate_size"]
    assert shape_of(sizes) is None
