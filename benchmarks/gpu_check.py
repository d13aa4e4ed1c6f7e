"""What a GPU alone can show, in parts, on a machine that has one; no downloads, random weights.

    python benchmarks/gpu_check.py [--parts attention logprobs learner ...] [--device cpu]

attention  a packed row against each sequence alone in float32 and bfloat16: the largest difference,
           nats; one call of the kernel for rows against a call for each bucket, with both times
logprobs   chunked logprobs in the learner's precision against whole float32 logits
learner    steps of models of 0.5 B and 1.5 B parameters: tokens/s, MFU, and peak memory beside the
           plan's
lora       the same of an adapter of rank 16
checkpoint how long a step waits for a state to be copied, and how long its writing takes
sampler    vLLM's start, the canary's difference from the learner, and whether an update leaves the
           model as loading from disk does
sleep      GiB that a sampler gives up when it sleeps, seconds until it sleeps and until it is awake
           with its weights loaded anew, and whether it then says of the canary what it said before
loop       ten steps of `rlsys train`, with weights through the store: seconds of a step, tokens/s,
           what an update takes, and how long each role works
turns      three steps in which learner and sampler have the GPU by turns (cluster.colocate)
cuda_ipc   three steps with weights by CUDA IPC, on one GPU
nccl       three steps with weights by NCCL, on two GPUs

Each part is a process of its own, and one that fails does not keep the others from reporting; it
prints one JSON object, or its error's last lines. --device cpu rehearses them with a tiny model,
and skips the two transports of GPUs.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gpu_models import (
    LENGTHS,
    SHAPES,
    largest,
    model_folder,
    scores,
    sequences,
    trained,
)

from rlsys.config import memory
from rlsys.config.lora import LoraConfig
from rlsys.config.memory import GIB
from rlsys.config.model_shape import shape_of
from rlsys.config.run import LearnerConfig, Precision, RolloutConfig, RunConfig
from rlsys.learning import varlen
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import score_sequences
from rlsys.network import free_port
from rlsys.weights.canary import Canary

if TYPE_CHECKING:
    from rlsys.learning.learner import Learner

PART_S = 240.0
PEAK_FLOPS = {
    "A100": 312e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "L40S": 362e12,
    "B200": 2250e12,
}
"""Of bfloat16 without sparsity, by a part of the device's name: NVIDIA's data sheets."""


def check_attention(device: str, folder: Path) -> dict[str, Any]:
    path = model_folder(device, folder)
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        policy = PolicyModel(load_causal_lm(path, dtype), 1.0, 2048).to(device)
        together, apart = (scores(policy, device, alone) for alone in (False, True))
        found[f"packed_{str(dtype).removeprefix('torch.')}"] = largest(together, apart)
    return found | _by_one_call(policy, device)


def _by_one_call(policy: PolicyModel, device: str) -> dict[str, Any]:
    """The kernel for rows, where it is used, against buckets in the same precision."""
    row = torch.zeros(1, 1, 64, dtype=torch.bfloat16, device=device)
    if not varlen.can_be_asked(row, row, row):
        return {"one_call": "skipped: for bfloat16 on GPUs of compute capability 8.0"}
    found: dict[str, Any] = {}
    usual = varlen.can_be_asked
    for name, shared in (("apart", False), ("shared_prompts", True)):
        by_call, found[f"one_call_{name}_s"] = _timed(policy, device, shared)
        varlen.can_be_asked = lambda *rows: False
        in_buckets, found[f"buckets_{name}_s"] = _timed(policy, device, shared)
        varlen.can_be_asked = usual
        found[f"one_call_{name}"] = largest(by_call, in_buckets)
    return found


def _timed(policy: PolicyModel, device: str, shared: bool) -> tuple[list[np.ndarray], float]:
    """Logprobs of the microbatch, and the seconds that they take once all is warm."""
    scores(policy, device, apart=False, share_prompts=shared)
    started = time.monotonic()
    found = scores(policy, device, apart=False, share_prompts=shared)
    return found, round(time.monotonic() - started, 4)


def check_logprobs(device: str, folder: Path) -> dict[str, Any]:
    path = model_folder(device, folder)
    whole = scores(
        PolicyModel(load_causal_lm(path, torch.float32), 1.0, 1 << 30).to(device), device, True
    )
    chunked = PolicyModel(load_causal_lm(path, torch.float32), 1.0, 100).to(device)
    half = PolicyModel(load_causal_lm(path, torch.bfloat16), 1.0, 2048).to(device)
    return {
        "chunked_float32": largest(whole, scores(chunked, device, False)),
        "chunked_bfloat16": largest(whole, scores(half, device, False)),
    }


def mfu(tokens_per_s: float, size: str, parameters: int, length: int) -> float | None:
    """Model FLOPs utilization: what the model needs, forward and backward, of what the device can;
    layers that are computed twice count once (PaLM, arXiv:2204.02311, appendix B).

    MFU = tokens/s * (6 N + 12 L H Q T) / peak,  N parameters, L layers, H heads of size Q, T tokens

    Returns: None for a device whose peak is not known here.
    """
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    peak = next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)
    if peak is None:
        return None
    shape = SHAPES[size]
    attention = 12 * shape["num_hidden_layers"] * shape["hidden_size"] * length
    return tokens_per_s * (6 * parameters + attention) / peak


def learner_of(
    device: str, folder: Path, size: str, lora: LoraConfig | None
) -> tuple["Learner", RunConfig]:
    """One that learns from demonstrations, with layers that are computed twice."""
    from rlsys.learning.learner import Learner
    from rlsys.learning.objectives.cross_entropy import CrossEntropy
    from rlsys.learning.schedule import Schedule

    length, count = LENGTHS[device]
    config = RunConfig()
    config.model.max_context = length
    config.learner = LearnerConfig(
        gpus=1.0 if device == "cuda" else 0.0,
        dtype=Precision.bfloat16 if device == "cuda" else Precision.float32,
        microbatch_tokens=length * count,
        gradient_checkpointing=True,
        lora=lora,
    )
    ranks = Ranks(0, 1, "127.0.0.1", free_port(), config.learner)
    schedule = Schedule(config.learner.optimizer, 10)
    return Learner(model_folder(device, folder, size), CrossEntropy(), ranks, schedule), config


def steps(device: str, learner: "Learner", count: int) -> list[float]:
    """Seconds of each, of two microbatches."""
    prompts, answers, _ = sequences(device)
    groups = list(range(len(prompts)))
    layout = lay_out(blocks_of(groups, len(groups), False), prompts, answers, None)
    layout = layout.to(torch.device(device))
    seconds = []
    for _ in range(count):
        started = time.monotonic()
        for is_last in (False, True):
            learner.deepspeed.set_gradient_accumulation_boundary(is_last)
            logprobs, _ = learner.deepspeed(layout, None)
            learner.deepspeed.backward(-logprobs.mean())
        learner.deepspeed.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - started)
    return seconds


def learned(device: str, folder: Path, size: str, lora: LoraConfig | None) -> dict[str, Any]:
    """Speed, and memory beside the plan's, of a learner of one size."""
    learner, config = learner_of(device, folder, size, lora)
    seconds = float(np.median(steps(device, learner, 4)[1:]))
    length, count = LENGTHS[device]
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    assert shape is not None
    planned = memory.learner(config, shape)
    others = planned.cuda + (config.weights.bucket_mib << 20)
    tokens_per_s = 2 * length * count / seconds
    used = mfu(tokens_per_s, size, shape.parameters, length)
    found = {
        "tokens_per_s": round(tokens_per_s),
        "mfu": "unknown peak of this device" if used is None else round(used, 3),
        "planned_gib": round((planned.total - others) / GIB, 3),
    }
    if device == "cuda":
        found["peak_gib"] = round(torch.cuda.max_memory_allocated() / GIB, 3)
        torch.cuda.reset_peak_memory_stats()
    return found


