"""What a config.json says against training is one error at once; no test loads a model."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlsys.config.experts import Replay
from rlsys.config.local_policy import Architecture
from rlsys.config.model_files import read_config
from rlsys.config.models import refusal, require_answering
from rlsys.config.run_model import require_model
from tests.helpers.model_folders import answering_error_of, config_of, error_of


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"model_type": None}, "names no model_type"),
        ({"model_type": "t5", "is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_type": "bert"}, "does not write from left to right"),
        ({"model_type": "qwen2_5_vl", "vision_config": {"depth": 2}}, "more than text"),
        ({"quantization_config": {"quant_method": "mxfp4"}}, "quantized (mxfp4)"),
        ({"model_type": "nobodys", "auto_map": {"AutoConfig": "x.Y"}}, "code of its own"),
        ({"model_type": "frobnicator"}, "model_type='frobnicator' is none that transformers knows"),
        ({"model_type": "mamba", "state_size": 16}, "carry a state along the row (state_size)"),
        ({"model_type": "falcon_h1", "mamba_d_ssm": 64}, "(mamba_d_ssm)"),
        ({"layer_types": ["linear_attention", "full_attention"]}, "(linear_attention)"),
        ({"layer_types": ["conv", "full_attention"]}, "(conv)"),
        ({"layer_types": ["chunked_attention"]}, "layers of chunked_attention"),
        ({"model_type": "llama4_text"}, "chunks of the positions"),
        ({"model_type": "bloom"}, "ALiBi"),
        ({"alibi": True}, "ALiBi"),
        ({"attn_config": {"alibi": True}}, "ALiBi"),
        ({"rope_scaling": {"type": "yarm", "factor": 2.0}}, "rope_type='yarm' is none that transf"),
        ({"rope_parameters": {"full_attention": {"rope_type": "x"}}}, "nearest valid: 'default'"),
        ({"model_type": "gemma2"}, "soft caps (50)"),
        ({"attn_logit_softcapping": 20.0}, "soft caps (20)"),
        ({"final_logit_softcapping": 30.0}, "logits have soft caps"),
        ({"model_type": "gpt_oss"}, "sinks"),
        ({"model_type": "gptj"}, "cannot be told where sequences"),
        ({"eos_token_id": 100}, "its embedding ends at 99, but eos_token_id is 100"),
        ({"eos_token_id": [1, 120]}, "eos_token_id is 120"),
        ({"eos_token_id": "</s>"}, "eos_token_id='</s>' is no number of a token"),
        ({"rope_scaling": {"type": "linear", "factor": -2}}, "factor=-2 of its RoPE must be above"),
        (
            {"layer_types": ["full_attention"], "num_hidden_layers": 2},
            "names 1 layer_types for num_hidden_layers=2",
        ),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused_by_name(
    tmp_path: Path, model: dict[str, object], reason: str
) -> None:
    config = config_of(tmp_path, **model)
    message = error_of(config)
    assert reason in message
    assert message.startswith(f"model.path='{tmp_path}' (")
    assert message.endswith("docs/models.md lists the models that work)")


@pytest.mark.parametrize(
    ("model", "nearest"),
    [
        ({"model_type": "gemma2"}, "gemma"),
        ({"model_type": "qwen3_next", "linear_num_value_heads": 32}, "qwen3_moe"),
        ({"model_type": "gpt_oss", "num_local_experts": 32}, "qwen3_moe"),
        ({"model_type": "falcon"}, "qwen3"),
    ],
)
def test_a_refusal_names_the_nearest_type_that_works(
    tmp_path: Path, model: dict[str, object], nearest: str
) -> None:
    assert f"; nearest valid model_type: {nearest} (" in error_of(config_of(tmp_path, **model))


@pytest.mark.parametrize(
    ("name", "value", "nearest"),
    [
        ("replay", Replay.learner, "none"),
        ("auxiliary_loss", 0.1, "null"),
        ("bias_speed", 0.1, 0.001),
    ],
)
def test_what_is_asked_of_experts_needs_some(
    tmp_path: Path, name: str, value: object, nearest: object
) -> None:
    config = config_of(tmp_path)
    setattr(config.learner.experts, name, value)
    assert error_of(config).startswith(f"learner.experts.{name}=")
    assert error_of(config).endswith(f" has no experts; nearest valid: {nearest}")
    config.model.path = ""
    assert "the local policy has no experts" in error_of(config)
    config.model.local.architecture = Architecture.qwen3_moe
    require_model(config)
    config = config_of(tmp_path, model_type="qwen3_moe", num_experts=8, num_experts_per_tok=2)
    setattr(config.learner.experts, name, value)
    require_model(config)


def test_a_type_that_works_is_not_told_another(tmp_path: Path) -> None:
    config = config_of(tmp_path, quantization_config={"quant_method": "fp8"})
    assert "nearest valid" not in error_of(config)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"max_position_embeddings": "many"}, "max_position_embeddings='many' in its config.json"),
        ({"layer_types": "full"}, "layer_types='full' in its config.json should be a list"),
        ({"rope_scaling": ["yarn"]}, "rope_scaling=['yarn'] in its config.json should be an obj"),
        ({"sliding_window": True}, "sliding_window=True in its config.json should be a number"),
        ({"text_config": 3}, "text_config=3 in its config.json should be an object"),
        ({"text_config": {"vocab_size": "1"}}, "vocab_size='1' in its config.json"),
        ({"model_type": 7}, "model_type=7 in its config.json should be a text"),
    ],
)
def test_a_value_of_another_type_is_named(
    tmp_path: Path, model: dict[str, object], said: str
) -> None:
    assert said in error_of(config_of(tmp_path, **model))


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"model_type": "gemma2", "attn_logit_softcapping": None},
        {"model_type": "qwen3_moe", "num_experts": 128, "auto_map": {"AutoConfig": "x.Y"}},
        {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 4096},
        {"alibi": False, "quantization_config": None, "attn_config": None},
        {"eos_token_id": [1, 99]},
        {"vision_config": None},
    ],
)
def test_a_model_without_such_a_feature_is_not(tmp_path: Path, model: dict[str, object]) -> None:
    require_model(config_of(tmp_path, **model))


def test_a_text_model_inside_another_is_read_as_itself(tmp_path: Path) -> None:
    config_of(tmp_path, model_type="outer", text_config={"model_type": "gemma2"})
    reason = refusal(read_config(str(tmp_path), "MODEL"))
    assert reason is not None
    assert "soft caps" in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON: Expecting property name"),
        ("\xff", "is not JSON"),
        (" \n", "is empty"),
        ("[]", "is a list, where it should be a JSON object"),
        ("3", "is 3, where it should be a JSON object"),
    ],
)
def test_a_config_that_cannot_be_read_is_named(tmp_path: Path, text: str, reason: str) -> None:
    config = config_of(tmp_path)
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    assert f"model.path='{tmp_path}': its config.json {reason}" in error_of(config)
    assert f"MODEL m: its config.json {reason}" in answering_error_of(tmp_path)


def test_a_directory_without_a_config_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    (tmp_path / "config.json").unlink()
    assert error_of(config) == f"model.path='{tmp_path}': the directory has no config.json"


@pytest.mark.parametrize(
    ("kind", "trained", "answers"),
    [
        ("qwen3_next", "carry a state along the row (linear_attention)", True),
        ("mamba", "carry a state along the row", True),
        ("qwen2_vl", "a model of more than text (vision_config)", True),
        ("gemma3", "a model of more than text (vision_config)", True),
        ("deepseek_v32", "layers of indexed_attention", True),
        ("nanochat", "logits have soft caps", True),
        ("whisper", "an encoder-decoder", False),
    ],
)
def test_what_a_type_has_by_default_counts_where_the_config_does_not_say(
    tmp_path: Path, kind: str, trained: str, answers: bool
) -> None:
    config = config_of(tmp_path, model_type=kind)
    assert trained in error_of(config)
    config_of(tmp_path, model_type=kind, text_config={"model_type": f"{kind}_text"})
    assert trained in error_of(config)
    if answers:
        require_answering(str(tmp_path), "MODEL m")
    else:
        assert trained in answering_error_of(tmp_path)


def test_what_the_config_says_wins_over_the_default_of_its_type(tmp_path: Path) -> None:
    require_model(config_of(tmp_path, model_type="qwen3_next", layer_types=["full_attention"] * 2))


@pytest.mark.parametrize(
    "model",
    [
        {"model_type": "gemma2"},
        {"model_type": "phi"},
        {"model_type": "gpt_oss"},
        {"quantization_config": {"quant_method": "fp8"}},
        {"model_type": "bloom"},
    ],
)
def test_what_cannot_be_trained_for_the_learners_sake_answers(
    tmp_path: Path, model: dict[str, object]
) -> None:
    error_of(config_of(tmp_path, **model))
    require_answering(str(tmp_path), "MODEL m")


V2 = {"model_type": "deepseek_v2", "norm_topk_prob": False}
V3 = {"model_type": "deepseek_v3", "topk_method": "noaux_tc", "scoring_func": "sigmoid"}


@pytest.mark.parametrize(
    ("model", "found", "nearest"),
    [
        (V3 | {"scoring_func": "softmax"}, "scoring_func='softmax'", "scoring_func='sigmoid'"),
        (V3 | {"topk_method": "greedy"}, "topk_method='greedy'", "topk_method='noaux_tc'"),
        ({"model_type": "deepseek_v3"}, "scoring_func='softmax'", "scoring_func='sigmoid'"),
        (V2 | {"norm_topk_prob": True}, "norm_topk_prob=True", "norm_topk_prob=False"),
        (V2 | {"n_group": 4, "topk_group": 2}, "topk_method='greedy'", "'group_limited_greedy'"),
    ],
)
def test_experts_that_vllm_would_choose_otherwise_are_told_with_what_is_right(
    tmp_path: Path, model: dict[str, object], found: str, nearest: str
) -> None:
    message = error_of(config_of(tmp_path, **model))
    assert f"{found} in its config.json" in message
    assert nearest in message.partition("nearest valid: ")[2]
    assert nearest in answering_error_of(tmp_path)


@pytest.mark.parametrize(
    "model",
    [
        V2,
        V3,
        {"model_type": "deepseek_v2"},
        V2 | {"n_group": 4, "topk_group": 2, "topk_method": "group_limited_greedy"},
        V3 | {"n_group": 4, "topk_group": 2},
    ],
)
def test_experts_that_both_choose_alike_are_not_refused(
    tmp_path: Path, model: dict[str, object]
) -> None:
    require_model(config_of(tmp_path, **model))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"model_type": None}, "names no model_type"),
        ({"model_type": "bert"}, "does not write from left to right"),
        ({"model_type": "nobodys", "auto_map": {"AutoConfig": "x.Y"}}, "code of its own"),
        ({"model_type": "phimoe"}, "vLLM 0.32.0 has no implementation of it"),
        ({"eos_token_id": 100}, "its embedding ends at 99, but eos_token_id is 100"),
        ({"hidden_size": 0}, "in its config.json hidden_size=0: must be"),
    ],
)
def test_what_vllm_cannot_sample_from_does_not_answer(
    tmp_path: Path, model: dict[str, object], reason: str
) -> None:
    config_of(tmp_path, **model)
    message = answering_error_of(tmp_path)
    assert message.startswith("MODEL m")
    assert reason in message


def test_a_directory_without_weights_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n")
    assert "model.safetensors is a pointer of Git LFS, not the weights" in error_of(config)
    assert "pointer of Git LFS" in answering_error_of(tmp_path)
    weights.unlink()
    assert "no weights (*.safetensors or *.bin)" in error_of(config)
    (tmp_path / "pytorch_model.bin").touch()
    require_model(config)


def test_the_answer_comes_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    config_of(tmp_path, model_type="gpt_oss")
    program = (
        "import sys; from rlsys.config.run import RunConfig\n"
        "from rlsys.config.run_model import require_model\n"
        f"config = RunConfig(); config.model.path = {str(tmp_path)!r}\n"
        "try: require_model(config)\n"
        "except ValueError: print({'torch', 'transformers', 'ray'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found.stderr
