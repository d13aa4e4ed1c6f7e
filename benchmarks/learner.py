"""One optimizer step on answers of mixed length: this learner against padded Hugging Face.

    python benchmarks/learner.py [--repeats 5] [--dtypes float32 bfloat16]

64 sequences in groups of 8, prompts of 12 tokens, 28 to 256 tokens in all with a median of 66 (a
quarter of the longest), under a policy of the local policy's shape with random weights, on one
thread. Each variant does forward, backward and the same fused AdamW step:

padded             the baseline: Qwen2ForCausalLM on one [64, 256] batch, 4 sequences at a time, all
                   logits at once
padded_microbatch  the same, each microbatch padded to its own longest sequence
packed             PolicyModel on rows of at most 1,024 tokens without padding
packed_shared      the same, a group's answers behind one copy of their prompt

Variants take turns; figures are medians, and ratios are of equal number formats. The last line is
one JSON object.
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
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from rlsys.algorithms.packing import plan_microbatches
from rlsys.learning import attention
from rlsys.learning.layout import block_length, blocks_of, lay_out
from rlsys.learning.policy import PolicyModel

GROUPS, SIZE, PROMPT_TOKENS, LONGEST, MICROBATCH_TOKENS = 8, 8, 12, 256, 1024
VARIANTS = ("padded", "padded_microbatch", "packed", "packed_shared")


class Batch:
    """The same sequences for every variant."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        count = GROUPS * SIZE
        totals = np.clip(64 * np.exp(rng.normal(0.0, 0.5, count)), 28, LONGEST).astype(int)
        totals[rng.integers(count)] = LONGEST
        prompts = [rng.integers(5, 99, PROMPT_TOKENS) for _ in range(GROUPS)]
        self.groups = [i // SIZE for i in range(count)]
        self.prompts = [prompts[group] for group in self.groups]
        self.completions = [rng.integers(5, 99, n - PROMPT_TOKENS) for n in totals]
        self.totals = totals
        self.advantages = rng.normal(size=count)


def model(dtype: torch.dtype, implementation: str) -> PreTrainedModel:
    """The local policy's shape."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen2",
        vocab_size=400,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=True,
    )
    return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=implementation)


class Learner:
    """One variant: its model and optimizer."""

    def __init__(self, variant: str, dtype: torch.dtype) -> None:
        self.variant = variant
        packed = variant.startswith("packed")
        self.model = model(dtype, attention.NAME if packed else "sdpa")
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=True)
        self.policy = PolicyModel(self.model, 1.0, 2048)

    def step(self, batch: Batch) -> float:
        """Seconds of forward, backward and the optimizer's step."""
        started = time.perf_counter()
        if self.variant.startswith("packed"):
            self._packed(batch)
        else:
            self._padded(batch)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return time.perf_counter() - started

    def _packed(self, batch: Batch) -> None:
        shared = self.variant == "packed_shared"
        blocks = blocks_of(batch.groups, len(batch.completions), shared)
        lengths = [block_length(block, batch.prompts, batch.completions) for block in blocks]
        (plan,) = plan_microbatches(lengths, MICROBATCH_TOKENS, 1)
        for microbatch in plan:
            layout = lay_out([blocks[b] for b in microbatch], batch.prompts, batch.completions)
            logprobs, _ = self.policy(layout)
            advantages = torch.from_numpy(batch.advantages[list(layout.sequences)])
            (layout.padded(logprobs) * advantages[:, None]).sum().backward()

    def _padded(self, batch: Batch) -> None:
        size = MICROBATCH_TOKENS // LONGEST
        for start in range(0, len(batch.completions), size):
            chosen = range(start, min(start + size, len(batch.completions)))
            totals = batch.totals[list(chosen)]
            width = LONGEST if self.variant == "padded" else int(totals.max())
            ids = np.zeros((len(chosen), width), dtype=np.int64)
            for row, i in enumerate(chosen):
                ids[row, : totals[row]] = np.concatenate([batch.prompts[i], batch.completions[i]])
            tokens = torch.from_numpy(ids)
            real = np.arange(width)[None, :] < totals[:, None]
            logits = self.model(input_ids=tokens, attention_mask=torch.from_numpy(real)).logits
            logprobs = logits[:, :-1].float().log_softmax(-1)
            picked = logprobs.gather(2, tokens[:, 1:, None])[..., 0]
            trained = torch.from_numpy(real[:, 1:])
            trained[:, : PROMPT_TOKENS - 1] = False
            advantages = torch.from_numpy(batch.advantages[list(chosen)])
            (torch.where(trained, picked, 0.0) * advantages[:, None]).sum().backward()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    batch = Batch()
    tokens = sum(len(completion) for completion in batch.completions)
    middle, longest = np.median(batch.totals), batch.totals.max()
    print(f"sequences of median {middle:.0f} and at most {longest}, {tokens} answer tokens")
    results: dict[str, dict[str, dict[str, float]]] = {}
    for dtype in arguments.dtypes:
        learners = {name: Learner(name, getattr(torch, dtype)) for name in VARIANTS}
        times: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for turn in range(arguments.repeats + 1):
            print(f"{dtype}, turn {turn}", file=sys.stderr, flush=True)
            for name, learner in learners.items():
                seconds = learner.step(batch)
                if turn:  # the first turn warms up
                    times[name].append(seconds)
        medians = {name: statistics.median(values) for name, values in times.items()}
        results[dtype] = {
            name: {"tokens_per_s": tokens / median, "over_padded": medians["padded"] / median}
            for name, median in medians.items()
        }
        for name, figures in results[dtype].items():
            print(
                f"{dtype:<10}{name:<18}{figures['tokens_per_s']:8.0f} answer tokens/s  "
                f"{figures['over_padded']:.2f} times padded",
                flush=True,
            )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
