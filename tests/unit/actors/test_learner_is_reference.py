"""A learner rank with an adapter, or with the reference beside the policy, says what a reference
worker would, in the same places."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from actors.learner_rank import LearnerRank
from actors.spans import Span
from rlsys.config.lora import LoraConfig
from rlsys.grading.batches import grades_batch
from rlsys.learning.attention import NAME
from rlsys.network import free_port
from rlsys.roles import ROLLOUT, VERIFIER
from tests.helpers.learners import saved
from tests.helpers.sent_batches import CANARY, rollouts, settings, told
from verifiers.base import Status, Verdict

pytestmark = pytest.mark.slow

GROUPS, SIZE = 2, 4


def model() -> PreTrainedModel:
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "attn_implementation": NAME}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, **heads, initializer_range=0.3))


@pytest.mark.parametrize("holding", [{"lora": LoraConfig(rank=4)}, {"holds_reference": True}])
def test_the_kl_of_a_step_and_of_its_samples_is_to_the_policy_that_the_run_began_with(
    tmp_path: Path, holding: dict[str, object]
) -> None:
    config = settings(**holding)
    assert config.algorithm.kl.coefficient > 0
    samples = tmp_path / "samples"
    samples.mkdir()
    policy = str(saved(model(), tmp_path / "policy"))
    rank = LearnerRank(0, policy, *told(config), samples)
    rank.start(1, "127.0.0.1", free_port(), CANARY)
    batch = rollouts(GROUPS, SIZE)
    grades = grades_batch(batch, [Verdict(1.0, Status.CORRECT)] * batch.num_rows)
    spans = [Span({ROLLOUT: 0, VERIFIER: 1}, group * SIZE, SIZE) for group in range(GROUPS)]
    advantages = np.tile([1.0, -1.0, 0.5, -0.5], GROUPS)
    arrays = (advantages, advantages, np.ones(GROUPS * SIZE, dtype=bool))
    kl, said = [], []
    for step in (1, 2, 3):
        kl.append(rank.learn(step, step - 1, spans, *arrays, batch, grades)["kl"])
        assert rank.written is not None
        rank.written.result()
        table = pq.read_table(samples / f"step-{step:06d}.parquet")
        assert table.column("kl").null_count == 0
        said.append(table.column("reference_logprob").to_pylist())
    assert kl[0] == pytest.approx(0, abs=1e-9)
    assert min(kl[1:]) > 1e-6
    assert said[0] == said[1] == said[2]