def check_learner(device: str, folder: Path) -> dict[str, Any]:
    sizes = ("half", "one_and_a_half") if device == "cuda" else ("half",)
    return {size: learned(device, folder / size, size, None) for size in sizes}


def check_lora(device: str, folder: Path) -> dict[str, Any]:
    return learned(device, folder, "one_and_a_half", LoraConfig(rank=16))


def check_checkpoint(device: str, folder: Path) -> dict[str, Any]:
    from rlsys.learning.checkpoint import copied
    from rlsys.learning.weights_out import WeightsOut

    learner, _ = learner_of(device, folder / "model", "half", None)
    steps(device, learner, 1)
    out = WeightsOut(learner.policy, learner.ranks)
    kept = folder / "kept"
    kept.mkdir()
    found = {}
    for attempt in ("first", "second"):  # the first one pins its buffers
        started = time.monotonic()
        state = copied(kept, learner, out, str(folder / "model"))
        found[f"copied_{attempt}_s"] = round(time.monotonic() - started, 3)
    started = time.monotonic()
    state.write()
    written = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
    return found | {
        "written_s": round(time.monotonic() - started, 3),
        "gib": round(written / GIB, 3),
    }


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
    from rlsys.config.run import ModelConfig, WeightsConfig
    from rlsys.sampling.sampler import Sampler

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


