"""What one rank of reinforcement learning makes of a batch, on a CPU and without Ray."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedModel

from rlsys import schema
from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.load import CONFIGS, load
from rlsys.config.run import LearnerConfig
from rlsys.data.kept_tokens import KeptTokens
from rlsys.learning.critic import Critic
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.reference import score_sequences
from rlsys.learning.sequences import Sequences
from rlsys.learning.work import Work
from tests.helpers.algorithms import algorithm_of
from tests.helpers.learners import (
    LEARNING_RATE,
    SAMPLING,
    learner_of,
    one_rank,
    same,
    saved,
    weights,
)

pytestmark = pytest.mark.slow

VOCABULARY, GROUPS, SIZE = 41, 2, 4
PRESETS = sorted(path.stem for path in (CONFIGS / "algorithms").glob("*.yaml"))

Start = Callable[..., Learner]


@pytest.fixture
def start(model: PreTrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a learner of the tiny model, at a learning rate that shows every step."""
    folder = saved(model, tmp_path_factory.mktemp("policy"))
    threads = torch.get_num_threads()

    def started(algorithm: AlgorithmConfig, **settings: object) -> Learner:
        ranks = one_rank(LearnerConfig(**settings))  # type: ignore[arg-type]
        is_gae = algorithm.advantage.estimator == "gae"
        critic = Critic(str(folder), ranks, algorithm.critic) if is_gae else None
        return learner_of(folder, PolicyGradient(algorithm, ranks.config, SAMPLING, critic), ranks)

    yield started
    torch.set_num_threads(threads)


