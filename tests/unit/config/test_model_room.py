"""A context that a model has no room for is an error by its config.json; no test loads a model."""

from pathlib import Path

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.config.model_files import read_config
from rlsys.config.model_room import cache_problem, head_problem, kv_bytes_per_token, limits
from rlsys.config.run import Precision
from rlsys.config.run_model import require_described, require_model
from rlsys.errors import ConfigError
from tests.helpers.model_folders import LLAMA, config_of, error_of

SIZES = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ({}, 2048),
        ({"max_position_embeddings": None, "n_positions": 1024}, 1024),
        ({"max_position_embeddings": None}, None),
        ({"max_position_embeddings": -1}, None),
        ({"rope_scaling": {"type": "linear", "factor": None}}, 2048),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, 8192),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, 2048),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, 2048),
        ({"rope_parameters": {"full_attention": {"rope_type": "dynamic", "factor": 2.0}}}, 4096),
        (
            {
                "rope_parameters": {"rope_type": "default"},
                "rope_scaling": {"rope_type": "linear", "factor": 2.0},
            },
            4096,
        ),
        ({"sliding_window": 512}, 512),
        ({"sliding_window": None}, 2048),
        ({"sliding_window": 512, "layer_types": ["full_attention"]}, 2048),
        ({"sliding_window": 512, "layer_types": ["sliding_attention", "full_attention"]}, 512),
        ({"model_type": "qwen2", "sliding_window": 512, "use_sliding_window": False}, 2048),
        ({"model_type": "qwen2", "sliding_window": 512, "use_sliding_window": True}, 512),
    ],
)
def test_the_longest_sequence_ends_with_positions_or_window(
    model: dict[str, object], most: int | None
) -> None:
    assert min(limits(LLAMA | model).values(), default=None) == most


def test_a_window_that_a_type_has_by_default_counts(tmp_path: Path) -> None:
    config_of(tmp_path, model_type="mistral", max_position_embeddings=32768)
    assert min(limits(read_config(str(tmp_path), "MODEL")).values()) == 4096


