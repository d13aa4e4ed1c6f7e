"""Tiny random models of many architectures. Run as a program, it prints their table for
docs/models.md."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from rlsys.config.models import refusal
from rlsys.local_policy.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer()
VOCABULARY = len(TOKENIZER)

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "intermediate_size": 96,
    "max_position_embeddings": 512,
    "initializer_range": 0.1,
    "bos_token_id": None,
    "eos_token_id": TOKENIZER.eos_token_id,
    "pad_token_id": TOKENIZER.pad_token_id,
}
_TOKENS = {name: value for name, value in _COMMON.items() if name.endswith("token_id")}
_SHORT = {"vocab_size": VOCABULARY, "n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": 512}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2}
_SMALL_EXPERTS = _EXPERTS | {"moe_intermediate_size": 32}
_LOCAL_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_ROUTED = {
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
_LATENT = {
    # vLLM compresses keys and values on CPU to these sizes alone.
    "kv_lora_rank": 512,
    "qk_rope_head_dim": 64,
    "head_dim": 64,
    "qk_nope_head_dim": 128,
    "v_head_dim": 128,
    "n_shared_experts": 1,
}
_NOAUX = {"topk_method": "noaux_tc", "scoring_func": "sigmoid"}
_STATE = {"vocab_size": VOCABULARY, "hidden_size": 64, "num_hidden_layers": 2, "state_size": 16}


@dataclass(frozen=True)
class Architecture:
    """One line of the table."""

    title: str
    config: Callable[[], PreTrainedConfig]

    @property
    def kind(self) -> str:
        """The model_type of its config.json."""
        return str(self.config().model_type)

    @property
    def refusal(self) -> str | None:
        """Why it cannot be trained."""
        return refusal(self.config().to_dict())


def _of(name: str, **settings: Any) -> Callable[[], PreTrainedConfig]:
    return lambda: getattr(transformers, name)(**(_COMMON | settings))


def _bare(name: str, **settings: Any) -> Callable[[], PreTrainedConfig]:
    return lambda: getattr(transformers, name)(**(_TOKENS | settings))


ARCHITECTURES = (
    Architecture("Llama 2 and 3", _of("LlamaConfig")),
    Architecture("Mistral", _of("MistralConfig", sliding_window=256)),
    Architecture("Qwen2, Qwen2.5", _of("Qwen2Config", tie_word_embeddings=True)),
    Architecture("Qwen3", _of("Qwen3Config")),
    Architecture("Qwen2 MoE", _of("Qwen2MoeConfig", **_SMALL_EXPERTS)),
    Architecture("Qwen3 MoE", _of("Qwen3MoeConfig", **_SMALL_EXPERTS)),
    Architecture("Mixtral", _of("MixtralConfig", **_LOCAL_EXPERTS)),
    Architecture("OLMoE", _of("OlmoeConfig", **_EXPERTS)),
    Architecture("Granite MoE", _of("GraniteMoeConfig", logits_scaling=4.0, **_LOCAL_EXPERTS)),
    Architecture("Phi-3.5 MoE", _of("PhimoeConfig", **_LOCAL_EXPERTS)),
    Architecture("DeepSeek-V2", _of("DeepseekV2Config", q_lora_rank=None, **_ROUTED, **_LATENT)),
    Architecture(
        "DeepSeek-V3, R1",
        _of("DeepseekV3Config", q_lora_rank=32, **_NOAUX, **_ROUTED, **_LATENT),
    ),
    Architecture("GLM-4.5", _of("Glm4MoeConfig", **_ROUTED)),
    Architecture("Gemma", _of("GemmaConfig")),
    Architecture("Gemma 3 (text)", _of("Gemma3TextConfig", sliding_window=256)),
    Architecture("Phi-1, Phi-2", _of("PhiConfig")),
    Architecture("Phi-3, Phi-4", _of("Phi3Config", sliding_window=None)),
    Architecture("GPT-2", _bare("GPT2Config", initializer_range=0.1, **_SHORT)),
    Architecture("GPT-NeoX, Pythia", _of("GPTNeoXConfig")),
    Architecture("OPT", _of("OPTConfig", ffn_dim=96, word_embed_proj_dim=64, init_std=0.1)),
    Architecture("OLMo", _of("OlmoConfig")),
    Architecture("OLMo 2", _of("Olmo2Config")),
    Architecture("OLMo 3", _of("Olmo3Config", sliding_window=256)),
    Architecture("Granite 3", _of("GraniteConfig", logits_scaling=8.0, residual_multiplier=0.5)),
    Architecture("Cohere Command-R", _of("CohereConfig")),
    Architecture("StarCoder 2", _of("Starcoder2Config", sliding_window=None)),
    Architecture("SmolLM 3", _of("SmolLM3Config")),
    Architecture("GLM-4", _of("Glm4Config")),
    Architecture("EXAONE 4", _of("Exaone4Config", sliding_window=256)),
    Architecture("Seed-OSS", _of("SeedOssConfig")),
    Architecture("ERNIE 4.5", _of("Ernie4_5Config")),
    Architecture("Gemma 2", _of("Gemma2Config")),
    Architecture("GPT-OSS", _of("GptOssConfig", **_LOCAL_EXPERTS)),
    Architecture("Llama 4 (text)", _of("Llama4TextConfig", intermediate_size_mlp=96)),
    Architecture(
        "Qwen3-Next",
        _of(
            "Qwen3NextConfig",
            layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=2,
            linear_num_key_heads=2,
            linear_key_head_dim=32,
            linear_value_head_dim=32,
            **_SMALL_EXPERTS,
        ),
    ),
    Architecture("LFM2", _of("Lfm2Config", layer_types=["conv", "full_attention"])),
    Architecture(
        "Falcon-H1",
        _of("FalconH1Config", mamba_d_ssm=64, mamba_n_heads=4, mamba_d_head=16, mamba_d_state=16),
    ),
    Architecture(
        "Jamba",
        _of(
            "JambaConfig",
            num_experts=2,
            num_experts_per_tok=1,
            attn_layer_period=2,
            attn_layer_offset=1,
            use_mamba_kernels=False,
        ),
    ),
    Architecture("Mamba", _bare("MambaConfig", **_STATE)),
    Architecture("Mamba 2", _bare("Mamba2Config", num_heads=4, head_dim=32, n_groups=1, **_STATE)),
    Architecture("BLOOM", _bare("BloomConfig", vocab_size=VOCABULARY, hidden_size=64, n_head=2)),
    Architecture("Falcon", _bare("FalconConfig", hidden_size=64, num_attention_heads=2)),
    Architecture("GPT-J", _bare("GPTJConfig", rotary_dim=32, **_SHORT)),
    Architecture("StableLM", _of("StableLmConfig")),
    Architecture("Nemotron", _of("NemotronConfig")),
)


def build(architecture: Architecture, folder: Path) -> PreTrainedModel:
    """A random model, saved with a tokenizer; no parameter is left at a value that hides it."""
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(architecture.config(), dtype=torch.float32)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.add_(0.3 * torch.randn(buffer.shape, generator=generator))
    model.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return model.eval()


def table() -> str:
    """What works, then what is refused."""
    lines = [
        "| works | `model_type` |",
        "|---|---|",
        *(f"| {one.title} | `{one.kind}` |" for one in ARCHITECTURES if one.refusal is None),
        "",
        "| refused | `model_type` | why |",
        "|---|---|---|",
        *(
            f"| {one.title} | `{one.kind}` | {one.refusal} |"
            for one in ARCHITECTURES
            if one.refusal
        ),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
