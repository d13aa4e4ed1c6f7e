"""Learner ranks on local Ray: what is learned must not depend on how it is spread."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray import cloudpickle

from actors.learner_rank import LearnerRank
from actors.member import actor_class
from actors.spans import Span
from rlsys.config.algorithm import Aggregation, OffPolicy, Ratio, WeightLevel
from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.optimizer import OptimizerConfig
from rlsys.grading.batches import grades_batch
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.schedule import Schedule
from rlsys.learning.tasks import ReinforcementTask
from rlsys.local_policy.policy import prepare_local_policy
from rlsys.roles import ROLLOUT, VERIFIER
from tests.helpers.algorithms import algorithm_of
from tests.helpers.sent_batches import CANARY, pulled, rollouts, settings, told
from verifiers.base import Status, Verdict

pytestmark = pytest.mark.slow

# Ray's workers cannot import a test module: Probe travels to them as it stands.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

GROUPS, SIZE = 4, 4
CASES = {
    **{
        kind.name: algorithm_of(loss__aggregation=kind, kl__coefficient=0.0) for kind in Aggregation
    },
    "gspo": algorithm_of(
        loss__ratio=Ratio.sequence,
        off_policy__weight_level=WeightLevel.geometric,
        kl__coefficient=0.0,
    ),
    "decoupled": algorithm_of(off_policy__mode=OffPolicy.decoupled_recompute, kl__coefficient=0.0),
}
"""What is computed at the same weights: every denominator, and ratios that span a completion."""


@dataclass
class Learned:
    """What a learner made of the batch."""

    weights: dict[str, np.ndarray]
    """After two updates and, between them, one skipped for want of advantages, as rank 0 publishes
    them."""
    losses: dict[str, float]
    gradients: dict[str, dict[str, np.ndarray]]
    """Per case, of every weight, before clipping."""


class Probe(LearnerRank):
    """A learner rank that shows the gradient of an update instead of taking it."""

    def look(self, case: str, *arguments: Any) -> tuple[float, dict[str, np.ndarray]]:
        """Loss and whole gradient of the first step under one case; the weights stay."""
        from deepspeed.utils import safe_get_full_grad

        assert isinstance(self.task, ReinforcementTask)
        learner = self.learner
        before = learner.objective, learner.schedule, learner.deepspeed.step
        found = {}

        def step() -> None:
            for name, parameter in learner.policy.model.named_parameters():
                found[name] = safe_get_full_grad(parameter).double().numpy()
            before[2]()

        def score(*_: object) -> None:
            raise AssertionError("one update a step needs no scoring pass")

        learner.objective = PolicyGradient(CASES[case], self.settings.learner, self.task.sampling)
        learner.schedule = Schedule(OptimizerConfig(learning_rate=0.0), 1)
        learner.deepspeed.step, learner.score = step, score
        try:
            metrics = self.learn(1, 0, *arguments)
        finally:
            learner.objective, learner.schedule, learner.deepspeed.step = before
            del learner.score
        return metrics["loss"], found


def learned(cluster: None, policy: str, folder: Path, ranks: int, **learner: Any) -> Learned:
    """Losses and gradients of each case, then the weights after three steps."""
    config = settings(ranks=ranks, **learner)
    config.algorithm.kl.coefficient = 0.0
    members = [
        actor_class(Probe).options(num_cpus=0.5).remote(rank, policy, *told(config), folder)
        for rank in range(ranks)
    ]
    try:
        address, port = ray.get(members[0].address.remote())
        ray.get([m.start.remote(ranks, address, port, CANARY) for m in members], timeout=120)
        batch = rollouts(GROUPS, SIZE)
        grades = grades_batch(batch, [Verdict(1.0, Status.CORRECT)] * batch.num_rows)
        refs = [ray.put(batch), ray.put(grades)]
        spans = [Span({ROLLOUT: 0, VERIFIER: 1}, group * SIZE, SIZE) for group in range(GROUPS)]
        advantages = np.tile([1.0, -1.0, 0.5, -0.5], GROUPS)
        rewards = (advantages > 0).astype(float)
        # One completion has no verdict: it takes no part.
        trained = np.arange(GROUPS * SIZE) != 5
        losses, gradients = {}, {}
        for case in CASES:
            calls = [
                m.look.remote(case, spans, advantages, rewards, trained, *refs) for m in members
            ]
            losses[case], gradients[case] = ray.get(calls, timeout=120)[0]
        for step, advantages_then in enumerate((advantages, 0 * advantages, advantages), start=1):
            calls = [
                m.learn.remote(step, step - 1, spans, advantages_then, rewards, trained, *refs)
                for m in members
            ]
            metrics = ray.get(calls, timeout=120)
            assert [m["skipped_updates"] for m in metrics] == [step == 2] * ranks
        assert metrics[0]["trained_sequences"] == GROUPS * SIZE - 1
        heads = [m.publish.remote(3, [5, 6, 7], {}) for m in members]
        (manifest, _), *_ = ray.get([head for head, _ in heads], timeout=60)
        weights = {n: t.astype(np.float64) for n, t in pulled(manifest, heads[0][1]).items()}
        return Learned(weights, losses, gradients)
    finally:
        for member in members:
            ray.kill(member)


@pytest.fixture(scope="module")
def one_rank(cluster: None, tiny_policy: str, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("samples")
    return learned(cluster, tiny_policy, folder, 1, zero_stage=1)


@pytest.mark.parametrize(
    ("ranks", "settings_of_learner"),
    [
        pytest.param(2, {"zero_stage": 1, "microbatch_tokens": 40}, marks=pytest.mark.long),
        pytest.param(2, {"zero_stage": 2}, marks=pytest.mark.long),
        (2, {"zero_stage": 3, "microbatch_tokens": 40, "logprob_chunk": 16}),
        (1, {"zero_stage": 0, "share_prompts": True, "microbatch_tokens": 60}),
    ],
    ids=["zero1_microbatches", "zero2", "zero3_chunks", "one_rank_shared_prompts"],
)
def test_ranks_microbatches_and_sharding_learn_the_same(
    cluster: None,
    tiny_policy: str,
    tmp_path: Path,
    one_rank: Learned,
    ranks: int,
    settings_of_learner: dict[str, Any],
) -> None:
    other = learned(cluster, tiny_policy, tmp_path, ranks, **settings_of_learner)
    for case in CASES:
        assert other.losses[case] == pytest.approx(one_rank.losses[case], rel=1e-4, abs=1e-6), case
        assert other.gradients[case].keys() == one_rank.gradients[case].keys()
        largest = max(float(np.abs(g).max()) for g in one_rank.gradients[case].values())
        assert largest > 1e-4
        for name, gradient in one_rank.gradients[case].items():
            found = other.gradients[case][name]
            np.testing.assert_allclose(
                found, gradient, atol=2e-5 * largest, err_msg=f"{case} {name}"
            )
    assert other.weights.keys() == one_rank.weights.keys()
    for name, weight in one_rank.weights.items():
        # Adam divides by the gradient's size, so rounding shows where gradients nearly vanish.
        np.testing.assert_allclose(other.weights[name], weight, atol=2e-4, err_msg=name)


def test_the_denominators_give_different_gradients(one_rank: Learned) -> None:
    """So that their agreement over splits says something of each."""
    names = list(CASES)
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            pairs = zip(
                one_rank.gradients[one].values(), one_rank.gradients[other].values(), strict=True
            )
            assert any(np.abs(a - b).max() > 1e-4 for a, b in pairs), (one, other)


def test_a_copy_leaves_while_its_ranks_learn_on(
    cluster: None, tiny_policy: str, tmp_path: Path
) -> None:
    config = settings(ranks=2, zero_stage=3)
    config.algorithm.kl.coefficient = 0.0
    members = [
        actor_class(LearnerRank)
        .options(num_cpus=0.5)
        .remote(rank, tiny_policy, *told(config), tmp_path)
        for rank in range(2)
    ]

    def held_until_learned(rank: Any) -> None:
        """What was copied is sent once the next step is done, which must not wait for it."""
        send = rank.weights_out.publish_copy

        def later(*arguments: Any) -> Any:
            while rank.version == 0:
                time.sleep(0.01)
            return send(*arguments)

        rank.weights_out.publish_copy = later

    def published(version: int) -> dict[str, np.ndarray]:
        heads = [m.publish.remote(version, CANARY, {}) for m in members]
        (manifest, _), *_ = ray.get([head for head, _ in heads], timeout=60)
        return pulled(manifest, heads[0][1])

    try:
        address, port = ray.get(members[0].address.remote())
        ray.get([m.start.remote(2, address, port, CANARY) for m in members], timeout=120)
        batch = rollouts(GROUPS, SIZE)
        grades = grades_batch(batch, [Verdict(1.0, Status.CORRECT)] * batch.num_rows)
        spans = [Span({ROLLOUT: 0, VERIFIER: 1}, group * SIZE, SIZE) for group in range(GROUPS)]
        advantages = np.tile([1.0, -1.0, 0.5, -0.5], GROUPS)
        columns = advantages, (advantages > 0).astype(float), np.ones(GROUPS * SIZE, bool)
        before = published(0)
        ray.get(members[0].__ray_call__.remote(held_until_learned))
        canaries = [m.copy_weights.remote(0, CANARY) for m in members]
        ray.get(canaries, timeout=60)
        manifest, buckets = members[0].publish_copy.remote(0)
        ray.get([m.learn.remote(1, 0, spans, *columns, batch, grades) for m in members], timeout=60)
        copied = pulled(ray.get(manifest, timeout=60), buckets)
        after = published(1)
        assert ray.get(manifest).version == 0
        assert ray.get(canaries[0]) == ray.get(canaries[1])
    finally:
        for member in members:
            ray.kill(member)
    assert copied.keys() == before.keys() == after.keys()
    for name, weight in before.items():
        np.testing.assert_array_equal(copied[name], weight, err_msg=name)
    assert any((after[name] != weight).any() for name, weight in before.items())


def test_publishing_under_zero_3_gathers_no_more_than_a_bucket(
    cluster: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # ZeRO-3 keeps tensors of up to 100,000 elements whole at all times; here every layer has seven
    # larger ones (512 x 256 or 512 x 512: 0.5 and 1 MiB).
    shape = LocalPolicyConfig(
        hidden_size=512, intermediate_size=256, layers=3, heads=4, steps=1, warmup_steps=1
    )
    policy = str(prepare_local_policy(shape, tmp_path_factory.mktemp("wide"), 0, lambda line: None))

    def gathered_bytes(rank: Any, bucket_bytes: int) -> tuple[list[int], int]:
        """Live bytes beyond what ZeRO-3 always keeps, in each bucket and after the last."""
        parameters = list(rank.learner.policy.model.parameters())
        for _ in rank.weights_out.buckets(bucket_bytes):
            pass  # what the proof at the start has left gathered goes with the first time
        before = sum(p.data.nbytes for p in parameters)
        counts = [
            sum(p.data.nbytes for p in parameters) - before
            for _ in rank.weights_out.buckets(bucket_bytes)
        ]
        return counts, sum(p.data.nbytes for p in parameters) - before

    config = settings(ranks=2, zero_stage=3)
    members = [
        actor_class(LearnerRank).options(num_cpus=0.5).remote(rank, policy, *told(config), tmp_path)
        for rank in range(2)
    ]
    try:
        address, port = ray.get(members[0].address.remote())
        ray.get([m.start.remote(2, address, port, CANARY) for m in members], timeout=120)
        bucket = 2 << 20
        counts = ray.get(
            [m.__ray_call__.remote(gathered_bytes, bucket) for m in members], timeout=60
        )
    finally:
        for member in members:
            ray.kill(member)
    for gathered, after in counts:
        assert len(gathered) >= 6
        assert (1 << 20) < max(gathered) <= bucket
        assert after == 0
