"""The local policy's layers: those of Qwen2, or of one with experts, at a size for CPUs.

A token meets about as many parameters in each: experts share the width out that a dense layer has.
What vLLM asks of a config.json, and transformers leaves out, stands here (docs/models.md).
"""

from typing import TYPE_CHECKING, Any

from rlsys.config.local_policy import Architecture, LocalPolicyConfig
from rlsys.imports import imports

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, Qwen2Tokenizer

_LATENT: dict[str, Any] = {
    # vLLM's kernel of latent attention for CPUs takes these two sizes alone.
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "q_lora_rank": None,
}
_SIGMOID = {"scoring_func": "sigmoid", "topk_method": "noaux_tc"}
"""How DeepSeek-V3 chooses experts; without these vLLM would choose otherwise."""


def build_model(config: LocalPolicyConfig, tokenizer: "Qwen2Tokenizer") -> "PreTrainedModel":
    """The policy with random weights, from torch's global generator."""
    # Not at the top: a policy that was prepared before is not computed with here.
    with imports():
        import torch
        from transformers import AutoModelForCausalLM
    shape = config_of(config, tokenizer)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)
    return model


def config_of(config: LocalPolicyConfig, tokenizer: "Qwen2Tokenizer") -> "PreTrainedConfig":
    """What its config.json will say."""
    from transformers import AutoConfig

    return AutoConfig.for_model(
        config.architecture.value,
        vocab_size=len(tokenizer),
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        max_position_embeddings=config.max_positions,
        initializer_range=config.init_std,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **_of_architecture(config),
    )


def _of_architecture(config: LocalPolicyConfig) -> dict[str, Any]:
    head, chosen = config.hidden_size // config.heads, config.experts_per_token
    width = config.intermediate_size // chosen
    match config.architecture:
        case Architecture.qwen2:
            return {"tie_word_embeddings": True}
        case Architecture.qwen3_moe:
            return {
                "tie_word_embeddings": True,
                "head_dim": head,
                "num_experts": config.experts,
                "num_experts_per_tok": chosen,
                "moe_intermediate_size": width,
                "norm_topk_prob": True,
            }
        case Architecture.deepseek_v3:
            return {
                # vLLM reads the head of this architecture from a tensor of its own.
                "tie_word_embeddings": False,
                "qk_nope_head_dim": head,
                "v_head_dim": head,
                "n_routed_experts": config.experts,
                "n_shared_experts": 1,
                "num_experts_per_tok": chosen - 1,
                "moe_intermediate_size": width,
                "routed_scaling_factor": 1.0,
                "n_group": 1,
                "topk_group": 1,
                "first_k_dense_replace": 1,
                "num_nextn_predict_layers": 0,
                **_LATENT,
                **_SIGMOID,
            }
