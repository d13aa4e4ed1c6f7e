"""A learner that is made anew from its checkpoint learns on as if nothing had been."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from rlsys import schema
from rlsys.config.latents import KEY, latents_in
from rlsys.config.optimizer import ScheduleShape
from rlsys.config.run import LearnerConfig
from rlsys.errors import CheckpointError
from rlsys.learning.checkpoint import copied, load
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.weights_out import WeightsOut
from rlsys.local_policy.tokenizer import build_tokenizer
from tests.helpers.algorithms import algorithm_of
from tests.helpers.learners import SAMPLING, learner_of, one_rank, same, saved, weights
from tests.helpers.repeatable import untimed

pytestmark = pytest.mark.slow

ALGORITHM = algorithm_of(kl__coefficient=0.1, kl__target=0.01)


@pytest.fixture
def policy(model: PreTrainedModel, tmp_path: Path) -> Iterator[Path]:
    threads = torch.get_num_threads()
    folder = saved(model, tmp_path / "policy")
    build_tokenizer().save_pretrained(folder)
    yield folder
    torch.set_num_threads(threads)


def reinforced(policy: Path) -> Learner:
    """A learner whose learning rate falls and whose KL coefficient adapts."""
    ranks = one_rank(LearnerConfig())
    ranks.config.optimizer.schedule = ScheduleShape.cosine
    return learner_of(policy, PolicyGradient(ALGORITHM, ranks.config, SAMPLING), ranks, 8)


def batch(version: int) -> pa.RecordBatch:
    rng = np.random.default_rng(version)
    completions = [rng.integers(0, 41, n) for n in (3, 6, 4, 5)]
    columns = {
        "group_id": [0, 0, 1, 1],
        "sample_index": [0, 1, 0, 1],
        "prompt_token_ids": [[7, 8], [7, 8], [9], [9]],
        "token_ids": completions,
        "rollout_logprobs": [rng.uniform(-5, -3, len(a)) for a in completions],
        "kept_token_ids": [None] * 4,
        "policy_versions": [np.zeros(len(a)) for a in completions],
        "forced": [np.zeros(len(a), bool) for a in completions],
        "advantages": [
            np.full(len(a), x) for a, x in zip(completions, (1, -1, 2, -2), strict=True)
        ],
        "reward": [1.0, 0.0, 1.0, 0.0],
        "reference_logprobs": [rng.uniform(-5, -3, len(a)) for a in completions],
    }
    return schema.build(schema.training(("reference_logprobs",)), columns)


def stepped(learner: Learner, versions: range) -> list[dict[str, float]]:
    """Metrics of the steps, but for the time they took."""
    return [untimed(learner.step(batch(version), version)) for version in versions]


def test_a_learner_from_its_checkpoint_learns_on_bit_for_bit(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    straight = reinforced(policy)
    stepped(straight, range(2))
    adapted = straight.objective.state_dict()
    assert adapted["kl_coefficient"] > ALGORITHM.kl.coefficient
    kept = copied(folder, straight, WeightsOut(straight.policy, straight.ranks), str(policy))
    at_save = weights(straight.policy)
    expected = stepped(straight, range(2, 4))
    # What is written is the state that was copied, however far the learner is by now.
    kept.write()

    resumed = reinforced(policy)
    load(folder, resumed)
    assert resumed.updates == 2
    assert resumed.objective.state_dict() == adapted
    assert same(at_save, weights(resumed.policy))
    assert stepped(resumed, range(2, 4)) == expected
    assert same(weights(straight.policy), weights(resumed.policy))
    assert expected[0]["learning_rate"] > expected[1]["learning_rate"]


def test_the_policy_lies_in_the_checkpoint_as_a_model_of_hugging_face(
    policy: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    learner = reinforced(policy)
    stepped(learner, range(1))
    copied(folder, learner, WeightsOut(learner.policy, learner.ranks), str(policy)).write()
    found = AutoModelForCausalLM.from_pretrained(folder / "policy", dtype=torch.float32)
    assert same(weights(learner.policy), weights(found))
    assert (folder / "policy" / "tokenizer.json").is_file()


def test_a_folder_without_this_ranks_state_is_refused(policy: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"rank-0\.pt: .* no state of this rank"):
        load(tmp_path, reinforced(policy))


def test_the_state_of_another_objective_is_refused(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    learner = reinforced(policy)
    copied(folder, learner, WeightsOut(learner.policy, learner.ranks), str(policy)).write()
    supervised = learner_of(policy, CrossEntropy(), one_rank(LearnerConfig()))
    with pytest.raises(CheckpointError, match=r"cross_entropy has no state, .*kl_coefficient"):
        load(folder, supervised)


def test_a_policy_says_in_its_config_how_many_latents_it_was_trained_with(
    policy: Path, tmp_path: Path
) -> None:
    learner = learner_of(policy, CrossEntropy(2), one_rank(LearnerConfig()))
    before, source = tmp_path / "plain", str(policy)
    for folder, latents in ((before, 0), (tmp_path / "two", 2), (tmp_path / "none", 0)):
        folder.mkdir()
        learner.objective.latents = latents
        copied(folder, learner, WeightsOut(learner.policy, learner.ranks), source).write()
        assert latents_in(str(folder / "policy")) == latents
    assert KEY not in (before / "policy" / "config.json").read_text()