def test_a_context_beyond_the_positions_names_the_nearest_valid(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.model.max_context = 2048
    require_model(config)
    config.model.max_context = 2049
    message = error_of(config)
    assert message.startswith("model.max_context=2049: the positions end in the config.json")
    assert message.endswith("at 2048; nearest valid: 2048")


def test_a_context_beyond_the_window_names_the_nearest_valid(tmp_path: Path) -> None:
    config = config_of(tmp_path, sliding_window=128)
    config.model.max_context = 512
    assert "sliding window" in (message := error_of(config))
    assert message.endswith("nearest valid: 128")


def test_a_context_beyond_positions_and_cache_is_one_error_about_both(tmp_path: Path) -> None:
    config = config_of(tmp_path, **SIZES, head_dim=32)
    config.model.max_context = 40_000_000
    positions, cache = error_of(config).splitlines()
    assert "positions" in positions
    assert cache.startswith("rollout.kv_cache_gib=1: one completion of model.max_context=40000000 ")
    config.rollout.gpus, config.model.max_context = 1, 2048
    require_model(config)


@pytest.mark.parametrize(
    ("model", "dtype", "size"),
    [
        ({"num_key_value_heads": 1}, Precision.float32, 2 * 2 * 1 * 8 * 4),
        ({"num_key_value_heads": 1}, Precision.bfloat16, 2 * 2 * 1 * 8 * 2),
        ({"head_dim": 16}, Precision.bfloat16, 2 * 2 * 4 * 16 * 2),
        ({"kv_lora_rank": 16, "qk_rope_head_dim": 4}, Precision.bfloat16, 2 * 20 * 2),
        ({"sliding_window": 8}, Precision.float32, 0),
        ({"layer_types": ["full_attention", "linear_attention"]}, Precision.float32, 0),
        ({"num_key_value_heads": [1, 2]}, Precision.float32, 0),
        ({"hidden_size": None}, Precision.float32, 0),
    ],
)
def test_keys_and_values_of_a_token_are_counted_by_layers_heads_and_precision(
    model: dict[str, object], dtype: Precision, size: int
) -> None:
    assert kv_bytes_per_token(LLAMA | SIZES | model, dtype) == size


@pytest.mark.parametrize(
    ("model", "width"),
    [
        ({"head_dim": 16}, 16),
        ({"hidden_size": 64, "num_attention_heads": 4}, 16),
        ({"hidden_size": 64, "num_attention_heads": 4, "head_dim": 32}, None),
        ({"model_type": "qwen3", "hidden_size": 64, "num_attention_heads": 4}, None),
        ({"head_dim": 16, "kv_lora_rank": 8}, None),
    ],
)
def test_a_width_of_heads_that_vllm_does_not_compute_on_cpu_is_an_error(
    tmp_path: Path, model: dict[str, object], width: int | None
) -> None:
    config = config_of(tmp_path, **model)
    assert bool(head_problem(config, LLAMA | model)) == bool(width)
    if width:
        assert f"its attention heads are {width} wide" in error_of(config)
    config.rollout.gpus = 1
    assert head_problem(config, LLAMA | model) == []


@pytest.mark.parametrize(
    ("overrides", "nearest"),
    [
        ("model.local.hidden_size=64", "model.local.heads=2"),
        ("model.local.hidden_size=64 model.local.architecture=qwen3_moe", "model.local.heads=2"),
        ("model.local.hidden_size=40", "model.local.hidden_size=256"),
        ("model.local.hidden_size=64 model.local.heads=2", ""),
        ("model.local.hidden_size=64 model.local.architecture=deepseek_v3", ""),
        ("model.local.hidden_size=64 rollout.gpus=1", ""),
        ("model.local.hidden_size=64 run.stage=reward_model", ""),
    ],
)
def test_heads_of_a_local_policy_that_vllm_does_not_compute_are_told_before_it_is_made(
    overrides: str, nearest: str
) -> None:
    config = load(CONFIGS / "local.yaml", overrides.split())
    if not nearest:
        require_described(config)
        return
    with pytest.raises(ConfigError, match=rf"model\.local\.heads=4: .*nearest valid: {nearest}$"):
        require_described(config)


def test_a_cache_on_gpus_holds_a_completion_by_what_lies_on_each(tmp_path: Path) -> None:
    sizes = {"num_hidden_layers": 32, "num_key_value_heads": 2, "num_attention_heads": 8}
    config = config_of(tmp_path, **sizes, hidden_size=1024, max_position_embeddings=10**6)
    config.model.max_context, config.rollout.gpus = 2**16, 1.0
    config.rollout.dtype = Precision.bfloat16
    model = read_config(config.model.path, "m")
    assert cache_problem(config, model) == []  # what the GPU has left is not known here
    config.rollout.kv_cache_gib = 1.5
    # 2 x 32 layers x 2 heads x 128 wide, 2 bytes each, of 65,536 tokens.
    (problem,) = cache_problem(config, model)
    assert problem.startswith("rollout.kv_cache_gib=1.5: one completion of model.max_context=65536")
    assert problem.endswith(
        "takes 2.00 GiB of keys and values; nearest valid: 2, or model.max_context=49152"
    )
    config.rollout.tensor_parallel = 4  # two heads of keys, each on two GPUs
    assert cache_problem(config, model) == []
    # 32 layers x 576 numbers, 2 bytes each, which all heads share and each GPU has.
    latent = model | {"kv_lora_rank": 512, "qk_rope_head_dim": 64}
    config.rollout.kv_cache_gib = 2.0
    (problem,) = cache_problem(config, latent)
    assert "takes 2.25 GiB" in problem
    config.rollout.kv_cache_gib = 0.75
    assert "takes 1.00 GiB" in cache_problem(config, model)[0]
    config.rollout.engine_options = {"kv_cache_dtype": "fp8"}
    assert cache_problem(config, model) == []
