"""Verifier and reference workers, and the cluster's limits, on local Ray."""

import numpy as np
import pytest
import ray

from actors.member import actor_class
from actors.placement import Need, check_resources
from actors.reference_worker import ReferenceWorker
from actors.roles import needs
from actors.verifier_worker import VerifierWorker
from rlsys.config.verifiers import RewardConfig
from rlsys.errors import ResourceError
from rlsys.roles import REFERENCE
from tests.helpers.sent_batches import ANSWER, rollouts, settings

pytestmark = pytest.mark.slow


def test_a_verifier_worker_grades_a_batch_and_names_what_it_saw(cluster: None) -> None:
    config = settings()
    made = actor_class(VerifierWorker).options(num_cpus=0.2)
    worker = made.remote(config.verifiers, config.sandbox, [])
    ray.get(worker.start.remote(), timeout=60)
    wrong = "<think>so it is 4.</think><answer>4</answer>"
    grades, meta = worker.grade.remote(rollouts(1, 2, [ANSWER, wrong]))
    seen = ray.get(meta)
    assert seen.rewards.tolist() == [1.0, 0.0]
    assert seen.correct.tolist() == [True, False]
    assert seen.infrastructure == []
    assert ray.get(grades).column("status").to_pylist() == ["correct", "wrong"]
    times, parts = ray.get(worker.times.remote())
    assert {"busy", "rollouts"} == set(parts)
    assert times.busy_s + sum(times.waits.values()) == pytest.approx(times.wall_s)
    ray.kill(worker)


def test_a_verifier_worker_says_on_which_answer_it_has_no_verdict() -> None:
    config = settings().verifiers
    config.rewards = [RewardConfig("math", sources=["elsewhere"])]
    worker = VerifierWorker(config, settings().sandbox, [])
    worker.start()
    text = "So it is " + "4" * 200
    _, meta = worker.grade(rollouts(1, 1, [text]))  # type: ignore[misc]
    worker.shutdown()
    (reason,) = meta.infrastructure
    assert "no reward component grades the source" in reason
    assert reason.endswith(f"; the completion: '{text[:120]}... (209 characters)'")


def test_a_reference_worker_scores_every_answer_token(cluster: None, tiny_policy: str) -> None:
    config = settings()
    worker = (
        actor_class(ReferenceWorker)
        .options(num_cpus=0.2)
        .remote(REFERENCE, tiny_policy, config.reference, config.learner, 1.0, False)
    )
    ray.get(worker.start.remote(), timeout=60)
    batch = rollouts(2, 3)
    reference, meta = worker.score.remote(batch)
    logprobs = ray.get(reference).column("reference_logprobs").to_pylist()
    assert [len(row) for row in logprobs] == [len(ids) for ids in batch.column("token_ids")]
    sampler = batch.column("rollout_logprobs").to_pylist()
    expected = [sum(s) - sum(r) for s, r in zip(sampler, logprobs, strict=True)]
    np.testing.assert_allclose(ray.get(meta).log_ratio, expected, rtol=1e-3, atol=1e-3)
    ray.kill(worker)


def test_a_fleet_that_does_not_fit_is_a_table(cluster: None) -> None:
    with pytest.raises(ResourceError, match="100 CPUs needed, 4 there") as caught:
        check_resources([Need("rollout", 50, 2.0, 0.0)], queue_s=0.0)
    assert "need" in str(caught.value)
    assert "have" in str(caught.value)


def test_without_a_kl_term_no_reference_worker_is_needed() -> None:
    config = settings()
    assert "reference" in [need.role for need in needs(config)]
    config.algorithm.kl.coefficient = 0.0
    assert "reference" not in [need.role for need in needs(config)]
