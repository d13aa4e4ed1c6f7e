"""Parts of gpu_check.py: a sampler's start, its proofs, and its sleep."""

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_models import model_folder

from rlsys.config.memory import GIB
from rlsys.config.run import ModelConfig, Precision, RolloutConfig, WeightsConfig
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.sampling.sampler import Sampler
from rlsys.weights.canary import Canary


def check_sampler(device: str, folder: Path, sleeps: bool = False) -> dict[str, Any]:
    """The learner's canary is of float32 on the CPU where there is no GPU."""
    path = model_folder(device, folder)
    ids = list(range(5, 69))
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    policy = PolicyModel(load_causal_lm(path, dtype), 1.0, 2048).to(device)
    prompt, answer = np.array(ids[:1]), np.array(ids[1:])
    (logprobs,) = score_sequences(policy, [prompt], [answer], [0], False, 1 << 30)
    precision = Precision.bfloat16 if device == "cuda" else Precision.float32
    del policy
    return asyncio.run(_sampled(device, path, Canary(ids, logprobs.tolist(), precision), sleeps))


def check_sleep(device: str, folder: Path) -> dict[str, Any]:
    return check_sampler(device, folder, sleeps=True)


async def _sampled(device: str, path: str, canary: Canary, sleeps: bool) -> dict[str, Any]:
    shape = RolloutConfig(
        gpus=1.0 if device == "cuda" else 0.0,
        dtype=canary.precision,
        kv_cache_gib=4.0 if device == "cuda" else 1.0,
    )
    started = time.monotonic()
    model = ModelConfig(max_context=512)
    sampler = Sampler("rollout-0", path, model, shape, WeightsConfig(), 0, sleeps=sleeps)
    await sampler.start()
    try:
        loaded = time.monotonic() - started
        await sampler.prove_model(canary)
        if sleeps:
            return await _slept(device, sampler, canary)
        return {"start_s": round(loaded, 1), "canary_nats": sampler.shown, "reload": "as from disk"}
    finally:
        sampler.shutdown()
        sampler.release()


async def _slept(device: str, sampler: Any, canary: Canary) -> dict[str, Any]:
    """A turn of somebody else's; the weights come from disk instead of from a learner."""

    def free_gib() -> float:
        return torch.cuda.mem_get_info()[0] / GIB if device == "cuda" else 0.0

    vllm, before, started = sampler.vllm, free_gib(), time.monotonic()
    await sampler.update.sleep()
    asleep, freed = time.monotonic(), free_gib() - before
    await vllm.wake_up(["weights"])
    await sampler.update.changed_by_reloading()
    await vllm.wake_up(["kv_cache"])
    awake = time.monotonic()
    again = await sampler.canary_error(canary)
    assert again == sampler.shown, (again, sampler.shown)
    seconds = {"sleep_s": asleep - started, "wake_s": awake - asleep}
    return {"freed_gib": round(freed, 2), "canary_nats": again} | {
        name: round(value, 2) for name, value in seconds.items()
    }
