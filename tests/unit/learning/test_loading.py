"""Loading to train: in the learner's precision, and partly into the CPU's memory."""

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from rlsys.config.run import LearnerConfig, Offload, Precision
from rlsys.learning.objectives import base
from rlsys.learning.policy import load_causal_lm
from tests.helpers.learners import fitted, fitted_on_ranks, on_ranks, one_rank, saved
from tests.unit.learning.test_cross_entropy import demonstrations

pytestmark = pytest.mark.slow

BATCH = demonstrations()


def test_in_bfloat16_nothing_is_loaded_in_float32(
    tmp_path: Path, model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(model, tmp_path / "m")
    asked: list[torch.dtype] = []

    def seen(path: str, dtype: torch.dtype) -> PreTrainedModel:
        asked.append(dtype)
        return load_causal_lm(path, dtype)

    monkeypatch.setattr(base, "load_causal_lm", seen)
    config = LearnerConfig(dtype=Precision.bfloat16)
    from_half, half = fitted(folder, one_rank(config), BATCH, 3)
    monkeypatch.setattr(base, "load_causal_lm", lambda p, _: load_causal_lm(p, torch.float32))
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
