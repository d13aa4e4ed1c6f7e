"""What a GPU alone can show, in parts, on a machine that has one; no downloads, random weights.

    python benchmarks/gpu_check.py [--parts attention logprobs learner ...] [--cpu]

attention  a packed row against each sequence alone in float32: the largest difference, nats
logprobs   chunked logprobs in the learner's precision against whole float32 logits
learner    steps of a model of 0.5 B parameters: tokens/s, and peak memory beside the plan's
sampler    vLLM's start, the canary's difference from the learner, and whether an update leaves the
           model as loading from disk does
loop       ten steps of `rlsys train`, with weights through the store: seconds of a step, tokens/s,
           what an update takes, and how long each role works
cuda_ipc   three steps with weights by CUDA IPC, on one GPU
nccl       three steps with weights by NCCL, on two GPUs

Each part is a process of its own, and one that fails does not keep the others from reporting; it
prints one JSON object, or its error's last lines. --cpu rehearses them with a tiny model, and skips
the two transports of GPUs.
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
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rlsys.config import memory
from rlsys.config.load import CONFIGS
from rlsys.config.memory import GIB
from rlsys.config.model_shape import shape_of
from rlsys.config.run import LearnerConfig, Precision, RolloutConfig, RunConfig
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import score_sequences
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.weights.canary import Canary

PART_S = 240.0
SHAPES = {
    "cuda": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
    },
    "cpu": {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    },
}
VOCABULARY = {"cuda": 151_936, "cpu": 4000}
LENGTHS = {"cuda": (1024, 8), "cpu": (64, 4)}
"""Tokens of a sequence, and sequences of a microbatch."""


def model_folder(device: str, folder: Path) -> str:
    """A random model and a tokenizer for it."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen2",
        **SHAPES[device],
        vocab_size=VOCABULARY[device],
        max_position_embeddings=4096,
        tie_word_embeddings=True,
    )
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    return str(folder)


def sequences(device: str) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    """Prompts, answers and groups of a microbatch."""
    rng = np.random.default_rng(0)
    length, count = LENGTHS[device]
    prompts = [rng.integers(0, 1000, 16) for _ in range(count)]
    answers = [rng.integers(0, 1000, length - 16) for _ in range(count)]
    return prompts, answers, list(range(count))


def scores(policy: PolicyModel, device: str, apart: bool) -> list[np.ndarray]:
    """Logprobs of the microbatch, in one row or each sequence in one of its own."""
    prompts, answers, groups = sequences(device)
    room = 1 if apart else 1 << 30
    return score_sequences(policy, prompts, answers, groups, False, room)


