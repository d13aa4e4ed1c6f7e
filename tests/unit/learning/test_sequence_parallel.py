"""Learners whose ranks hold rows together learn what one rank does, whatever else is set."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rlsys.config.algorithm import OffPolicy, Ratio
from rlsys.config.experts import ExpertsConfig, Replay
from rlsys.config.lora import LoraConfig
from rlsys.config.run import LearnerConfig
from rlsys.learning.critic import Critic
from rlsys.learning.objectives.base import Objective
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
from tests.helpers.repeatable import untimed
from tests.helpers.scored_batches import demonstrations, training
from tests.helpers.slices import tiny
from tests.helpers.tiny_models import ARCHITECTURES, build

pytestmark = [pytest.mark.slow, pytest.mark.long]

STEPS = 2
LENGTH_RATIO = algorithm_of(loss__ratio=Ratio.sequence, kl__coefficient=0.1)
RECOMPUTED = algorithm_of(off_policy__mode=OffPolicy.decoupled_recompute, kl__coefficient=0.1)
CRITIC = algorithm_of(advantage__estimator="gae", kl__coefficient=0.1)
BALANCED = ExpertsConfig(auxiliary_loss=0.1, replay=Replay.learner)
CASES: list[tuple[Any, dict[str, Any]]] = [
    (None, {"zero_stage": 0}),
    (None, {"zero_stage": 3, "gradient_checkpointing": True}),
    (RECOMPUTED, {"zero_stage": 1, "minibatches": 2, "share_prompts": True}),
    (LENGTH_RATIO, {"zero_stage": 2, "share_prompts": True, "gradient_checkpointing": True}),
    (RECOMPUTED, {"zero_stage": 3, "minibatches": 2, "share_prompts": True}),
    (LENGTH_RATIO, {"zero_stage": 2, "lora": LoraConfig(rank=4)}),
    (CRITIC, {"zero_stage": 1}),
    (RECOMPUTED, {"zero_stage": 2, "minibatches": 2, "experts": BALANCED}),
]
"""An algorithm, or none for cross-entropy, and settings of the learner."""


def taught(model: str, ranks: Ranks, algorithm: Any) -> dict[str, Any]:
    """Metrics of each step, and the weights after the last one."""
    torch.manual_seed(0)
    objective: Objective
    if algorithm is None:
        objective, batch = CrossEntropy(), demonstrations()
    else:
        is_gae = algorithm.advantage.estimator == "gae"
        critic = Critic(model, ranks, algorithm.critic) if is_gae else None
        objective, batch = PolicyGradient(algorithm, ranks.config, SAMPLING, critic), training()
    learner = learner_of(model, objective, ranks)
    metrics = [learner.step(batch, version) for version in range(STEPS)]
    (bucket,) = WeightsOut(learner.policy, ranks).gathered(1 << 30)
    weights = {name: tensor.clone() for name, tensor in bucket}
    tokens = {name: column.to_pylist() for name, column in learner.trained.items()}
    return {"metrics": metrics, "weights": weights, "tokens": tokens}


def taught_on_ranks(
    rank: int, count: int, port: int, models: list[str], size: int, cases: list[Any]
) -> list[dict[str, Any]]:
    found = []
    for model, (algorithm, settings) in zip(models, cases, strict=True):
        config = config_of(sequence_parallel=size, **settings)
        found.append(taught(model, Ranks(rank, count, "127.0.0.1", port, config), algorithm))
    return found


def config_of(**settings: Any) -> LearnerConfig:
    return in_float32(LearnerConfig(microbatch_tokens=40, logprob_chunk=7, **settings))


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for one, other in zip(found["metrics"], expected["metrics"], strict=True):
        for name, value in untimed(other).items():
            assert one[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    for name, weight in expected["weights"].items():
        # Adam divides by the gradient's size, so rounding shows where gradients nearly vanish.
        torch.testing.assert_close(found["weights"][name], weight, atol=2e-4, rtol=0, msg=name)
    for name, lists in expected["tokens"].items():
        if name not in ("rank", "microbatch"):
            assert_close_lists(found["tokens"][name], lists)


def assert_close_lists(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        # Said by weights that an update has moved, and so as near as these are.
        assert one == pytest.approx(other, abs=2e-4)


@pytest.mark.parametrize(("count", "size"), [(2, 2), (4, 2)])
def test_ranks_that_hold_rows_together_learn_what_one_learns(
    tmp_path: Path, count: int, size: int
) -> None:
    dense = str(saved(tiny(2, torch.float32), tmp_path / "dense"))
    routed = tmp_path / "routed"
    build(next(one for one in ARCHITECTURES if one.kind == "qwen3_moe"), routed)
    cases = CASES if count == 2 else CASES[:3]
    models = [str(routed) if "experts" in settings else dense for _, settings in cases]
    found = on_ranks(count, tmp_path, taught_on_ranks, models, size, cases)
    assert len(found) == len(cases)
    for model, (algorithm, settings), together in zip(models, cases, found, strict=True):
        alone = taught(model, one_rank(config_of(**settings)), algorithm)
        assert any(metrics["loss"] != 0 for metrics in alone["metrics"])
        assert_same(together, alone)
