"""Weight updates of a real vLLM engine: what is proved, and what each fault is called."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from vllm import SamplingParams
from vllm.inputs import TokensPrompt

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.run import (
    ModelConfig,
    Precision,
    PrefixCache,
    RolloutConfig,
    SamplingConfig,
    Transport,
    WeightsConfig,
)
from rlsys.errors import WeightSyncError
from rlsys.local_policy.policy import prepare_local_policy
from rlsys.sampling.sampler import Sampler
from rlsys.weights.bundle import Named
from rlsys.weights.canary import Canary
from tests.helpers.published import published

pytestmark = pytest.mark.soak

# Longer than one block of vLLM's prefix cache on CPU (128 tokens).
PROMPT = [5 + i % 40 for i in range(300)]
GREEDY = SamplingConfig(max_tokens=8, temperature=1e-6)
SKIPPED = "model.layers.1.self_attn.k_proj.weight"
ALTERED = "model.layers.0.self_attn.v_proj.weight"


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    shape = LocalPolicyConfig(
        hidden_size=128, intermediate_size=256, layers=2, heads=2, steps=2, warmup_steps=1
    )
    folder: Path = tmp_path_factory.mktemp("policy")
    return str(prepare_local_policy(shape, folder, 0, lambda line: None))


def weights_of(policy: str, change: float) -> list[Named]:
    """The policy's weights, each moved by a random step of the given size."""
    model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
    generator = torch.Generator().manual_seed(1)
    return [
        (name, p.detach() + change * torch.randn(p.shape, generator=generator))
        for name, p in model.named_parameters()
    ]


async def logprobs(sampler: Sampler, prompt: list[int]) -> np.ndarray:
    """Of the greedy answer's tokens."""
    output = await sampler._generate(sampler.prompt(prompt), GREEDY, 1)
    return np.asarray(output.outputs[0].logprobs.logprobs)


