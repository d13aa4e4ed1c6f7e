"""The reference on the learner's ranks says what a worker of its own would, in shards or whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rlsys import schema
from rlsys.config.run import LearnerConfig, Precision, ReferenceConfig, TeacherConfig
from rlsys.learning.attention import NAME
from rlsys.learning.learner import Learner
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import FrozenPolicy
from rlsys.learning.reinforcement import reinforcement_learner
from rlsys.learning.tasks import ReinforcementTask
from rlsys.roles import REFERENCE
from tests.helpers.algorithms import algorithm_of
from tests.helpers.learners import SAMPLING, in_float32, on_ranks, one_rank, same, saved, weights
from tests.helpers.sent_batches import rollouts

pytestmark = pytest.mark.slow

STAGES = [0, 1, 2, 3]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "attn_implementation": NAME}
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(**sizes, **heads, initializer_range=0.3))
    return str(saved(model, tmp_path / "policy"))


def config_of(stage: int, **settings: Any) -> LearnerConfig:
    config = in_float32(LearnerConfig(zero_stage=stage, holds_reference=True, **settings))
    config.optimizer.learning_rate = 1e-2
    return config


def learner_of(model: str, ranks: Ranks, coefficient: float = 0.1) -> Learner:
    algorithm = algorithm_of(kl__coefficient=coefficient)
    teacher = TeacherConfig()
    task = ReinforcementTask(0, 4, algorithm, SAMPLING, teacher, Precision.float32, [])
    return reinforcement_learner(model, task, ranks)


def training(batch: pa.RecordBatch, reference: pa.RecordBatch) -> pa.RecordBatch:
    lengths = [len(ids) for ids in batch.column("token_ids")]
    made = {
        "advantages": [np.full(n, (-1) ** i, np.float32) for i, n in enumerate(lengths)],
        "reward": np.zeros(len(lengths)),
        "reference_logprobs": reference.column("reference_logprobs"),
    }
    contract = schema.training(("reference_logprobs",))
    taken = {name: batch.column(name) for name in contract.names if name not in made}
    return schema.build(contract, taken | made)


def said(model: str, ranks: Ranks) -> dict[str, Any]:
    """By the reference before a step and after it, the KL of a second step, and how many numbers
    of the reference this rank holds."""
    learner = learner_of(model, ranks)
    batch = rollouts(2, 4)
    before = learner.score_reference(batch)
    kl = [learner.step(training(batch, before), version)["kl"] for version in range(2)]
    after = learner.score_reference(batch)
    assert learner.reference is not None
    whole: list[Any] = list(learner.reference.parameters())
    held = [p.ds_tensor if ranks.shards_weights else p for p in whole]
    return {
        "before": before.column("reference_logprobs").to_pylist(),
        "after": after.column("reference_logprobs").to_pylist(),
        "kl": kl,
        "held": sum(tensor.numel() for tensor in held),
    }


def said_on_ranks(
    rank: int, count: int, port: int, model: str, stages: list[int]
) -> list[dict[str, Any]]:
    return [said(model, Ranks(rank, count, "127.0.0.1", port, config_of(s))) for s in stages]


def test_the_ranks_say_what_a_worker_says_before_and_after_the_policy_moves(
    folder: str, tmp_path: Path
) -> None:
    worker = FrozenPolicy(
        REFERENCE, folder, ReferenceConfig(dtype=Precision.float32), LearnerConfig(), 1.0
    )
    expected = worker.score(rollouts(2, 4)).column("reference_logprobs").to_pylist()
    whole = sum(p.numel() for p in worker.policy.parameters())
    for stage, found in zip(
        STAGES, on_ranks(2, tmp_path, said_on_ranks, folder, STAGES), strict=True
    ):
        assert found["before"] == found["after"]
        for row, values in zip(found["before"], expected, strict=True):
            np.testing.assert_allclose(row, values, atol=2e-5)
        assert found["kl"][0] == pytest.approx(0, abs=1e-9)
        assert found["kl"][1] > 1e-6
        assert found["held"] == (whole // 2 if stage == 3 else whole)


def test_it_is_not_loaded_where_nothing_asks_for_it_and_is_never_trained(folder: str) -> None:
    assert learner_of(folder, one_rank(config_of(1)), coefficient=0.0).reference is None
    learner = learner_of(folder, one_rank(config_of(1)))
    assert learner.reference is not None
    before = weights(learner.reference)
    moving = weights(learner.policy)
    batch = rollouts(2, 4)
    learner.step(training(batch, learner.score_reference(batch)), 0)
    assert same(before, weights(learner.reference))
    assert not same(moving, weights(learner.policy))
