"""Learners whose ranks hold rows together learn what one rank does, whatever else is set."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rlsys.config.algorithm import OffPolicy, Ratio
from rlsys.config.lora import LoraConfig
from rlsys.config.run import LearnerConfig
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.ranks import Ranks
from rlsys.learning.weights_out import WeightsOut
from tests.helpers.algorithms import algorithm_of
from tests.helpers.learners import (
    SAMPLING,
    in_float32,
    learner_of,
    on_ranks,
    one_rank,
    saved,
)
from tests.helpers.scored_batches import demonstrations, training
from tests.helpers.slices import tiny

pytestmark = [pytest.mark.slow, pytest.mark.long]

STEPS = 2
LENGTH_RATIO = algorithm_of(loss__ratio=Ratio.sequence, kl__coefficient=0.1)
RECOMPUTED = algorithm_of(off_policy__mode=OffPolicy.decoupled_recompute, kl__coefficient=0.1)
CASES: list[tuple[Any, dict[str, Any]]] = [
    (None, {"zero_stage": 0}),
    (None, {"zero_stage": 3, "gradient_checkpointing": True}),
    (RECOMPUTED, {"zero_stage": 1, "minibatches": 2, "share_prompts": True}),
    (LENGTH_RATIO, {"zero_stage": 2, "share_prompts": True, "gradient_checkpointing": True}),
    (RECOMPUTED, {"zero_stage": 3, "minibatches": 2, "share_prompts": True}),
    (LENGTH_RATIO, {"zero_stage": 2, "lora": LoraConfig(rank=4)}),
]
"""An algorithm, or none for cross-entropy, and settings of the learner."""


def taught(model: str, ranks: Ranks, algorithm: Any) -> dict[str, Any]:
    """Metrics of each step, and the weights after the last one."""
    torch.manual_seed(0)
    if algorithm is None:
        objective, batch = CrossEntropy(), demonstrations()
    else:
        objective, batch = PolicyGradient(algorithm, ranks.config, SAMPLING), training()
    learner = learner_of(model, objective, ranks)
    metrics = [learner.step(batch, version) for version in range(STEPS)]
    (bucket,) = WeightsOut(learner.policy, ranks).gathered(1 << 30)
    weights = {name: tensor.clone() for name, tensor in bucket}
    tokens = {name: column.to_pylist() for name, column in learner.trained.items()}
    return {"metrics": metrics, "weights": weights, "tokens": tokens}


def taught_on_ranks(
    rank: int, count: int, port: int, model: str, size: int, cases: list[Any]
) -> list[dict[str, Any]]:
    found = []
    for algorithm, settings in cases:
        config = config_of(sequence_parallel=size, **settings)
        found.append(taught(model, Ranks(rank, count, "127.0.0.1", port, config), algorithm))
    return found


def config_of(**settings: Any) -> LearnerConfig:
    return in_float32(LearnerConfig(microbatch_tokens=40, logprob_chunk=7, **settings))


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for one, other in zip(found["metrics"], expected["metrics"], strict=True):
        timeless = {name: value for name, value in other.items() if not name.endswith("_s")}
        for name, value in timeless.items():
            assert one[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    for name, weight in expected["weights"].items():
        # Adam divides by the gradient's size, so rounding shows where gradients nearly vanish.
        torch.testing.assert_close(found["weights"][name], weight, atol=2e-4, rtol=0, msg=name)
    for name, lists in expected["tokens"].items():
        if name not in ("rank", "microbatch"):
            assert_close_lists(found["tokens"][name], lists)


def assert_close_lists(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize(("count", "size"), [(2, 2), (4, 2)])
def test_ranks_that_hold_rows_together_learn_what_one_learns(
    tmp_path: Path, count: int, size: int
) -> None:
    folder = str(saved(tiny(2, torch.float32), tmp_path / "policy"))
    cases = CASES if count == 2 else CASES[:3]
    found = on_ranks(count, tmp_path, taught_on_ranks, folder, size, cases)
    assert len(found) == len(cases)
    for (algorithm, settings), together in zip(cases, found, strict=True):
        alone = taught(folder, one_rank(config_of(**settings)), algorithm)
        assert any(metrics["loss"] != 0 for metrics in alone["metrics"])
        assert_same(together, alone)