def batch_of(
    learner: Learner, advantages: list[float], rewards: list[float], num_kept: int = 0
) -> pa.RecordBatch:
    """Answers to GROUPS prompts, scored by the learner's own policy: as the sampler one by one, as
    the reference together. The two differ by rounding, as they do in a run: by the last bit at
    least, since kernels of some machines round both ways alike.

    num_kept: so many tokens could be sampled at each position beside the answer's own; 0: all.
    """
    rng = np.random.default_rng(0)
    rows = GROUPS * SIZE
    prompts = [rng.integers(0, VOCABULARY, 5) for _ in range(GROUPS)]
    completions = [rng.integers(0, VOCABULARY, n) for n in rng.integers(3, 10, rows)]
    asked, groups = [prompts[i // SIZE] for i in range(rows)], [i // SIZE for i in range(rows)]
    lists = [[sorted({int(t), *range(num_kept)}) for t in completion] for completion in completions]
    kept = [KeptTokens(np.concatenate(ids), np.array([len(i) for i in ids])) for ids in lists]
    sampler = [
        score_sequences(
            learner.policy, [prompt], [completion], [0], False, 64, [own] if num_kept else None
        )[0]
        for prompt, completion, own in zip(asked, completions, kept, strict=True)
    ]
    reference = score_sequences(
        learner.policy, asked, completions, groups, True, 32, kept if num_kept else None
    )
    if all(np.array_equal(a, b) for a, b in zip(sampler, reference, strict=True)):
        sampler = [np.nextafter(own, np.float32(0)) for own in sampler]
    columns = {
        "group_id": groups,
        "sample_index": [i % SIZE for i in range(rows)],
        "prompt_token_ids": asked,
        "token_ids": completions,
        "rollout_logprobs": sampler,
        "kept_token_ids": lists if num_kept else [None] * rows,
        "reference_logprobs": reference,
        "policy_versions": [np.zeros(len(a)) for a in completions],
        "forced": [np.zeros(len(a), bool) for a in completions],
        "advantages": [
            np.full(len(a), x, np.float32) for a, x in zip(completions, advantages, strict=True)
        ],
        "reward": rewards,
    }
    return schema.build(schema.training(("reference_logprobs",)), columns)


@torch.no_grad()
def drift(learner: Learner) -> None:
    """Move the policy away from the one that sampled and was the reference."""
    generator = torch.Generator().manual_seed(1)
    for parameter in learner.policy.parameters():
        parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    learner.deepspeed.optimizer.refresh_fp32_params()


NONE = [0.0] * (GROUPS * SIZE)
SOME = [1.0, -1.0, 0.0, 0.0, *[0.0] * SIZE]


@pytest.mark.parametrize("preset", PRESETS)
def test_without_an_advantage_no_preset_moves_the_policy(start: Start, preset: str) -> None:
    config = load(CONFIGS / "base.yaml", [f"algorithm={preset}"])
    learner = start(config.algorithm)
    batch, before = batch_of(learner, NONE, rewards=NONE), weights(learner.policy)
    for version in range(20):
        metrics = learner.step(batch, version)
    assert same(before, weights(learner.policy))
    assert metrics["kl"] < 1e-9
    assert (metrics["skipped_updates"], metrics["gradient_norm"], learner.updates) == (1, 0, 0)


@pytest.mark.parametrize("preset", ["grpo", "rloo", "reinforce_pp", "ppo"])
def test_a_policy_that_has_drifted_is_pulled_back_without_an_advantage(
    start: Start, preset: str
) -> None:
    """Wherever the penalty stands; and as slowly as its coefficient says."""
    drifts = {}
    for coefficient in (0.001, 0.1):
        wanted = [f"algorithm={preset}", f"algorithm.kl.coefficient={coefficient}"]
        learner = start(load(CONFIGS / "base.yaml", wanted).algorithm)
        batch = batch_of(learner, NONE, rewards=NONE)
        drift(learner)
        steps = [learner.step(batch, version) for version in range(20)]
        assert all(m["kl_only_updates"] == 1 and m["skipped_updates"] == 0 for m in steps)
        asked = coefficient * (2 * steps[0]["kl"]) ** 0.5
        assert steps[0]["learning_rate"] == pytest.approx(LEARNING_RATE * asked)
        drifts[coefficient] = [m["kl"] for m in steps]
        assert max(drifts[coefficient]) == drifts[coefficient][0]
    assert drifts[0.1][0] == pytest.approx(drifts[0.001][0])
    assert drifts[0.1][-1] < 0.1 * drifts[0.1][0]
    assert 0.5 < drifts[0.001][-1] / drifts[0.001][0] < 0.9


def test_without_a_reference_a_drift_is_nobodys_business(start: Start) -> None:
    learner = start(algorithm_of(kl__coefficient=0.0))
    batch = batch_of(learner, NONE, NONE)
    drift(learner)
    assert learner.step(batch, 0)["skipped_updates"] == 1


def test_without_an_advantage_the_critic_learns_all_the_same(start: Start) -> None:
    learner = start(load(CONFIGS / "base.yaml", ["algorithm=ppo"]).algorithm)
    batch, policy = batch_of(learner, NONE, rewards=[1.0] * len(NONE)), weights(learner.policy)
    errors = [learner.step(batch, version)["critic_value_error"] for version in range(5)]
    assert errors[-1] < errors[0]
    assert same(policy, weights(learner.policy))


def test_a_skipped_update_leaves_no_trace(start: Start) -> None:
    algorithm = algorithm_of(kl__target=0.1)
    straight, skipping = start(algorithm), start(algorithm)
    nothing, something = (batch_of(straight, a, NONE) for a in (NONE, SOME))
    for version in range(3):
        skipping.step(nothing, version)
    assert skipping.objective.state_dict() == {"kl_coefficient": algorithm.kl.coefficient}
    before = weights(straight.policy)
    for learner in (straight, skipping):
        assert learner.step(something, 3)["skipped_updates"] == 0
    assert same(weights(straight.policy), weights(skipping.policy))
    assert not same(before, weights(skipping.policy))


def test_one_group_with_a_signal_is_an_update_in_which_the_kl_term_weighs_what_it_should(
    start: Start,
) -> None:
    """At its minimum that is its rounding, beside the gradient of the advantages."""
    norms = {}
    for coefficient in (0.0, 0.001):
        learner = start(algorithm_of(kl__coefficient=coefficient))
        norms[coefficient] = learner.step(batch_of(learner, SOME, NONE), 0)["gradient_norm"]
    assert norms[0.0] > 1e-3
    assert norms[0.001] == pytest.approx(norms[0.0], rel=1e-5)


def test_minibatches_are_judged_one_by_one(start: Start) -> None:
    """The first group's update is a drift that the second, without an advantage, answers."""
    learner = start(AlgorithmConfig(), minibatches=2)
    metrics = learner.step(batch_of(learner, SOME, NONE), 0)
    assert (metrics["skipped_updates"], metrics["kl_only_updates"], learner.updates) == (0, 1, 2)
    assert LEARNING_RATE / 2 < metrics["learning_rate"] < 1.01 * LEARNING_RATE / 2
    without = start(algorithm_of(kl__coefficient=0.0), minibatches=2)
    assert without.step(batch_of(without, SOME, NONE), 0)["skipped_updates"] == 1


@pytest.mark.parametrize("share_prompts", [False, True])
def test_ratio_kl_and_the_proximal_policy_are_over_what_the_sampler_kept(
    start: Start, share_prompts: bool
) -> None:
    learner = start(AlgorithmConfig(), microbatch_tokens=32, share_prompts=share_prompts)
    batch = batch_of(learner, SOME, rewards=SOME, num_kept=7)
    proximal = np.concatenate(learner.score(Sequences.from_training(batch, version=0)))
    sampler = batch.column("rollout_logprobs").flatten().to_numpy()
    assert proximal == pytest.approx(sampler, abs=1e-4)
    metrics = learner.step(batch, 0)
    # Over the whole vocabulary of 41 the ratios would be about 8/41.
    assert metrics["ratio_min"] == pytest.approx(1.0, abs=1e-4)
    assert metrics["ratio_max"] == pytest.approx(1.0, abs=1e-4)
    assert metrics["kl"] < 1e-9


def test_a_step_says_what_it_computed_of_updates_that_were_made(start: Start) -> None:
    learner = start(algorithm_of(kl__coefficient=0.0), share_prompts=False, minibatches=2)
    batch = batch_of(learner, SOME, rewards=NONE)
    # Of the second group no completion has an advantage.
    made = learner.step(batch, 0)
    work = Work(6 * (VOCABULARY * 32 + 2 * (2 * 32 * 48 + 3 * 32 * 48)), 12 * 2 * 32)
    flops = sum(work.of(5, [len(ids.as_py())]) for ids in batch.column("token_ids")[:SIZE])
    assert made["tflops"] * 1e12 * made["learn_s"] == pytest.approx(flops)
    assert learner.step(batch_of(learner, NONE, NONE), 1)["tflops"] == 0
