"""Parts of gpu_check.py: short runs of the whole loop with a random model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_models import model_folder

from rlsys.config.load import CONFIGS
from rlsys.simulate.overlap import overlap

EVEN = Path(__file__).with_name("even.py")


def trained(device: str, folder: Path, steps: int, *overrides: str) -> dict[str, Any]:
    """What `rlsys train` leaves of some steps with the random model, the medians over steps."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "rlsys", "train", "--config", str(CONFIGS / "local.yaml")]
    settings = {
        "run.name": "check",
        "run.directory": str(folder / "runs"),
        "model.path": model_folder(device, folder / "model"),
        "verifiers.plugins": f"[{EVEN}]",
        "verifiers.rewards": "[{name: even, weight: 1.0}]",
        "loop.steps": str(steps),
        "evaluation.prompts": "0",
        "evaluation.final_prompts": "0",
        # A random model is past every bound of one that learns.
        "observe.entropy.most": "1000",
        "observe.entropy.stop_above": "1000",
    }
    command += [*(f"{name}={value}" for name, value in settings.items()), *overrides]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("\n".join((done.stdout + done.stderr).splitlines()[-8:]))
    run = folder / "runs" / "check"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == steps
    wanted = [
        *("throughput/step_s", "throughput/consumed_tokens_per_s", "weights/pause_s"),
        *("weights/total_s", "weights/canary_error", "policy/learn_s"),
    ]
    wanted += [
        name for name in lines[-1] if name.startswith("time/") and name.endswith(("/busy", "/turn"))
    ]
    values = {name: [line[name] for line in lines if name in line] for name in wanted}
    return {name: round(float(np.median(found)), 4) for name, found in values.items() if found}


ONE_GPU = (
    *("rollout.gpus=0.5", "rollout.kv_cache_gib=4", "learner.gpus=0.5", "reference.gpus=0"),
    *("rollout.dtype=bfloat16", "learner.dtype=bfloat16", "algorithm.kl.coefficient=0"),
)
TWO_GPUS = (*ONE_GPU, "rollout.gpus=1", "learner.gpus=1")


def check_loop(device: str, folder: Path) -> dict[str, Any]:
    """E as benchmarks/overlap.py has it: of what waiting costs the synchronous loop, the part that
    is saved. A stage's busy time is the smaller one of both."""
    usual = ONE_GPU if device == "cuda" else ()
    fast = trained(device, folder / "fast", 10, *usual)
    slow = trained(device, folder / "slow", 10, *usual, "loop.max_staleness=0")
    rates = [found["throughput/consumed_tokens_per_s"] for found in (slow, fast)]
    busy = [
        min(slow[name] / rates[0], fast[name] / rates[1]) for name in fast if name.endswith("/busy")
    ]
    found = fast | {"synchronous_tokens_per_s": rates[0]}
    if max(busy) >= 1 / rates[0]:
        return found | {"E": "the synchronous loop waits for nothing"}
    return found | {"E": round(overlap(1 / rates[0], 1 / rates[1], max(busy)), 3)}


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