def largest(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Nats."""
    return float(max(np.abs(x - y).max() for x, y in zip(a, b, strict=True)))


def check_attention(device: str, folder: Path) -> dict[str, Any]:
    path = model_folder(device, folder)
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        policy = PolicyModel(load_causal_lm(path, dtype), 1.0, 2048).to(device)
        together, apart = (scores(policy, device, alone) for alone in (False, True))
        found[f"packed_{str(dtype).removeprefix('torch.')}"] = largest(together, apart)
    return found


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


def ranks_of(device: str) -> tuple[Ranks, RunConfig]:
    length, count = LENGTHS[device]
    config = RunConfig()
    config.model.max_context = length
    config.learner = LearnerConfig(
        gpus=1.0 if device == "cuda" else 0.0,
        dtype=Precision.bfloat16 if device == "cuda" else Precision.float32,
        microbatch_tokens=length * count,
        gradient_checkpointing=True,
    )
    return Ranks(0, 1, "127.0.0.1", 29_517, config.learner), config


def check_learner(device: str, folder: Path) -> dict[str, Any]:
    from rlsys.learning.learner import Learner
    from rlsys.learning.objectives.cross_entropy import CrossEntropy
    from rlsys.learning.schedule import Schedule

    path = model_folder(device, folder)
    ranks, config = ranks_of(device)
    schedule = Schedule(config.learner.optimizer, 10)
    learner = Learner(path, CrossEntropy(), ranks, schedule)
    prompts, answers, groups = sequences(device)
    layout = lay_out(blocks_of(groups, len(groups), False), prompts, answers, None).to(
        torch.device(device)
    )
    tokens = sum(map(len, prompts)) + sum(map(len, answers))
    seconds = []
    for _ in range(4):
        started = time.monotonic()
        for is_last in (False, True):
            learner.deepspeed.set_gradient_accumulation_boundary(is_last)
            logprobs, _ = learner.deepspeed(layout, None)
            learner.deepspeed.backward(-logprobs.mean())
        learner.deepspeed.step()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - started)
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    assert shape is not None
    planned = memory.learner(config, shape)
    others = planned.cuda + (config.weights.bucket_mib << 20)
    found = {
        "tokens_per_s": round(2 * tokens / float(np.median(seconds[1:]))),
        "planned_gib": round((planned.total - others) / GIB, 3),
    }
    if device == "cuda":
        found["peak_gib"] = round(torch.cuda.max_memory_allocated() / GIB, 3)
    return found


def check_sampler(device: str, folder: Path) -> dict[str, Any]:
    """The learner's canary is of float32 on the CPU where there is no GPU."""
    path = model_folder(device, folder)
    ids = list(range(5, 69))
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    policy = PolicyModel(load_causal_lm(path, dtype), 1.0, 2048).to(device)
    prompt, answer = np.array(ids[:1]), np.array(ids[1:])
    (logprobs,) = score_sequences(policy, [prompt], [answer], [0], False, 1 << 30)
    precision = Precision.bfloat16 if device == "cuda" else Precision.float32
    del policy
    return asyncio.run(_sampled(device, path, Canary(ids, logprobs.tolist(), precision)))


async def _sampled(device: str, path: str, canary: Canary) -> dict[str, Any]:
    from rlsys.config.run import ModelConfig, WeightsConfig
    from rlsys.sampling.sampler import Sampler

    shape = RolloutConfig(
        gpus=1.0 if device == "cuda" else 0.0,
        dtype=canary.precision,
        kv_cache_gib=4.0 if device == "cuda" else 1.0,
    )
    started = time.monotonic()
    sampler = Sampler("rollout-0", path, ModelConfig(max_context=512), shape, WeightsConfig(), 0)
    await sampler.start()
    try:
        loaded = time.monotonic() - started
        await sampler.prove_model(canary)
        return {"start_s": round(loaded, 1), "canary_nats": sampler.shown, "reload": "as from disk"}
    finally:
        sampler.shutdown()
        sampler.release()


REWARD = '''
from verifiers.base import Completion, Status, Verdict


class Even:
    """Pays for an even number of characters: a signal in what a random model says."""

    name = "even"

    def verify(self, completion: Completion) -> Verdict:
        is_even = len(completion.text) % 2 == 0
        return Verdict(float(is_even), Status.CORRECT if is_even else Status.WRONG)

    def self_test(self):
        return [(Completion("", "ab", None), 1.0), (Completion("", "abc", None), 0.0)]


VERIFIERS = {"even": Even}
'''


def trained(device: str, folder: Path, steps: int, *overrides: str) -> dict[str, Any]:
    """What `rlsys train` leaves of some steps with the random model, the medians over steps."""
    reward = folder / "even.py"
    reward.write_text(REWARD)
    command = [sys.executable, "-m", "rlsys", "train", "--config", str(CONFIGS / "local.yaml")]
    settings = {
        "run.name": "check",
        "run.directory": str(folder / "runs"),
        "model.path": model_folder(device, folder / "model"),
        "verifiers.plugins": f"[{reward}]",
        "verifiers.rewards": "[{name: even, weight: 1.0}]",
        "loop.steps": str(steps),
        "evaluation.prompts": "0",
        "evaluation.final_prompts": "0",
    }
    command += [*(f"{name}={value}" for name, value in settings.items()), *overrides]
    subprocess.run(command, check=True, stdout=sys.stderr)
    run = folder / "runs" / "check"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == steps
    wanted = [
        *("throughput/step_s", "throughput/consumed_tokens_per_s", "weights/pause_s"),
        *("weights/total_s", "weights/canary_error", "policy/learn_s"),
    ]
    wanted += [name for name in lines[-1] if name.startswith("time/") and name.endswith("/busy")]
    values = {name: [line[name] for line in lines if name in line] for name in wanted}
    return {name: round(float(np.median(found)), 4) for name, found in values.items() if found}


ONE_GPU = (
    *("rollout.gpus=0.5", "rollout.kv_cache_gib=4", "learner.gpus=0.5", "reference.gpus=0"),
    *("rollout.dtype=bfloat16", "learner.dtype=bfloat16", "algorithm.kl.coefficient=0"),
)
TWO_GPUS = (*ONE_GPU, "rollout.gpus=1", "learner.gpus=1")


def check_loop(device: str, folder: Path) -> dict[str, Any]:
    return trained(device, folder, 10, *(ONE_GPU if device == "cuda" else ()))


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
    "sampler": check_sampler,
    "loop": check_loop,
    "cuda_ipc": check_cuda_ipc,
    "nccl": check_nccl,
}


def main() -> int:
    """Every part by itself; status 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--cpu", action="store_true", help="rehearse with a tiny model")
    parser.add_argument("--here", action="store_true", help="one part, in this process")
    asked = parser.parse_args()
    device = "cpu" if asked.cpu else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch sees no GPU; --cpu rehearses")
    if asked.here:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(PARTS[asked.parts[0]](device, Path(folder))), flush=True)
        return 0
    failed = 0
    for part in asked.parts:
        command = [sys.executable, __file__, "--here", "--parts", part, *["--cpu"] * asked.cpu]
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