def with_sampler(
    policy: str,
    work: Callable[[Sampler], Coroutine[Any, Any, Any]],
    prefix_cache: PrefixCache = PrefixCache.by_version,
    transport: Transport = Transport.object_store,
) -> Any:
    """Run `work` on a new sampler that expects the policy's tensors."""
    os.environ["VLLM_ALLOW_INSECURE_SERIALIZATION"] = "1"  # to sabotage the sampler's process
    weights = WeightsConfig(prefix_cache=prefix_cache, transport=transport)
    sampler = Sampler(
        "rollout-0", policy, ModelConfig(), RolloutConfig(dtype=Precision.float32), weights, 0
    )

    async def run() -> Any:
        await sampler.start()
        try:
            sampler.update.names = [name for name, _ in weights_of(policy, 0.0)]
            return await work(sampler)
        finally:
            sampler.shutdown()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def new_policy(policy: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The new weights as a model of their own."""
    folder = tmp_path_factory.mktemp("new")
    model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
    model.load_state_dict(dict(weights_of(policy, 0.05)), strict=False)
    model.tie_weights()
    model.save_pretrained(folder)
    for path in Path(policy).iterdir():
        if not (folder / path.name).exists():
            (folder / path.name).write_bytes(path.read_bytes())
    return str(folder)


@pytest.fixture(scope="module")
def fresh(new_policy: str) -> np.ndarray:
    """What a sampler says that never held other weights than the new ones."""
    return with_sampler(new_policy, lambda sampler: logprobs(sampler, PROMPT))


@pytest.mark.parametrize("policy_after", [PrefixCache.by_version, PrefixCache.recompute])
def test_a_new_request_after_an_update_sees_new_weights_only(
    policy: str, fresh: np.ndarray, tmp_path: Path, policy_after: PrefixCache
) -> None:
    async def work(sampler: Sampler) -> np.ndarray:
        old = await logprobs(sampler, PROMPT)
        await logprobs(sampler, PROMPT)  # found in the prefix cache
        await sampler.update.load(*published(1, weights_of(policy, 0.05), tmp_path))
        new = await logprobs(sampler, PROMPT)
        assert np.abs(new - old).max() > 0.01
        return new

    np.testing.assert_allclose(with_sampler(policy, work, policy_after), fresh, atol=1e-4)


@pytest.mark.parametrize("transport", [Transport.nccl, Transport.cuda_ipc])
def test_a_sampler_that_its_transport_has_not_reached_takes_weights_from_the_store(
    policy: str, fresh: np.ndarray, tmp_path: Path, transport: Transport
) -> None:
    async def work(sampler: Sampler) -> np.ndarray:
        await sampler.update.load(*published(1, weights_of(policy, 0.05), tmp_path))
        with pytest.raises(WeightSyncError, match="sent it nothing of version 2"):
            await sampler.update.load(published(2, weights_of(policy, 0.05), tmp_path)[0], [])
        return await logprobs(sampler, PROMPT)

    found = with_sampler(policy, work, transport=transport)
    np.testing.assert_allclose(found, fresh, atol=1e-4)


def test_keeping_the_cache_as_it_is_would_serve_old_keys_and_values(
    policy: str, fresh: np.ndarray, tmp_path: Path
) -> None:
    """The control: without the version in the salt, the same request is wrong."""

    async def work(sampler: Sampler) -> np.ndarray:
        await logprobs(sampler, PROMPT)
        await sampler.update.load(*published(1, weights_of(policy, 0.05), tmp_path))
        sampler.update.version = 0
        return await logprobs(sampler, PROMPT)

    assert np.abs(with_sampler(policy, work) - fresh).max() > 0.01


@pytest.mark.parametrize("policy_after", [PrefixCache.by_version, PrefixCache.recompute])
def test_an_answer_in_flight_is_all_new_after_an_update_only_when_recomputed(
    policy: str, new_policy: str, tmp_path: Path, policy_after: PrefixCache
) -> None:
    params = SamplingParams(temperature=0.0, max_tokens=150, ignore_eos=True, logprobs=0)

    async def work(sampler: Sampler) -> Any:
        update = None
        prompt = TokensPrompt(prompt_token_ids=PROMPT)
        async for output in sampler.vllm.generate(prompt, params, "long"):
            answer = output.outputs[0]
            if update is None and len(answer.token_ids) >= 20:
                loading = sampler.update.load(*published(1, weights_of(policy, 0.05), tmp_path))
                update = asyncio.create_task(loading)
        assert update is not None
        await update
        return answer

    answer = with_sampler(policy, work, policy_after)
    old, new = answer.weight_versions
    assert (old.version, new.version) == ("0", "1")
    assert old.end >= 20
    model = AutoModelForCausalLM.from_pretrained(new_policy, dtype=torch.float32)
    ids = torch.tensor([*PROMPT, *answer.token_ids])
    with torch.no_grad():
        expected = model(ids[None]).logits[0, len(PROMPT) - 1 : -1].log_softmax(-1)
    error = max(
        abs(answer.logprobs[i][token].logprob - expected[i, token].item())
        for i, token in enumerate(answer.token_ids)
        if i >= new.start
    )
    if policy_after is PrefixCache.recompute:
        assert error < 1e-4
    else:
        assert error > 1e-2


def drop(worker: Any) -> None:
    """A loader that leaves one tensor out without a word."""
    model = worker.model_runner.model
    original = model.load_weights

    def load_weights(tensors: Iterator[Named]) -> Any:
        return original((name, t) for name, t in tensors if name != SKIPPED)

    model.load_weights = load_weights


async def altered_copy(sampler: Sampler, policy: str, folder: Path) -> None:
    manifest, buckets = published(1, weights_of(policy, 1e-6), folder)
    (record,) = (tensor for tensor in manifest.tensors if tensor.name == ALTERED)
    buckets[record.bucket][0].base[record.offset] ^= 1
    await sampler.update.load(manifest, buckets)


async def altered_after_fingerprinting(sampler: Sampler, policy: str, folder: Path) -> None:
    manifest, buckets = published(1, weights_of(policy, 1e-6), folder)
    first, *others = manifest.tensors
    wrong = replace(manifest, tensors=(replace(first, fingerprint=7), *others))
    await sampler.update.load(wrong, buckets)


async def dropped_by_the_sender(sampler: Sampler, policy: str, folder: Path) -> None:
    named = [item for item in weights_of(policy, 1e-6) if item[0] != SKIPPED]
    await sampler.update.load(*published(1, named, folder))


async def dropped_by_the_loader(sampler: Sampler, policy: str, folder: Path) -> None:
    await sampler.vllm.collective_rpc(drop)
    await sampler.update.load(*published(1, weights_of(policy, 1e-6), folder))


FAULTS = {
    altered_copy: f"tensor {ALTERED} was altered on its way",
    altered_after_fingerprinting: "tensor model.embed_tokens.weight was altered on its way",
    dropped_by_the_sender: rf"missing tensors \['{SKIPPED}'\]",
    dropped_by_the_loader: rf"put tensors \['{SKIPPED}'\] nowhere",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_one_altered_or_dropped_tensor_fails_its_update_by_name(
    policy: str, tmp_path: Path, fault: Callable[..., Coroutine[Any, Any, None]]
) -> None:
    with pytest.raises(WeightSyncError, match=FAULTS[fault]):
        with_sampler(policy, lambda sampler: fault(sampler, policy, tmp_path))


def garble(worker: Any) -> None:
    """A loader that hands one layer the wrong rows, behind the watched parameter loader."""
    module = worker.model_runner.model.model.layers[1].mlp.down_proj
    original = module.quant_method.process_weights_after_loading

    def process(layer: Any) -> None:
        if layer is module:
            layer.weight.data.neg_()
        original(layer)

    module.quant_method.process_weights_after_loading = process


def test_what_only_the_canary_sees_is_named_by_reading_the_model_back(
    policy: str, tmp_path: Path
) -> None:
    manifest, buckets = published(1, weights_of(policy, 0.0), tmp_path)
    model = AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32)
    token_ids = PROMPT[:40]
    with torch.no_grad():
        logits = model(torch.tensor([token_ids])).logits[0, :-1].log_softmax(-1)
    right = logits[torch.arange(39), torch.tensor(token_ids[1:])].tolist()

    async def work(sampler: Sampler) -> None:
        canary = Canary(token_ids, right, Precision.float32)
        await sampler.update.load(manifest, buckets)
        assert await sampler.prove_weights(manifest, canary, buckets) < 1e-3
        assert await sampler.update.differing(manifest, buckets) == []
        await sampler.vllm.collective_rpc(garble)
        await sampler.update.load(manifest, buckets)
        await sampler.prove_weights(manifest, canary, buckets)

    with pytest.raises(
        WeightSyncError, match=r"\['model.layers.1.mlp.down_proj.weight \(in "
    ) as seen:
        with_sampler(policy, work)
    assert "(1 in all)" in str(seen.value)
