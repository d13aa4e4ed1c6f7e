"""Learner ranks on local Ray: what is learned must not depend on how it is spread."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from sent_batches import rollouts, settings

from actors.learner_rank import LearnerRank, Span
from actors.member import actor_class
from rlsys.engines.verifier_engine import scores_batch
from rlsys.weights.bundle import unpack
from verifiers.base import Status, Verdict

pytestmark = pytest.mark.slow

GROUPS, SIZE = 4, 4


def trained_weights(
    cluster: None, policy: str, folder: Path, ranks: int, **learner: Any
) -> dict[str, np.ndarray]:
    """Every weight after two optimizer steps, as rank 0 publishes them."""
    config = settings(ranks=ranks, **learner)
    config.algorithm.kl_coefficient = 0.0
    members = [
        actor_class(LearnerRank).options(num_cpus=0.5).remote(rank, policy, config, folder)
        for rank in range(ranks)
    ]
    try:
        address, port = ray.get(members[0].address.remote())
        ray.get([m.start.remote(ranks, address, port) for m in members], timeout=120)
        batch = rollouts(GROUPS, SIZE)
        scores = scores_batch(batch, [Verdict(1.0, Status.CORRECT)] * batch.num_rows)
        refs = [ray.put(batch), ray.put(scores)]
        spans = [Span(0, 1, None, group * SIZE, SIZE) for group in range(GROUPS)]
        advantages = np.tile([1.0, -1.0, 0.5, -0.5], GROUPS)
        rewards = (advantages > 0).astype(float)
        # One answer has no verdict: it takes no part.
        trained = np.arange(GROUPS * SIZE) != 5
        for step in (1, 2):
            calls = [
                m.learn.remote(step, step - 1, spans, advantages, rewards, trained, *refs)
                for m in members
            ]
            metrics = ray.get(calls, timeout=120)
        assert metrics[0]["trained_sequences"] == GROUPS * SIZE - 1
        heads = [m.publish.remote(2, [5, 6, 7]) for m in members]
        (manifest, _), *_ = ray.get([head for head, _ in heads], timeout=60)
        buffer = np.array(ray.get(heads[0][1]))
        return {n: t.numpy().astype(np.float64) for n, t in unpack(manifest, buffer)}
    finally:
        for member in members:
            ray.kill(member)


@pytest.fixture(scope="module")
def one_rank(
    cluster: None, tiny_policy: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("samples")
    return trained_weights(cluster, tiny_policy, folder, 1, zero_stage=1)


@pytest.mark.parametrize(
    ("ranks", "settings_of_learner"),
    [
        (2, {"zero_stage": 1, "microbatch_tokens": 40}),
        (2, {"zero_stage": 2}),
        (2, {"zero_stage": 3, "microbatch_tokens": 40, "logprob_chunk": 16}),
        (1, {"zero_stage": 0, "share_prompts": True, "microbatch_tokens": 60}),
    ],
    ids=["zero1_microbatches", "zero2", "zero3_chunks", "one_rank_shared_prompts"],
)
def test_ranks_microbatches_and_sharding_learn_the_same(
    cluster: None,
    tiny_policy: str,
    tmp_path: Path,
    one_rank: dict[str, np.ndarray],
    ranks: int,
    settings_of_learner: dict[str, Any],
) -> None:
    other = trained_weights(cluster, tiny_policy, tmp_path, ranks, **settings_of_learner)
    assert other.keys() == one_rank.keys()
    for name, weight in one_rank.items():
        # Adam divides by the gradient's size, so rounding shows where gradients nearly vanish.
        np.testing.assert_allclose(other[name], weight, atol=2e-4, err_msg=name)
