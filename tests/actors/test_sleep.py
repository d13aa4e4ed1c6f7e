"""A real vLLM that gives its memory up by turns; on CPUs it takes the calls and keeps it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import torch

from rlsys.config.run import SamplingConfig
from rlsys.learning.policy import load_causal_lm
from rlsys.sampling.sampler import Sampler
from tests.helpers.published import published

pytestmark = pytest.mark.slow

PROMPT = [5 + i % 40 for i in range(150)]
GREEDY = SamplingConfig(max_tokens=8, temperature=1e-6)


async def logprobs(sampler: Sampler) -> np.ndarray:
    output = await sampler._generate(PROMPT, GREEDY, 1)
    return np.asarray(output.outputs[0].logprobs.logprobs)


def test_a_sampler_wakes_within_its_next_update_and_then_takes_up_what_waited(
    sampler: Sampler,
    event_loop: asyncio.Runner,
    tiny_policy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = load_causal_lm(tiny_policy, torch.float32)
    named = [(name, p.detach()) for name, p in model.named_parameters()]
    sampler.update.names = [name for name, _ in named]
    vllm, update, seen = sampler.vllm, sampler.update, []
    wake_up, call = vllm.wake_up, update._call

    async def waking(tags: list[str]) -> bool:
        seen.append(f"wake_up {tags}")
        return await wake_up(tags)

    async def calling(method: str, **arguments: object) -> object:
        seen.append(method)
        return await call(method, **arguments)

    async def scenario() -> None:
        before = await logprobs(sampler)
        await update.sleep()
        assert await vllm.is_sleeping()
        await update.sleep()
        waiting = asyncio.create_task(logprobs(sampler))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        monkeypatch.setattr(vllm, "wake_up", waking)
        monkeypatch.setattr(update, "_call", calling)
        await update.load(*published(0, named, tmp_path))
        assert seen == [
            *("wake_up ['weights']", "start_weight_update", "receive_stored", "finish_proved"),
            "wake_up ['kv_cache']",
        ]
        assert not await vllm.is_sleeping()
        np.testing.assert_array_equal(await waiting, before)
        seen.clear()
        await update.load(*published(0, named, tmp_path))
        assert not any(line.startswith("wake_up") for line in seen)

    event_loop.run(scenario())
