"""Loading to train: in the learner's precision, in shards, and partly into the CPU's memory."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM, PreTrainedModel

from rlsys.config.precision import COMPUTED
from rlsys.config.run import LearnerConfig, Offload, Precision
from rlsys.learning import attention, loading
from rlsys.learning.loading import load_for_training
from rlsys.learning.policy import load_causal_lm
from rlsys.learning.ranks import Ranks
from tests.helpers.learners import fitted, fitted_on_ranks, on_ranks, one_rank, saved
from tests.unit.learning.test_cross_entropy import demonstrations

pytestmark = pytest.mark.slow

BATCH = demonstrations()


def experts() -> PreTrainedModel:
    """With a buffer that a checkpoint holds, the experts' bias, beside RoPE's, which none does."""
    torch.manual_seed(1)
    config = DeepseekV3Config(
        vocab_size=41,
        hidden_size=32,
        intermediate_size=48,
        moe_intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        first_k_dense_replace=1,
        kv_lora_rank=16,
        q_lora_rank=None,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=8,
        attn_implementation=attention.NAME,
    )
    model = DeepseekV3ForCausalLM(config)
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.normal_()
    return model


def shards(rank: int, count: int, port: int, folder: str) -> dict[str, Any]:
    """What a rank holds in each precision, and what it sees when it gathers; only rank 0 may read
    the weights."""
    if rank:
        loading.load_causal_lm = _must_not_read
    found = {}
    for dtype in COMPUTED:
        config = LearnerConfig(ranks=count, zero_stage=3, dtype=dtype)
        ranks = Ranks(rank, count, "127.0.0.1", port, config)
        model = load_for_training(folder, ranks)
        named: list[Any] = list(model.named_parameters())
        held = sum(p.ds_tensor.nbytes for _, p in named)
        with ranks.gathered([p for _, p in named]):
            whole = {name: p.detach().clone() for name, p in named}
        found[dtype.value] = {
            "held": held,
            "whole": whole,
            "buffers": dict(model.named_buffers()),
        }
    return found


def _must_not_read(*_: object) -> None:
    raise AssertionError("a rank beside the first one reads the checkpoint")


@pytest.mark.parametrize("kind", ["tied", pytest.param("experts", marks=pytest.mark.long)])
def test_shards_are_the_checkpoints_numbers_and_no_rank_holds_them_all(
    tmp_path: Path, model: PreTrainedModel, kind: str
) -> None:
    folder = saved(model if kind == "tied" else experts(), tmp_path / "m")
    of_both = on_ranks(2, tmp_path, shards, str(folder))
    for dtype, found in of_both.items():
        expected = load_causal_lm(folder, getattr(torch, dtype))
        parameters = dict(expected.named_parameters())
        assert found["whole"].keys() == parameters.keys()
        for name, parameter in parameters.items():
            assert (found["whole"][name].dtype, name) == (parameter.dtype, name)
            assert torch.equal(found["whole"][name], parameter), name
        everything = sum(p.nbytes for p in parameters.values())
        assert found["held"] <= everything / 2 + 64 * len(parameters)
        buffers = dict(expected.named_buffers())
        assert any("inv_freq" in name for name in buffers)
        assert found["buffers"].keys() == buffers.keys()
        for name, buffer in buffers.items():
            assert (found["buffers"][name].dtype, name) == (buffer.dtype, name)
            assert torch.equal(found["buffers"][name], buffer), name


def test_in_bfloat16_nothing_is_loaded_in_float32(
    tmp_path: Path, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(model, tmp_path / "m")
    asked: list[torch.dtype] = []

    def seen(path: str, dtype: torch.dtype) -> PreTrainedModel:
        asked.append(dtype)
        return load_causal_lm(path, dtype)

    monkeypatch.setattr(loading, "load_causal_lm", seen)
    config = LearnerConfig(dtype=Precision.bfloat16)
    from_half, half = fitted(folder, one_rank(config), BATCH, 3)
    monkeypatch.setattr(loading, "load_causal_lm", lambda p, _: load_causal_lm(p, torch.float32))
    from_whole, whole = fitted(folder, one_rank(config), BATCH, 3)
    assert asked == [torch.bfloat16]
    # DeepSpeed's master weights begin as the rounded ones either way.
    assert from_half == from_whole
    assert all(torch.equal(half[name], whole[name]) for name in whole)


@pytest.mark.long
@pytest.mark.parametrize(
    "config",
    [
        LearnerConfig(zero_stage=1, offload=Offload.optimizer),
        LearnerConfig(zero_stage=3, offload=Offload.parameters),
    ],
    ids=lambda config: config.offload.name,
)
def test_what_lies_in_the_cpus_memory_learns_the_same(
    tmp_path: Path, model: PreTrainedModel, config: LearnerConfig
) -> None:
    """Through DeepSpeed's own road for it, which is another than without."""
    folder = str(saved(model, tmp_path / "m"))
    plain = LearnerConfig(zero_stage=config.zero_stage)
    (losses, weights), (expected, whole) = on_ranks(
        1, tmp_path, fitted_on_ranks, folder, BATCH, 3, [config, plain]
    )
    assert losses == pytest.approx(expected, rel=1e-5)
    assert losses[2] < losses[0]
    for name, weight in whole.items():
        assert torch.allclose(weights[name], weight, atol=1e-5), name
