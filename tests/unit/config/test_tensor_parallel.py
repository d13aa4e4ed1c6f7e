"""Whether a sampler's GPUs can share a model out."""

import json
from pathlib import Path

import pytest

from rlsys.config.run import RunConfig, StageKind
from rlsys.config.run_model import require_described
from rlsys.config.tensor_parallel import larger_spreads, spread_problems
from rlsys.errors import ConfigError

QWEN_7B = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "num_hidden_layers": 28,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
}
EXPERTS = {
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "vocab_size": 151936,
    "intermediate_size": 6144,
    "num_experts": 128,
    "moe_intermediate_size": 96,
}


def spread(size: int, gpus: bool = True) -> RunConfig:
    config = RunConfig()
    config.model.path = "m"
    config.rollout.tensor_parallel = size
    config.rollout.gpus = float(size) if gpus else 0.0
    return config


@pytest.mark.parametrize(
    ("model", "size", "said", "nearest"),
    [
        (QWEN_7B, 3, "the 28 heads", 2),
        (QWEN_7B, 7, "the 18944 numbers between the layers of an MLP", 4),
        (QWEN_7B | {"num_attention_heads": 6, "num_key_value_heads": 6}, 4, "the 6 heads", 2),
        ({"num_attention_heads": 24, "num_key_value_heads": 8}, 6, "the 8 heads of keys", 4),
        (
            {"num_attention_heads": 12, "vocab_size": 100},
            3,
            "the 128 rows of the embedding, filled up to 64,",
            2,
        ),
        (EXPERTS | {"moe_intermediate_size": 90}, 4, "the 90 numbers", 2),
    ],
)
def test_parts_that_do_not_divide_are_told_with_the_nearest_number_of_gpus(
    model: dict[str, object], size: int, said: str, nearest: int
) -> None:
    (problem,) = spread_problems(spread(size), model)
    assert problem.startswith(f"rollout.tensor_parallel={size}: vLLM cannot share {said}")
    assert problem.endswith(
        f"nearest valid: rollout.tensor_parallel={nearest} rollout.gpus={nearest}"
    )
    assert spread_problems(spread(nearest), model) == []


@pytest.mark.parametrize("size", [1, 2, 4])
def test_what_divides_is_shared_out(size: int) -> None:
    assert spread_problems(spread(size), QWEN_7B) == []


def test_keys_are_copied_where_gpus_are_a_multiple_of_them() -> None:
    assert spread_problems(spread(8), QWEN_7B | {"num_attention_heads": 32}) == []


def test_experts_that_lie_whole_on_gpus_are_not_cut() -> None:
    config, model = spread(4), EXPERTS | {"moe_intermediate_size": 90}
    config.rollout.engine_options = {"enable_expert_parallel": True}
    assert spread_problems(config, model) == []


def test_a_sampler_on_cpus_is_told_no_gpus() -> None:
    (problem,) = spread_problems(spread(3, gpus=False), QWEN_7B)
    assert problem.endswith("nearest valid: rollout.tensor_parallel=2")


def test_larger_spreads_are_those_that_the_model_has_parts_for() -> None:
    assert larger_spreads(spread(1), QWEN_7B) == [2, 4]
    assert larger_spreads(spread(4), EXPERTS) == [8]


@pytest.mark.parametrize("stage", [StageKind.rl, StageKind.sample])
def test_it_is_told_by_the_config_json_alone(tmp_path: Path, stage: StageKind) -> None:
    config = spread(3)
    config.run.stage = stage
    (tmp_path / "config.json").write_text(json.dumps(QWEN_7B))
    config.model.path = str(tmp_path)
    with pytest.raises(ConfigError, match=r"tensor_parallel=3: vLLM cannot share the 28"):
        require_described(config)
    config.rollout.tensor_parallel = 2
    require_described(config)
