"""DeepSpeed's own expert parallelism (AutoEP) on transformers' fused experts, beside ZeRO-3 alone.

    python benchmarks/expert_parallel.py

Two ranks with gloo take steps on a small policy with experts, as DeepSpeed wraps it without a
learner around it. Printed is by how much the first loss is off the plain model's; what DeepSpeed's
own counter says of the second step, by operation, in MiB, for rows of few tokens and for rows of
many; and what became of the names of the weights.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch.multiprocessing import spawn

from rlsys.config.local_policy import Architecture, LocalPolicyConfig
from rlsys.config.run import LearnerConfig, Precision
from rlsys.learning.ranks import Ranks
from rlsys.local_policy.shapes import build_model
from rlsys.local_policy.tokenizer import build_tokenizer
from rlsys.network import free_port

RANKS = 2
WAYS = {
    "ZeRO-3": {},
    "ZeRO-3, AutoEP": {
        "expert_parallel": {"enabled": True, "autoep_size": RANKS, "use_grouped_mm": False}
    },
}


def step(rank: int, port: int, file: Path, architecture: str, way: str, tokens: int) -> None:
    """One rank's, twice on a row of its own."""
    config = LearnerConfig(
        zero_stage=3,
        dtype=Precision.float32,
        deepspeed_options={
            "comms_logger": {"enabled": True, "prof_all": True, "verbose": False},
            **WAYS[way],
        },
    )
    ranks = Ranks(rank, RANKS, "127.0.0.1", port, config)
    import deepspeed.comm

    torch.manual_seed(0)
    shape = LocalPolicyConfig(architecture=Architecture(architecture), layers=2)
    model: Any = build_model(shape, build_tokenizer())
    names = {name for name, _ in model.named_parameters()}
    torch.manual_seed(rank)
    ids = torch.randint(5, 300, (1, tokens))
    with torch.no_grad():
        expected = float(model(input_ids=ids, labels=ids).loss)
    wrapped = ranks.into_deepspeed(model, 1e-3)
    counted = deepspeed.comm.comm.comms_logger
    losses = []
    for _ in range(2):  # the first one has what is sent once
        counted.comms_dict.clear()
        loss = wrapped(input_ids=ids, labels=ids).loss
        wrapped.backward(loss)
        wrapped.step()
        losses.append(float(loss.detach()))
    found = {
        "expected": expected,
        "loss": losses[0],
        "sent": {
            name: sum(size * times[0] for size, times in sizes.items()) / 2**20
            for name, sizes in counted.comms_dict.items()
        },
        "new": sorted({name for name, _ in wrapped.module.named_parameters()} - names),
    }
    if rank == 0:
        file.write_text(json.dumps(found))


def main() -> None:
    """Prints a line for each architecture, way and length of rows."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    folder = Path(tempfile.mkdtemp())
    for architecture in ("qwen3_moe", "deepseek_v3"):
        for way in WAYS:
            for tokens in (64, 1024):
                file = folder / f"{architecture}-{way}-{tokens}.json"
                spawn(step, (free_port(), file, architecture, way, tokens), nprocs=RANKS)
                found = json.loads(file.read_text())
                sent = ", ".join(f"{name} {size:.2f}" for name, size in found["sent"].items())
                print(
                    f"{architecture:<12} {way:<15} rows of {tokens:>4}: loss off by "
                    f"{abs(found['loss'] - found['expected']):.1e}; {sent}; {len(found['new'])} "
                    f"new names {found['new'][-3:]}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
