"""A learner that is killed and started from its checkpoint learns on as if nothing had been."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from actors.learner_rank import LearnerRank
from actors.member import actor_class
from actors.spans import Span
from rlsys import schema
from rlsys.config.run import RunConfig
from rlsys.grading.batches import grades_batch
from rlsys.roles import REFERENCE, ROLLOUT, VERIFIER
from tests.helpers.repeatable import untimed
from tests.helpers.sent_batches import CANARY, pulled, rollouts, settings, told
from verifiers.base import Status, Verdict

pytestmark = [pytest.mark.slow, pytest.mark.long]

GROUPS, SIZE = 4, 4
ROLES = {ROLLOUT: 0, VERIFIER: 1, REFERENCE: 2}
"""Which of a call's batches is whose."""


class Learner:
    """Ranks of one learner, and a batch to train them on."""

    def __init__(self, policy: str, folder: Path, config: RunConfig) -> None:
        ranks = range(config.learner.ranks)
        options = actor_class(LearnerRank).options(num_cpus=0.5)
        self.members = [options.remote(rank, policy, *told(config), folder) for rank in ranks]
        batch = rollouts(GROUPS, SIZE)
        grades = grades_batch(batch, [Verdict(1.0, Status.CORRECT)] * batch.num_rows)
        logprobs = [[x - 0.1 for x in row] for row in batch.column("rollout_logprobs").to_pylist()]
        keys = {name: batch.column(name) for name in ("group_id", "sample_index")}
        reference = schema.build(schema.REFERENCE, keys | {"reference_logprobs": logprobs})
        self.refs = [ray.put(b) for b in (batch, grades, reference)]
        self.spans = [Span(ROLES, group * SIZE, SIZE) for group in range(GROUPS)]

    def start(self, checkpoint: Path | None = None, version: int = 0) -> None:
        address, port = ray.get(self.members[0].address.remote())
        world = len(self.members)
        meeting = (world, address, port, CANARY)
        starts = [m.start.remote(*meeting, checkpoint, version) for m in self.members]
        ray.get(starts, timeout=120)

    def learn(self, version: int) -> dict[str, float]:
        """A step whose advantages depend on the version."""
        advantages = np.tile([1.0, -1.0, 0.5, -0.5], GROUPS) * (1 + version)
        arrays = (advantages, (advantages > 0).astype(float), np.ones(len(advantages), bool))
        calls = [
            m.learn.remote(version + 1, version, self.spans, *arrays, *self.refs)
            for m in self.members
        ]
        metrics: dict[str, float] = ray.get(calls, timeout=120)[0]
        return untimed(metrics)

    def save(self, folder: Path) -> None:
        folder.mkdir()
        kept = [self.spans[2], Span({ROLLOUT: 0}, 0, GROUPS * SIZE)]
        ray.get([m.copy_state.remote(folder) for m in self.members], timeout=60)
        ray.get([m.save.remote(folder, kept, *self.refs) for m in self.members], timeout=60)

    def weights(self, version: int) -> dict[str, np.ndarray]:
        heads = [m.publish.remote(version, [5, 6, 7], {}) for m in self.members]
        (manifest, _), *_ = ray.get([head for head, _ in heads], timeout=60)
        return pulled(manifest, heads[0][1])

    def kill(self) -> None:
        for member in self.members:
            ray.kill(member)


def adaptive_kl(config: RunConfig) -> None:
    config.algorithm.kl.target = 0.01


def critic(config: RunConfig) -> None:
    config.algorithm.advantage.estimator = "gae"


def nothing(config: RunConfig) -> None:
    """GRPO as it comes."""


@pytest.mark.parametrize(
    ("learner", "change"),
    [
        ({"ranks": 1, "zero_stage": 1}, adaptive_kl),
        ({"ranks": 1, "zero_stage": 0}, critic),
        ({"ranks": 2, "zero_stage": 2}, nothing),
        ({"ranks": 2, "zero_stage": 3}, nothing),
    ],
    ids=["adaptive_kl_zero1", "critic_zero0", "two_ranks_zero2", "two_ranks_zero3"],
)
def test_a_learner_from_its_checkpoint_learns_on_bit_for_bit(
    cluster: None, tiny_policy: str, tmp_path: Path, learner: dict[str, Any], change: Any
) -> None:
    config = settings(**learner)
    config.learner.optimizer.warmup_steps = 4
    config.run.deterministic = True
    change(config)
    whole = Learner(tiny_policy, tmp_path, config)
    whole.start()
    straight = []
    for version in range(4):
        straight.append(whole.learn(version))
        if version == 1:
            whole.save(tmp_path / "checkpoint")
    expected = whole.weights(4)
    whole.kill()

    resumed = Learner(tiny_policy, tmp_path, config)
    resumed.start(tmp_path / "checkpoint", 2)
    # As text, since DeepSpeed has no gradient norm under ZeRO 0, and NaN does not equal itself.
    assert repr([resumed.learn(version) for version in (2, 3)]) == repr(straight[2:])
    weights = resumed.weights(4)
    kept = ray.get(resumed.members[0].restore.remote(tmp_path / "checkpoint"))
    batch = ray.get(resumed.refs[0])
    assert ray.get(kept[0][ROLLOUT]).equals(batch.slice(2 * SIZE, SIZE))
    assert ray.get(kept[0][REFERENCE]).equals(ray.get(resumed.refs[2]).slice(2 * SIZE, SIZE))
    assert ray.get(kept[1][ROLLOUT]).equals(batch)
    assert set(kept[1]) == {ROLLOUT}
    resumed.kill()

    assert weights.keys() == expected.keys()
    for name, weight in expected.items():
        assert np.array_equal(weights[name], weight), name
