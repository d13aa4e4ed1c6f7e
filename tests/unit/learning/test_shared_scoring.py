"""What is scored before an update is shared out among the ranks, and is what one rank computes."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedModel

from rlsys import schema
from rlsys.config.algorithm import OffPolicy
from rlsys.config.run import LearnerConfig
from rlsys.learning.critic import Critic
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.ranks import Ranks
from rlsys.learning.sequences import Sequences
from tests.helpers.algorithms import algorithm_of
from tests.helpers.learners import SAMPLING, in_float32, learner_of, on_ranks, one_rank, saved

pytestmark = pytest.mark.slow

PPO = algorithm_of(
    advantage__estimator="gae",
    off_policy__mode=OffPolicy.decoupled_recompute,
    kl__coefficient=0.0,
)


def config_of(**settings: Any) -> LearnerConfig:
    """Two updates a step, of which the first moves policy and critic."""
    return in_float32(LearnerConfig(minibatches=2, microbatch_tokens=24, **settings))


def batch_of(groups: int) -> pa.RecordBatch:
    rng = np.random.default_rng(0)
    rows, size = groups * 4, 4
    completions = [rng.integers(0, 41, n) for n in rng.integers(1, 9, rows)]
    columns = {
        "group_id": [i // size for i in range(rows)],
        "sample_index": [i % size for i in range(rows)],
        "prompt_token_ids": [[5, 6, 7 + i // size] for i in range(rows)],
        "token_ids": completions,
        "rollout_logprobs": [-rng.random(len(c), dtype=np.float32) for c in completions],
        "kept_token_ids": [None] * rows,
        "policy_versions": [np.zeros(len(c)) for c in completions],
        "forced": [np.zeros(len(c), bool) for c in completions],
        "advantages": [np.zeros(len(c), np.float32) for c in completions],
        "reward": rng.integers(0, 2, rows).astype(float),
    }
    return schema.build(schema.training(()), columns)


def stepped(model: str, ranks: Ranks, batch: pa.RecordBatch) -> dict[str, Any]:
    """What is scored before a step, with a critic that says something, and that step's loss."""
    critic = Critic(model, ranks, PPO.critic)
    head = critic.deepspeed.module.head.weight
    with torch.no_grad(), ranks.gathered([head], writer=0):
        head.copy_(torch.linspace(-1, 1, head.numel()).reshape(head.shape))
    learner = learner_of(model, PolicyGradient(PPO, ranks.config, SAMPLING, critic), ranks)
    sequences = Sequences.from_training(batch, 0)
    rows: list[int] = []
    count = critic.deepspeed.module.register_forward_hook(
        lambda module, given, values: rows.append(len(values))
    )
    values = critic.values(sequences)
    count.remove()
    return {
        "values": [row.tolist() for row in values],
        "logprobs": [row.tolist() for row in learner.score(sequences)],
        "share": sum(rows) / sum(len(row) for row in values),
        "loss": learner.step(batch, 0)["loss"],
    }


def stepped_on_ranks(
    rank: int, count: int, port: int, model: str, cases: list[tuple[dict[str, Any], pa.RecordBatch]]
) -> list[dict[str, Any]]:
    return [
        stepped(model, Ranks(rank, count, "127.0.0.1", port, config_of(**settings)), batch)
        for settings, batch in cases
    ]


def test_two_ranks_share_the_work_and_find_what_one_finds(
    model: PreTrainedModel, tmp_path: Path
) -> None:
    folder = str(saved(model, tmp_path / "policy"))
    # With prompts shared one group is one block, so a rank has nothing to score.
    cases = [
        ({"zero_stage": 1}, batch_of(4)),
        ({"zero_stage": 3}, batch_of(4)),
        ({"zero_stage": 1, "share_prompts": True}, batch_of(1)),
    ]
    for (settings, batch), found in zip(
        cases, on_ranks(2, tmp_path, stepped_on_ranks, folder, cases), strict=True
    ):
        alone = stepped(folder, one_rank(config_of(**settings)), batch)
        assert np.ptp(np.concatenate(alone["values"])) > 1e-3
        for name in ("values", "logprobs"):
            for row, expected in zip(found[name], alone[name], strict=True):
                np.testing.assert_allclose(row, expected, atol=2e-5)
        # Its second update is made after the first, whose rounding Adam makes larger.
        assert found["loss"] == pytest.approx(alone["loss"], rel=1e-2)
        assert alone["share"] == 1
        if batch.num_rows > 4:
            assert 0.3 < found["share"] < 0.7
