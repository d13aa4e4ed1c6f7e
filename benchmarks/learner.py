"""Forward and backward of one step's answers: shared prompts and bfloat16 against the baseline.

    python benchmarks/learner.py [--repeats 5]

16 groups of 8 answers of 12 to 35 tokens behind prompts of 12 tokens, under a policy of the local
policy's shape with random weights, on one thread. The baseline is one padded row per answer in
float32. The variants take turns; figures are medians. The last line is one JSON object.
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rlsys.algorithms.packing import plan_microbatches
from rlsys.engines.layout import lay_out, row_length, rows_of
from rlsys.engines.policy import PolicyModel

GROUPS, SIZE, PROMPT_TOKENS, MICROBATCH_TOKENS = 16, 8, 12, 1024
VARIANTS = {
    "baseline": (False, torch.float32),
    "shared_prompts": (True, torch.float32),
    "bfloat16": (False, torch.bfloat16),
    "shared_prompts_bfloat16": (True, torch.bfloat16),
}


def policy(dtype: torch.dtype) -> PolicyModel:
    """The local policy's shape."""
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=400,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=True,
    )
    return PolicyModel(Qwen2ForCausalLM(config).to(dtype), 1.0, 2048)


def seconds(model: PolicyModel, share: bool) -> float:
    """Forward and backward over every microbatch of the step."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(5, 99, PROMPT_TOKENS) for _ in range(GROUPS)]
    prompts = [prompt for prompt in prompts for _ in range(SIZE)]
    answers = [rng.integers(5, 99, rng.integers(12, 36)) for _ in range(GROUPS * SIZE)]
    groups = [i // SIZE for i in range(GROUPS * SIZE)]
    rows = rows_of(groups, len(answers), share)
    lengths = [row_length(row, prompts, answers) for row in rows]
    (plan,) = plan_microbatches(lengths, MICROBATCH_TOKENS, 1)
    started = time.perf_counter()
    for microbatch in plan:
        logprobs, _ = model(lay_out([rows[r] for r in microbatch], prompts, answers))
        logprobs.sum().backward()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    models = {name: policy(dtype) for name, (_, dtype) in VARIANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for turn in range(repeats + 1):
        for name, (share, _) in VARIANTS.items():
            print(f"turn {turn}, {name}", file=sys.stderr, flush=True)
            taken = seconds(models[name], share)
            if turn:  # the first turn warms up
                times[name].append(taken)
    medians = {name: statistics.median(values) for name, values in times.items()}
    speedups = {name: medians["baseline"] / median for name, median in medians.items()}
    for name, median in medians.items():
        print(f"{name:<26}{median:.3f} s  {speedups[name]:.2f} times the baseline")
    print(json.dumps({"seconds": medians, "speedup_over_baseline": speedups}))


if __name__ == "__main__":
    main()
