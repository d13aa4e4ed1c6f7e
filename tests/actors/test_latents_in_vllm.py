"""Latents in the real vLLM: the learner's logprobs are the sampler's, and all of it is proved."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM

from actors.rollout_worker import oldest_versions
from rlsys import schema
from rlsys.config.run import (
    ModelConfig,
    Precision,
    RolloutConfig,
    SamplingConfig,
    WeightsConfig,
)
from rlsys.errors import WeightSyncError
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.sampling.latent_prefill import LatentPrefill
from rlsys.sampling.sampler import Sampler
from rlsys.schema import list_column
from rlsys.weights.bundle import Named
from rlsys.weights.canary import Canary
from tests.helpers.published import published

pytestmark = [pytest.mark.slow, pytest.mark.long]

LATENTS = 3
SAMPLING = SamplingConfig(max_tokens=12)
QUESTIONS = ["1+2=?", "3*4+4-2=?", "1+2=?"]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def thinker(tiny_policy: str, runner: asyncio.Runner) -> Iterator[Sampler]:
    model, config = (
        ModelConfig(max_context=512),
        RolloutConfig(max_sequences=32, dtype=Precision.float32),
    )
    made = Sampler("rollout-0", tiny_policy, model, config, WeightsConfig(), 0, latents=LATENTS)
    runner.run(made.start())
    made.update.names = [name for name, _ in moved(tiny_policy, 0.0)]
    yield made
    made.shutdown()
    made.release()


def moved(policy: str, change: float) -> list[Named]:
    """The policy's weights, each moved by a random step of the given size."""
    model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
    generator = torch.Generator().manual_seed(1)
    return [
        (name, p.detach() + change * torch.randn(p.shape, generator=generator))
        for name, p in model.named_parameters()
    ]


def policy_of(path: str, change: float = 0.0) -> PolicyModel:
    """As the learner has it."""
    model = load_causal_lm(path, torch.float32).eval()
    with torch.no_grad():
        for (_, tensor), parameter in zip(moved(path, change), model.parameters(), strict=True):
            parameter.copy_(tensor)
    return PolicyModel(model, 1.0, 64, latents=LATENTS)


def canary_of(path: str, change: float = 0.0) -> Canary:
    policy = policy_of(path, change)
    ids = [5 + i % 40 for i in range(40)]
    first, rest = np.array(ids[:1]), np.array(ids[1:])
    policy.latents = 0
    (logprobs,) = score_sequences(policy, [first], [rest], [0], False, 1 << 20)
    half = Canary(ids, logprobs.tolist(), Precision.float32)
    maker = LatentPrefill(path, Precision.float32, LATENTS)
    maker.model.load_state_dict(policy.model.state_dict())
    (thought,) = maker.think([half.latent_prompt])
    return Canary(ids, half.logprobs, half.precision, thought.latents.tolist())


def prompts(sampler: Sampler) -> pa.RecordBatch:
    row = {name: [None] * len(QUESTIONS) for name in schema.PROMPTS.names}
    ids = [sampler.tokenizer.encode(question) for question in QUESTIONS]
    return schema.build(schema.PROMPTS, row | {"text": QUESTIONS, "token_ids": ids})


def largest_difference(batch: pa.RecordBatch, policy: PolicyModel) -> float:
    """Of the sampler's logprobs from the learner's, nats."""
    asked, answers, own = (
        list_column(batch, name) for name in ("prompt_token_ids", "token_ids", "rollout_logprobs")
    )
    groups = batch.column("group_id").to_pylist()
    scored = score_sequences(policy, asked, answers, groups, True, 1024)
    return float(np.abs(np.concatenate(scored) - np.concatenate(own)).max())


def test_sampler_and_learner_agree_on_completions_behind_latents(
    thinker: Sampler, tiny_policy: str, runner: asyncio.Runner
) -> None:
    runner.run(thinker.prove_model(canary_of(tiny_policy)))
    assert thinker.latents_shown.latents < 1e-3
    assert thinker.latents_shown.nats < 1e-4
    batch = runner.run(thinker.sample(prompts(thinker), [0, 1, 2], 8, SAMPLING))
    assert batch.column("latent_version").to_pylist() == [0] * 24
    policy = policy_of(tiny_policy)
    assert largest_difference(batch, policy) < 1e-4
    policy.latents = 0
    assert largest_difference(batch, policy) > 1e-2


def test_an_update_is_proved_and_between_latents_and_tokens_both_versions_count(
    thinker: Sampler, tiny_policy: str, runner: asyncio.Runner, tmp_path: Path
) -> None:
    manifest, buckets = published(1, moved(tiny_policy, 0.02), tmp_path)
    canary = canary_of(tiny_policy, 0.02)

    async def update_meanwhile() -> pa.RecordBatch:
        (old, *_) = await thinker.thoughts.of([[1, 2, 3]])
        assert old is not None
        thoughts = await thinker.thoughts.of([thinker.tokenizer.encode(q) for q in QUESTIONS])
        await thinker.load(manifest, buckets)
        await thinker.prove_weights(manifest, canary, buckets)

        async def as_before(_: object) -> object:
            return thoughts

        made, thinker.thoughts.of = thinker.thoughts.of, as_before
        mixed = await thinker.sample(prompts(thinker), [0, 1, 2], 4, SAMPLING)
        thinker.thoughts.of = made
        return mixed

    mixed = runner.run(update_meanwhile())
    assert {v for row in mixed.column("policy_versions").to_pylist() for v in row} == {1}
    assert mixed.column("latent_version").to_pylist() == [0] * 12
    assert oldest_versions(mixed).tolist() == [0] * 12
    fresh = runner.run(thinker.sample(prompts(thinker), [0, 1, 2], 4, SAMPLING))
    assert oldest_versions(fresh).tolist() == [1] * 12
    new = policy_of(tiny_policy, 0.02)
    assert largest_difference(fresh, new) < 1e-4
    assert largest_difference(mixed, new) > 1e-3


def test_a_copy_that_makes_other_latents_than_the_learner_stops_the_run(
    thinker: Sampler, tiny_policy: str, runner: asyncio.Runner, tmp_path: Path
) -> None:
    manifest, buckets = published(2, moved(tiny_policy, 0.0), tmp_path)
    runner.run(thinker.load(manifest, buckets))
    assert thinker.thoughts.prefill is not None
    name = "model.layers.0.mlp.up_proj.weight"
    with torch.no_grad():
        thinker.thoughts.prefill.parameters[name].add_(0.1)
    with pytest.raises(WeightSyncError, match="latents of the canary differ from the learner's"):
        runner.run(thinker.prove_weights(manifest, canary_of(tiny_policy), buckets))
