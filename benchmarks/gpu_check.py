"""What a GPU alone can show, in parts, on a machine that has one; no downloads, random weights.

    python benchmarks/gpu_check.py [--parts attention logprobs learner ...] [--device cpu]

attention  a packed row against each sequence alone in float32 and bfloat16: the largest difference,
           nats; one call of the kernel for rows against a call for each bucket, with both times
logprobs   chunked logprobs in the learner's precision against whole float32 logits
learner    steps of models of 0.5 B and 1.5 B parameters: tokens/s, MFU, and peak memory beside the
           plan's
lora       the same of an adapter of rank 16
compiled   the smaller learner with norms and MLPs by torch.compile, against itself without
publish    how long the next step waits for weights to leave for the CPU's memory, before it or
           beside it (weights.publish), and when it is done and they have left
checkpoint how long a step waits for a state to be copied, and how long its writing takes
sampler    vLLM's start, the canary's difference from the learner, and whether an update leaves the
           model as loading from disk does
sleep      GiB that a sampler gives up when it sleeps, seconds until it sleeps and until it is awake
           with its weights loaded anew, and whether it then says of the canary what it said before
loop       ten steps of `rlsys train`, with weights through the store: seconds of a step, tokens/s,
           what an update takes, how long each role works, and E against ten synchronous steps
turns      three steps in which learner and sampler have the GPU by turns (cluster.colocate)
cuda_ipc   three steps with weights by CUDA IPC, on one GPU
nccl       three steps with weights by NCCL, on two GPUs

Each part is a process of its own, and one that fails does not keep the others from reporting; it
prints one JSON object, or its error's last lines. --device cpu rehearses them with a tiny model,
and skips the two transports of GPUs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_exactness import check_attention, check_logprobs
from gpu_learner import (
    check_checkpoint,
    check_compiled,
    check_learner,
    check_lora,
    check_publish,
)
from gpu_runs import check_cuda_ipc, check_loop, check_nccl, check_turns
from gpu_sampler import check_sampler, check_sleep

PART_S = 240.0

PARTS: dict[str, Callable[[str, Path], dict[str, Any]]] = {
    "attention": check_attention,
    "logprobs": check_logprobs,
    "learner": check_learner,
    "lora": check_lora,
    "compiled": check_compiled,
    "publish": check_publish,
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
