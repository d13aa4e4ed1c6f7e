"""Latents with what else a learner may have: an adapter, a critic, a checkpoint to go on from."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedModel

from rlsys import schema
from rlsys.algorithms.clipping import token_ratio
from rlsys.config.algorithm import AlgorithmConfig, WeightRule
from rlsys.config.lora import LoraConfig
from rlsys.config.run import LearnerConfig, Precision, TeacherConfig
from rlsys.learning.checkpoint import copied, load
from rlsys.learning.critic import Critic, ValueModel
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.learner import Learner
from rlsys.learning.lora import LoraLinear, add_adapter
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reinforcement import reinforcement_learner
from rlsys.learning.tasks import ReinforcementTask
from rlsys.learning.weights_out import WeightsOut
from rlsys.sampling.latent_prefill import LatentPrefill
from tests.helpers.algorithms import algorithm_of
from tests.helpers.batches import rollouts
from tests.helpers.latents_by_hand import by_hand
from tests.helpers.learners import (
    LEARNING_RATE,
    SAMPLING,
    learner_of,
    one_rank,
    same,
    weights,
)
from tests.helpers.published import published
from tests.helpers.repeatable import untimed

pytestmark = pytest.mark.slow

LATENTS = 2
GRPO = AlgorithmConfig()
PPO = algorithm_of(
    advantage__estimator="gae",
    kl__coefficient=0.0,
    critic__learning_rate=LEARNING_RATE,
    off_policy__weight_rule=WeightRule.metrics_only,
)
LORA = LoraConfig(rank=4, alpha=8.0)


def learner_with(folder: Path, algorithm: AlgorithmConfig, **settings: object) -> Learner:
    ranks = one_rank(LearnerConfig(microbatch_tokens=48, **settings))  # type: ignore[arg-type]
    is_gae = algorithm.advantage.estimator == "gae"
    critic = Critic(str(folder), ranks, algorithm.critic) if is_gae else None
    objective = PolicyGradient(algorithm, ranks.config, SAMPLING, critic, latents=LATENTS)
    return learner_of(folder, objective, ranks)


def asked(seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Prompts and completions of two groups of four."""
    rng = np.random.default_rng(seed)
    prompts = [rng.integers(0, 41, size) for size in (5, 8)]
    completions = [rng.integers(0, 41, size) for size in (3, 6, 4, 5, 2, 7, 1, 4)]
    return [prompts[i // 4] for i in range(8)], completions


def all_by_hand(model: PreTrainedModel, seed: int = 0) -> list[torch.Tensor]:
    pairs = zip(*asked(seed), strict=True)
    return [by_hand(model, prompt, completion, LATENTS) for prompt, completion in pairs]


def batch(folder: Path, seed: int = 0) -> pa.RecordBatch:
    """Scored by the policy as it began, by hand."""
    prompts, completions = asked(seed)
    with torch.no_grad():
        scores = all_by_hand(load_causal_lm(folder, torch.float32), seed)
    own = [score.numpy() for score in scores]
    columns = {
        "group_id": [i // 4 for i in range(8)],
        "sample_index": [i % 4 for i in range(8)],
        "prompt_token_ids": prompts,
        "token_ids": completions,
        "rollout_logprobs": own,
        "kept_token_ids": [None] * 8,
        "policy_versions": [np.zeros(len(c)) for c in completions],
        "forced": [np.zeros(len(c), bool) for c in completions],
        "advantages": [np.full(len(c), (-1) ** i) for i, c in enumerate(completions)],
        "reward": [1.0, 0.0, 0.0, 1.0, 0.0, 0.5, 1.0, 0.0],
        "reference_logprobs": own,
    }
    return schema.build(schema.training(("reference_logprobs",)), columns)


# --- an adapter -----------------------------------------------------------------------------------


@torch.no_grad()
def with_adapter(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """One that says something."""
    torch.manual_seed(1)
    model = load_causal_lm(folder, dtype)
    add_adapter(model, LORA)
    for part in model.modules():
        if isinstance(part, LoraLinear):
            part.lora_B.weight.copy_(0.1 * torch.randn(part.lora_B.weight.shape))
    return model


@pytest.mark.parametrize("share_prompts", [False, True])
def test_an_adapters_gradients_through_latents_are_those_of_a_loop_by_hand(
    folder: Path, share_prompts: bool
) -> None:
    model = with_adapter(folder, torch.float64)
    blocks = blocks_of([i // 4 for i in range(8)], 8, share_prompts)
    layout = lay_out(blocks, *asked(), latents=LATENTS)
    (-PolicyModel(model, 1.0, 7, latents=LATENTS)(layout)[0].sum()).backward()
    own = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    (-torch.cat(all_by_hand(model)).sum()).backward()
    expected = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert own.keys() == expected.keys()
    assert len(own) == 2 * 2 * 7
    for name, gradient in expected.items():
        scale = float(gradient.abs().max())
        # The model's norms compute in float32.
        torch.testing.assert_close(own[name], gradient, atol=1e-5 * scale, rtol=1e-4)


def off_the_start(learner: Learner, folder: Path) -> float:
    """By how much the reference of a learner that has moved says other than the policy as it began,
    nats, of the first group."""
    data = batch(folder)
    for version in range(3):
        kl = learner.step(data, version)["kl"]
    assert kl > 1e-3
    prompts, completions = asked()
    group = rollouts(0, [one.tolist() for one in completions[:4]], prompts[0].tolist())
    found = learner.score_reference(group)["reference_logprobs"].flatten()
    was = data["reference_logprobs"][:4].flatten()
    return float(np.abs(np.subtract(found, was)).max())


def test_the_reference_is_the_policy_without_its_adapter_in_its_latents_too(folder: Path) -> None:
    assert off_the_start(learner_with(folder, GRPO, lora=LORA), folder) < 1e-5


def test_a_reference_that_the_learner_holds_makes_latents_of_its_own(folder: Path) -> None:
    ranks = one_rank(LearnerConfig(holds_reference=True))
    ranks.config.optimizer.learning_rate = LEARNING_RATE
    teacher = TeacherConfig()
    task = ReinforcementTask(0, 4, GRPO, SAMPLING, teacher, Precision.float32, [], LATENTS)
    assert off_the_start(reinforcement_learner(str(folder), task, ranks), folder) < 1e-5


@pytest.mark.parametrize("precision", [Precision.float32, Precision.bfloat16])
def test_a_sampler_makes_the_latents_of_an_adapters_merged_weights(
    folder: Path, tmp_path: Path, precision: Precision
) -> None:
    """Merging rounds each weight, of which the next latent is made again and again."""
    learner = learner_with(folder, GRPO, lora=LORA, dtype=precision)
    prefill = LatentPrefill(str(folder), precision, LATENTS)
    data = batch(folder)
    for version in range(3):
        learner.step(data, version)
    out = WeightsOut(learner.policy, learner.ranks)
    # Of one prompt alone rounding may be far larger than of most.
    drawn = np.random.default_rng(0).integers(40, size=(48, 40))
    canaries = [out.canary(ids) for ids in drawn.tolist()]
    prompts = [canary.latent_prompt for canary in canaries]
    before = prefill.think(prompts)
    (bucket,) = out.buckets(1 << 30)
    prefill.load(*published(1, bucket, tmp_path))
    found, unmoved = (
        np.median(
            [LatentPrefill.difference(z, c.latents) for z, c in zip(made, canaries, strict=True)]
        )
        for made in (prefill.think(prompts), before)
    )
    assert found < min(canaries[0].latent_limit(precision, 0.0), unmoved / 5)


# --- a critic -------------------------------------------------------------------------------------


def values_by_hand(critic: ValueModel) -> list[torch.Tensor]:
    """Of prompt and completion, without latents."""
    found = []
    for prompt, completion in zip(*asked(), strict=True):
        row = torch.from_numpy(np.concatenate([prompt, completion]))[None]
        hidden = critic.decoder(row, use_cache=False).last_hidden_state[0]
        found.append(critic.head(hidden[len(prompt) - 1 : -1])[:, 0])
    return found


def ppo_by_hand(folder: Path, data: pa.RecordBatch, steps: int) -> list[tuple[float, float, float]]:
    """Loss, the critic's loss and the norm of the policy's gradient, step by step."""
    model = load_causal_lm(folder, torch.float32)
    critic = ValueModel(load_causal_lm(folder, torch.float32))
    critic.decoder.set_attn_implementation("sdpa")
    optimizers = [
        torch.optim.AdamW(one.parameters(), LEARNING_RATE, (0.9, 0.95), weight_decay=0.0)
        for one in (model, critic)
    ]
    old = torch.from_numpy(data["rollout_logprobs"].flatten().to_numpy())
    lengths = [len(completion) for completion in asked()[1]]
    rewards = torch.tensor(data["reward"].to_pylist()).repeat_interleave(torch.tensor(lengths))
    weight = torch.cat([torch.full((n,), 1 / (8 * n)) for n in lengths])
    found = []
    for _ in range(steps):
        with torch.no_grad():
            before = torch.cat(values_by_hand(critic))
        advantages = rewards - before
        advantages = (advantages - advantages.mean()) / advantages.std()
        ratio = token_ratio(torch.cat(all_by_hand(model)) - old)
        gain = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
        error = (torch.cat(values_by_hand(critic)) - rewards).square()
        losses = (-(weight * gain).sum(), 0.5 * (weight * error).sum())
        for loss, optimizer in zip(losses, optimizers, strict=True):
            loss.backward()
            own = [p for group in optimizer.param_groups for p in group["params"]]
            norm = torch.nn.utils.clip_grad_norm_(own, 1.0)
            if loss is losses[0]:
                of_policy = float(norm)
            optimizer.step()
            optimizer.zero_grad()
        found.append((float(losses[0].detach()), 0.5 * float(error.detach().mean()), of_policy))
    return found


@pytest.mark.parametrize("share_prompts", [False, True])
def test_ppo_through_latents_learns_what_a_loop_by_hand_does(
    folder: Path, share_prompts: bool
) -> None:
    """Three steps, by the last of which the critic's values and the ratios matter."""
    data = batch(folder)
    learner = learner_with(folder, PPO, share_prompts=share_prompts)
    for version, (loss, of_critic, norm) in enumerate(ppo_by_hand(folder, data, 3)):
        step = learner.step(data, version)
        assert step["loss"] == pytest.approx(loss, rel=1e-3, abs=1e-6)
        assert step["critic_value_loss"] == pytest.approx(of_critic, rel=1e-3)
        assert step["gradient_norm"] == pytest.approx(norm, rel=1e-3)
    assert step["clip_fraction"] > 0


# --- a checkpoint ---------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [GRPO, PPO], ids=["grpo", "ppo"])
@pytest.mark.parametrize("lora", [None, LORA], ids=["whole", "lora"])
def test_a_learner_with_latents_goes_on_from_its_checkpoint_bit_for_bit(
    folder: Path, tmp_path: Path, algorithm: AlgorithmConfig, lora: LoraConfig | None
) -> None:
    target = tmp_path / "checkpoint"
    target.mkdir()
    straight = learner_with(folder, algorithm, lora=lora)
    for version in range(2):
        straight.step(batch(folder, version), version)
    copied(target, straight, WeightsOut(straight.policy, straight.ranks), str(folder)).write()
    expected = straight.step(batch(folder, 2), 2)

    torch.manual_seed(5)
    resumed = learner_with(folder, algorithm, lora=lora)
    load(target, resumed)
    found = resumed.step(batch(folder, 2), 2)
    assert untimed(found) == untimed(expected)
    assert same(weights(straight.policy), weights(resumed.policy))
