"""What does not go with rows that several ranks hold is an error before anything is loaded."""

from pathlib import Path
from typing import Any

import pytest

from rlsys.config.memory import learner
from rlsys.config.model_shape import shape_of
from rlsys.config.run import RunConfig, StageKind
from rlsys.config.sequence_parallel import head_problems, problems
from rlsys.config.thinking import ThinkingMode
from rlsys.config.validate import validate
from rlsys.config.verifiers import RewardConfig
from rlsys.errors import ConfigError
from tests.helpers.model_folders import LLAMA, config_of, error_of

HEADS = {"num_attention_heads": 8, "num_key_value_heads": 2}


def asking(ranks: int, size: int) -> RunConfig:
    config = RunConfig()
    config.learner.ranks, config.learner.sequence_parallel = ranks, size
    config.model.path = "m"
    return config


def with_heads(ranks: int, size: int, **model: Any) -> list[str]:
    return head_problems(asking(ranks, size), LLAMA | HEADS | model)


@pytest.mark.parametrize(("ranks", "size", "nearest"), [(4, 3, 2), (4, 8, 4), (6, 4, 3), (1, 2, 1)])
def test_it_divides_the_ranks(ranks: int, size: int, nearest: int) -> None:
    (problem,) = problems(asking(ranks, size))
    assert problem.startswith(f"learner.sequence_parallel={size} does not divide learner.ranks=")
    assert problem.endswith(f"nearest valid: {nearest}")


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_sizes_by_which_heads_can_be_shared_out_are_taken(size: int) -> None:
    """Of two heads of keys each of eight ranks has a copy of one."""
    assert not with_heads(8, size)


def test_heads_that_cannot_be_shared_out_name_the_nearest_size(tmp_path: Path) -> None:
    (problem,) = with_heads(6, 3)
    assert "the 8 heads and 2 heads of keys of model.path='m'" in problem
    assert problem.endswith("nearest valid: 2")
    assert not with_heads(6, 3, num_attention_heads=9, num_key_value_heads=None)
    config = config_of(tmp_path, **HEADS, hidden_size=256)
    config.learner.ranks = config.learner.sequence_parallel = 3
    assert error_of(config).startswith("learner.sequence_parallel=3: the 8 heads")


def test_keys_that_are_compressed_are_of_as_many_heads_as_queries() -> None:
    assert with_heads(3, 3, num_attention_heads=6, num_key_value_heads=4)
    assert not with_heads(3, 3, num_attention_heads=6, num_key_value_heads=4, kv_lora_rank=8)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_are_stretched_by_the_longest_in_sight_are_refused(kind: str) -> None:
    (problem,) = with_heads(2, 2, rope_scaling={"rope_type": kind, "factor": 2.0})
    assert kind in problem
    assert not with_heads(1, 1, rope_scaling={"rope_type": kind, "factor": 2.0})


def test_latents_reward_models_and_the_local_policys_heads_are_refused() -> None:
    config = asking(2, 2)
    config.thinking.mode, config.thinking.latents = ThinkingMode.latent, 3
    assert "latents" in next(iter(problems(config)))
    config = asking(2, 2)
    config.run.stage = StageKind.reward_model
    assert "score" in next(iter(problems(config)))
    config = asking(6, 3)
    config.model.path = ""
    (problem,) = problems(config)
    assert problem.startswith("learner.sequence_parallel=3 does not divide the 4 heads")
    assert problem.endswith("nearest valid: 2")


def test_ranks_that_hold_rows_together_count_as_one_where_answers_are_divided() -> None:
    config = RunConfig()
    config.verifiers.rewards = [RewardConfig("accuracy", verifier="math", weight=1.0)]
    config.loop.groups_per_step, config.loop.group_size = 3, 2
    config.learner.ranks = 4
    with pytest.raises(ConfigError, match=r"learner.ranks=4 does not divide the 6 completions"):
        validate(config)
    config.learner.sequence_parallel = 2
    validate(config)
    config.learner.ranks = 8
    with pytest.raises(ConfigError, match=r"sequence_parallel=2 does not divide the 6 .* valid: 6"):
        validate(config)


def test_the_memory_plan_has_a_slice_of_activations_and_logits() -> None:
    config = asking(4, 1)
    config.learner.microbatch_tokens, config.learner.logprob_chunk = 8192, 8192
    model = LLAMA | HEADS | {"hidden_size": 64, "num_hidden_layers": 2, "intermediate_size": 96}
    shape = shape_of(model)
    assert shape is not None
    whole = learner(config, shape)
    config.learner.sequence_parallel = 4
    part = learner(config, shape)
    assert part.activations == pytest.approx(whole.activations / 4, rel=0.01)
    assert part.logits == whole.logits / 4
    assert part.weights == whole.weights