ONE_GPU = (
    *("rollout.gpus=0.5", "rollout.kv_cache_gib=4", "learner.gpus=0.5", "reference.gpus=0"),
    *("rollout.dtype=bfloat16", "learner.dtype=bfloat16", "algorithm.kl.coefficient=0"),
)
TWO_GPUS = (*ONE_GPU, "rollout.gpus=1", "learner.gpus=1")


def check_loop(device: str, folder: Path) -> dict[str, Any]:
    return trained(device, folder, 10, *(ONE_GPU if device == "cuda" else ()))


def check_turns(device: str, folder: Path) -> dict[str, Any]:
    turns = ("cluster.colocate=true", "loop.max_staleness=0")
    return trained(device, folder, 3, *(ONE_GPU if device == "cuda" else ()), *turns)


def check_cuda_ipc(device: str, folder: Path) -> dict[str, Any]:
    if device == "cpu":
        return {"skipped": "needs a GPU"}
    return trained(device, folder, 3, *ONE_GPU, "weights.transport=cuda_ipc")


def check_nccl(device: str, folder: Path) -> dict[str, Any]:
    if torch.cuda.device_count() < 2:
        return {"skipped": f"needs two GPUs, torch sees {torch.cuda.device_count()}"}
    return trained(device, folder, 3, *TWO_GPUS, "weights.transport=nccl")


PARTS: dict[str, Callable[[str, Path], dict[str, Any]]] = {
    "attention": check_attention,
    "logprobs": check_logprobs,
    "learner": check_learner,
    "lora": check_lora,
    "checkpoint": check_checkpoint,
    "sampler": check_sampler,
    "sleep": check_sleep,
    "loop": check_loop,
    "turns": check_turns,
    "cuda_ipc": check_cuda_ipc,
    "nccl": check_nccl,
}


def main() -> int:
    """Every part by itself; status 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: rehearse")
    parser.add_argument("--here", action="store_true", help="in this process, to the first failure")
    asked = parser.parse_args()
    device = asked.device
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU; --device cpu rehearses")
    if asked.here:
        for part in asked.parts:
            with tempfile.TemporaryDirectory() as folder:
                print(json.dumps(PARTS[part](device, Path(folder))), flush=True)
        return 0
    failed = 0
    for part in asked.parts:
        command = [sys.executable, __file__, "--here", "--parts", part, "--device", device]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PART_S, check=False
            )
            said, status = done.stdout.strip(), done.returncode
            errors = done.stderr.strip().splitlines()[-8:]
        except subprocess.TimeoutExpired:
            said, status, errors = "", 1, [f"not done within {PART_S:g} s"]
        failed += status != 0
        lines = said.splitlines()[-1:] if status == 0 else errors
        print(f"{part}: " + "\n  ".join(lines), flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
