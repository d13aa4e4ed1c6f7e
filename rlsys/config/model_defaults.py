"""What transformers takes for granted of a type of model where its config.json does not say it.

A config.json may leave out whatever is its type's default: `{"model_type": "qwen3_next"}` alone is
a model whose layers carry a state. tests/soak/test_model_defaults.py compares this table with all
the types that transformers has.
"""

from typing import Any

_OF_MORE_THAN_TEXT = (
    *("aria", "aya_vision", "blip", "blip-2", "chameleon", "cohere2_vision", "cohere_compass"),
    *("cosmos3_edge", "cosmos3_omni", "deepseek_ocr2", "deepseek_vl", "deepseek_vl_hybrid"),
    *("ernie4_5_vl_moe", "exaone4_5", "fast_vlm", "florence2", "fuyu", "gemma3", "gemma3n", "git"),
    *("glm46v", "glm4v", "glm4v_moe", "glm5_next", "glm_ocr", "glmga", "got_ocr2"),
    *("granite4_vision", "hunyuan_vl", "hyperclovax_vision_v2", "idefics", "idefics2", "idefics3"),
    *("inkling_mm_model", "instructblip", "instructblipvideo", "internvl", "janus", "kimi_k25"),
    *("kosmos-2", "kosmos-2.5", "lfm2_vl", "lighton_ocr", "llava", "llava_next", "llava_onevision"),
    *("llava_next_video", "minicpmv4_6", "minicpmv4_7", "minimax_m3_vl", "mistral3", "mllama"),
    *("muse_glimmer", "nemotron_h_omni", "ovis2", "paddleocr_vl", "paligemma", "perception_lm"),
    *("phi4_multimodal", "pix2struct", "pp_chart2table", "pp_formulanet", "qianfan_ocr"),
    *("qwen2_5_omni_thinker", "qwen2_5_vl", "qwen2_vl", "qwen3_5", "qwen3_5_moe", "qwen3_vl"),
    *("qwen3_omni_moe_thinker", "qwen3_vl_moe", "qwen4_exp", "shieldgemma2", "smolvlm"),
    *("step3p7", "video_llama_3", "video_llava", "vipllava"),
)
_WITH_STATES = (
    *("bamba", "falcon_h1", "falcon_mamba", "granitemoehybrid", "inkling_text", "jamba"),
    *("kimi_linear", "lfm2", "lfm2_moe", "mamba", "mamba2", "minimax", "nemotron_h", "olmo_hybrid"),
    *("qwen3_5_moe_text", "qwen3_5_text", "qwen3_next", "qwen4_exp_text", "recurrent_gemma"),
    *("rwkv", "xlstm", "zamba", "zamba2", "zaya"),
)
_ENCODER_DECODERS = (
    *("bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "marian", "mbart", "mvp"),
    *("pegasus", "plbart", "prophetnet", "t5", "t5gemma", "t5gemma2", "udop", "whisper"),
)
_INDEXED = ("axk2", "deepseek_v32", "glm_moe_dsa", "hy_v4")

_GROUPS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (_OF_MORE_THAN_TEXT, {"vision_config": "by default"}),
    (_WITH_STATES, {"layer_types": ["linear_attention"]}),
    (_ENCODER_DECODERS, {"is_encoder_decoder": True}),
    (_INDEXED, {"layer_types": ["indexed_attention"]}),
    (("deepseek_v4",), {"layer_types": ["compressed_sparse_attention"]}),
    (("gemma3n_text", "nanochat"), {"final_logit_softcapping": 15.0}),
    (("gemma2", "vaultgemma"), {"attn_logit_softcapping": 50.0}),
    (("mistral", "gemma3_text"), {"sliding_window": 4096}),
    (("deepseek_v3",), {"n_group": 8, "topk_group": 4}),
)
DEFAULTS = {kind: settings for kinds, settings in _GROUPS for kind in kinds}
"""By model_type. What a config.json says wins over it."""
