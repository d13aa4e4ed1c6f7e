"""Each architecture of docs/models.md in vLLM: from disk, and after updates, as the page says."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import torch

from rlsys import schema
from rlsys.config.models import NOT_SAMPLED
from rlsys.config.run import (
    ModelConfig,
    Precision,
    RolloutConfig,
    SamplingConfig,
    WeightsConfig,
)
from rlsys.errors import SamplerError, WeightSyncError
from rlsys.learning.lora import weights_of
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.sampling.sampler import Sampler
from rlsys.weights.bundle import Named
from rlsys.weights.canary import Canary
from rlsys.weights.saved_form import SavedForm
from tests.helpers.published import published
from tests.helpers.tiny_models import ARCHITECTURES, VOCABULARY, Architecture, build

pytestmark = pytest.mark.soak

WORKING = [one for one in ARCHITECTURES if not one.refusal]
FAILING = [one for one in ARCHITECTURES if one.kind in NOT_SAMPLED]
TOKEN_IDS = np.random.default_rng(0).integers(5, VOCABULARY, 64)


class Learner:
    """What of it the sampler is proved against, without DeepSpeed."""

    def __init__(self, folder: Path) -> None:
        self.policy = PolicyModel(load_causal_lm(folder, torch.float32).eval(), 1.0, 2048)
        named = weights_of(self.policy.model)
        self.form = SavedForm(self.policy.model, {w.name: tuple(w.parameter.shape) for w in named})

    def canary(self) -> Canary:
        prompt, answer = TOKEN_IDS[:1], TOKEN_IDS[1:]
        (logprobs,) = score_sequences(self.policy, [prompt], [answer], [0], False, 1 << 20)
        return Canary(TOKEN_IDS.tolist(), logprobs.tolist(), Precision.float32)

    def weights(self) -> list[Named]:
        named = weights_of(self.policy.model)
        return list(self.form.of((w.name, w.parameter.detach().clone()) for w in named))

    def step(self) -> None:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in weights_of(self.policy.model):
                own = weight.parameter
                own += 0.05 * torch.randn(own.shape, generator=generator)


async def answers_agree(sampler: Sampler, learner: Learner) -> None:
    """Tokens that are written one by one have the learner's logprobs, as those of a prompt do: vLLM
    has other kernels for them."""
    row = {name: [None] for name in schema.PROMPTS.names} | {"text": [""]}
    prompts = schema.build(schema.PROMPTS, row | {"token_ids": [TOKEN_IDS[:20].tolist()]})
    batch = await sampler.sample(prompts, [0], 2, SamplingConfig(max_tokens=24))
    for answer in batch.to_pylist():
        ids = (TOKEN_IDS[:20], np.array(answer["token_ids"]))
        (right,) = score_sequences(learner.policy, *([one] for one in ids), [0], False, 1 << 20)
        np.testing.assert_allclose(answer["rollout_logprobs"], right, atol=0.01)


async def prove(sampler: Sampler, learner: Learner, folder: Path) -> None:
    """What a run does with a sampler until its second version, with all its proofs."""
    sampler.update.names = list(learner.form.shapes)
    first = learner.canary()
    await sampler.prove_model(first)
    for version in range(3):
        manifest, buckets = published(version, learner.weights(), folder)
        await sampler.update.load(manifest, buckets)
        await sampler.prove_weights(manifest, learner.canary(), buckets)
        assert await sampler.update.differing(manifest, buckets) == []
        await answers_agree(sampler, learner)
        learner.step()
    assert np.abs(np.subtract(learner.canary().logprobs, first.logprobs)).max() > 0.1


def run(architecture: Architecture, tmp_path: Path) -> None:
    folder, sent = tmp_path / "policy", tmp_path / "sent"
    for place in (folder, sent):
        place.mkdir()
    build(architecture, folder)
    model = ModelConfig(max_context=128)
    config, weights = RolloutConfig(dtype=Precision.float32), WeightsConfig()
    sampler = Sampler("rollout-0", str(folder), model, config, weights, 0)

    async def work() -> None:
        await sampler.start()
        try:
            await prove(sampler, Learner(folder), sent)
        finally:
            sampler.shutdown()
            sampler.release()

    asyncio.run(work())


@pytest.mark.parametrize("architecture", WORKING, ids=lambda one: one.kind)
def test_what_works_is_proved_from_disk_and_after_updates(
    architecture: Architecture, tmp_path: Path
) -> None:
    run(architecture, tmp_path)


@pytest.mark.parametrize("architecture", FAILING, ids=lambda one: one.kind)
def test_what_vllm_is_said_to_fail_on_fails(architecture: Architecture, tmp_path: Path) -> None:
    with pytest.raises((WeightSyncError, SamplerError)):
        run(architecture, tmp_path)
