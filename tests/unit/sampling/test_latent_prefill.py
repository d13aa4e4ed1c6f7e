"""The sampler's copy of the policy: the learner's latents, and weights that are proved."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from rlsys.config.run import ModelConfig, Precision, RolloutConfig, WeightsConfig
from rlsys.errors import WeightSyncError
from rlsys.learning.layout import lay_out
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.sampling.engine_prompt import Thought, engine_prompt
from rlsys.sampling.latent_prefill import LatentPrefill
from rlsys.sampling.latent_proof import LatentErrors
from rlsys.sampling.sampler import Sampler
from rlsys.sampling.thoughts import Thoughts
from rlsys.sampling.vllm_arguments import engine_arguments
from rlsys.thinking.latents import latents_of
from rlsys.weights.bundle import Named
from rlsys.weights.canary import Canary
from tests.helpers.published import published
from tests.helpers.tiny_policy import write_policy

LATENTS = 3
PROMPTS = [[5, 6, 7], [9, 8, 7, 6, 5], [5, 6, 7]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    sizes = {"hidden_size": 32, "intermediate_size": 48, "tie_word_embeddings": True}
    return str(write_policy(tmp_path_factory.mktemp("policy"), 0, **sizes))


@pytest.fixture
def prefill(folder: str) -> LatentPrefill:
    return LatentPrefill(folder, Precision.float32, LATENTS)


def weights_of(folder: str, change: float) -> list[Named]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    generator = torch.Generator().manual_seed(1)
    return [
        (name, p.detach() + change * torch.randn(p.shape, generator=generator))
        for name, p in model.named_parameters()
    ]


def test_its_latents_are_the_learners(prefill: LatentPrefill, folder: str) -> None:
    """In float64, as each computes in an order of its own, and every latent is of the last one."""
    learner = load_causal_lm(folder, torch.float64)
    prefill.model.double()
    thoughts = prefill.think(PROMPTS)
    for prompt, thought in zip(PROMPTS, thoughts, strict=True):
        nothing = [np.empty(0, dtype=np.int64)]
        part = lay_out([[0]], [np.array(prompt)], nothing, latents=LATENTS).latents
        assert part is not None
        with torch.no_grad():
            (own,) = latents_of(learner.get_decoder(), part.rows, part.passes())
        torch.testing.assert_close(thought.latents, own, atol=1e-9, rtol=1e-9)
        assert LatentPrefill.difference(thought, own) < 1e-7
        assert thought.version == 0
    assert thoughts[0] is thoughts[2]  # equal prompts are thought about once


def test_what_it_scores_is_what_the_learner_scores(prefill: LatentPrefill, folder: str) -> None:
    policy = PolicyModel(load_causal_lm(folder, torch.float64), 1.0, 64, latents=LATENTS)
    prefill.model.double()
    completion = [4, 3, 2, 1]
    (thought,) = prefill.think(PROMPTS[:1])
    for latents, behind in ((LATENTS, thought), (0, None)):
        policy.latents = latents
        prompts, told = [np.array(PROMPTS[0])], [np.array(completion)]
        (expected,) = score_sequences(policy, prompts, told, [0], False, 100)
        found = prefill.logprobs(PROMPTS[0], behind, completion)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_new_version_is_held_and_makes_other_latents(
    prefill: LatentPrefill, folder: str, tmp_path: Path
) -> None:
    (before,) = prefill.think(PROMPTS[:1])
    named = weights_of(folder, 0.1)
    prefill.load(*published(4, named, tmp_path))
    (after,) = prefill.think(PROMPTS[:1])
    assert (before.version, after.version) == (0, 4)
    assert LatentPrefill.difference(after, before.latents) > 0.01
    for name, tensor in named:
        assert torch.equal(prefill.parameters[name], tensor)


def test_an_altered_or_missing_or_misshapen_tensor_is_named(
    prefill: LatentPrefill, folder: str, tmp_path: Path
) -> None:
    named = weights_of(folder, 0.1)
    manifest, buckets = published(1, named, tmp_path)
    buckets[0][0][3] ^= 1
    with pytest.raises(WeightSyncError, match="was altered"):
        prefill.load(manifest, buckets)
    with pytest.raises(WeightSyncError, match="missing tensors"):
        prefill.load(*published(2, named[1:], tmp_path))
    name, tensor = named[-1]
    with pytest.raises(WeightSyncError, match=name):
        prefill.load(*published(3, [*named[:-1], (name, tensor[:-1])], tmp_path))
    assert prefill.version == 0


def test_the_nearest_tokens_of_a_latent_are_the_likeliest_of_the_head(
    prefill: LatentPrefill,
) -> None:
    (thought,) = prefill.think(PROMPTS[:1])
    nearest = prefill.nearest(thought, lambda ids: str(ids[0]), 2)
    assert len(nearest) == LATENTS
    head = prefill.model.get_output_embeddings()(thought.latents)
    for row, tokens in zip(head, nearest, strict=True):
        assert [text for text, _ in tokens] == [str(i) for i in row.topk(2).indices.tolist()]
        assert 1 >= tokens[0][1] >= tokens[1][1] > 0


def test_the_engine_is_given_ids_and_behind_them_latents(prefill: LatentPrefill) -> None:
    (thought,) = prefill.think(PROMPTS[:1])
    prompt = dict(engine_prompt([5, 6, 7], thought, "v1"))
    assert prompt["prompt_token_ids"] == [5, 6, 7, 0, 0, 0]
    assert prompt["prompt_is_token_ids"] == [True] * 3 + [False] * 3
    assert torch.equal(prompt["prompt_embeds"][3:], thought.latents)
    assert not prompt["prompt_embeds"][:3].any()
    assert prompt["cache_salt"] == "v1"


def test_without_latents_request_and_engine_are_what_they_were(folder: str) -> None:
    assert engine_prompt([5, 6], None, None) == {"prompt_token_ids": [5, 6]}
    assert engine_prompt([5, 6], None, "3") == {"prompt_token_ids": [5, 6], "cache_salt": "3"}
    own = (folder, ModelConfig(), RolloutConfig(), WeightsConfig(), 0, False, False, False)
    plain, embedded = engine_arguments(*own), engine_arguments(*own, latents=2)
    assert embedded == plain | {"enable_prompt_embeds": True, "async_scheduling": False}
    assert not {"enable_prompt_embeds", "async_scheduling"} & plain.keys()


def test_errors_above_rounding_say_which_road_is_wrong() -> None:
    LatentErrors(1e-4, 1e-5).require_below(1e-2, 1e-3, "rollout-0")
    with pytest.raises(WeightSyncError, match=r"rollout-0: its latents .* by 0.2 of their size"):
        LatentErrors(0.2, 0.0).require_below(1e-2, 1e-3, "rollout-0")
    with pytest.raises(WeightSyncError, match=r"behind prompt embeddings .* 0.1 nats"):
        LatentErrors(0.0, 0.1).require_below(1e-2, 1e-3, "rollout-0")
    with pytest.raises(WeightSyncError):
        LatentErrors(float("nan"), 0.0).require_below(1e-2, 1e-3, "rollout-0")


def test_what_latents_may_differ_by_follows_from_what_they_showed() -> None:
    canary = Canary(list(range(10)), [], Precision.float32)
    assert canary.latent_prompt == [0, 1, 2, 3, 4]
    assert canary.latent_limit(Precision.float32, 0.0) == 1e-2
    assert canary.latent_limit(Precision.float32, 0.01) == 0.1
    assert canary.latent_limit(Precision.bfloat16, 0.0) == 0.5


def test_a_sampler_that_goes_on_with_another_policy_thinks_as_that_one(
    folder: str, tmp_path: Path
) -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 48, "tie_word_embeddings": True}
    other = str(write_policy(tmp_path / "other", 1, **sizes))

    class Update:
        async def load_policy(self, path: str) -> None:
            assert path == other

    own = RolloutConfig(dtype=Precision.float32)
    sampler = Sampler("a", folder, ModelConfig(), own, WeightsConfig(), 0, latents=3)
    sampler.thoughts.begin(folder)
    sampler.update, sampler._is_proved = Update(), True  # type: ignore[assignment]

    async def both() -> list[float]:
        found = []
        for path in (folder, other):
            await sampler.load_policy(path)
            (thought,) = await sampler.thoughts.of(PROMPTS[:1])
            (right,) = LatentPrefill(path, Precision.float32, LATENTS).think(PROMPTS[:1])
            assert thought is not None
            found.append(LatentPrefill.difference(thought, right.latents))
        return found

    assert asyncio.run(both()) == [0.0, 0.0]


def test_without_latents_nothing_is_loaded_and_nothing_thought() -> None:
    thoughts = Thoughts(0, Precision.float32)
    thoughts.begin("no/such/model")
    assert asyncio.run(thoughts.of(PROMPTS)) == [None] * 3


@pytest.mark.parametrize(("apart", "passes"), [(False, [1, 3]), (True, [1, 1, 1, 1])])
def test_prompts_that_wait_go_through_the_copy_together_unless_timing_must_not_show(
    prefill: LatentPrefill, monkeypatch: pytest.MonkeyPatch, apart: bool, passes: list[int]
) -> None:
    asked: list[list[list[int]]] = []
    prompts = [[5, 6], [7, 8, 9], [5, 6], [9]]
    expected = [prefill.think([prompt])[0] for prompt in prompts]
    think = prefill.think
    monkeypatch.setattr(prefill, "think", lambda own: asked.append(own) or think(own))
    thoughts = Thoughts(LATENTS, Precision.float32, apart)
    thoughts.prefill = prefill

    async def together() -> list[list[Thought | None]]:
        return await asyncio.gather(*(thoughts.of([prompt]) for prompt in prompts))

    for (found,), right in zip(asyncio.run(together()), expected, strict=True):
        assert found is not None
        assert LatentPrefill.difference(found, right.latents) < 1e-3
    assert [len(own) for own in asked] == passes


def test_a_prompt_that_failed_is_not_thought_about_with_those_that_come_next(
    prefill: LatentPrefill, monkeypatch: pytest.MonkeyPatch
) -> None:
    think = prefill.think

    def refuses(prompts: list[list[int]]) -> list[Thought]:
        if [9] in prompts:
            raise RuntimeError("out of memory")
        return think(prompts)

    monkeypatch.setattr(prefill, "think", refuses)
    thoughts = Thoughts(LATENTS, Precision.float32)
    thoughts.prefill = prefill

    async def one_after_the_other() -> list[Thought | None]:
        with pytest.raises(RuntimeError, match="out of memory"):
            await thoughts.of([[9]])
        return await thoughts.of([[5, 6]])

    (found,) = asyncio.run(one_after_the_other())
    assert found is not None
