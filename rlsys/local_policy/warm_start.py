"""Supervised fine-tuning on solved examples: what a policy knows before it is reinforced."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from rlsys.config.local_policy import LocalPolicyConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IGNORED = -100
"""Target of the positions without a loss."""
_PIECES = 2
_REPORT_EVERY = 20
_FINAL_SHARE = 0.05


@dataclass(frozen=True)
class Example:
    """One demonstration, as token ids."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    """With the end-of-sequence token."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def warm_start(
    model: PreTrainedModel,
    draw: Callable[[random.Random], Example],
    config: LocalPolicyConfig,
    seed: int,
    progress: Callable[[str], None],
) -> None:
    """Train the model in place, on the cross-entropy of the completions' tokens (AdamW, cosine).

    Args:
        draw: makes one demonstration; called steps * batch_size times with one generator.
        progress: gets a line with step and loss (nats per completion token) now and then.
    """
    rng = random.Random(seed)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=config.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.1,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, config.steps, config.warmup_steps)
    )
    model.train()
    recent = 0.0
    for step in range(1, config.steps + 1):
        loss = _backward(model, [draw(rng) for _ in range(config.batch_size)])
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        recent = loss if step == 1 else 0.9 * recent + 0.1 * loss
        if step % _REPORT_EVERY == 0 or step == config.steps:
            progress(f"warm start: step {step}/{config.steps}, loss {recent:.3f}")
    model.eval()


def learning_rate_factor(step: int, steps: int, warmup_steps: int) -> float:
    """The learning rate's share of its peak at a step, counted from 0: linear, then cosine."""
    warmup = min(1.0, (step + 1) / max(1, warmup_steps))
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / steps)))
    return warmup * (_FINAL_SHARE + (1.0 - _FINAL_SHARE) * cosine)


def collate(examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad examples at the right to equal length.

    Returns: input ids [B, T] and the next token of each position [B, T], IGNORED outside the
    completions. The model is causal, so what stands in the padding is never seen.
    """
    width = max(len(example) for example in examples) - 1
    inputs = torch.zeros(len(examples), width, dtype=torch.long)
    targets = torch.full((len(examples), width), IGNORED)
    for row, example in enumerate(examples):
        tokens = torch.tensor(example.prompt + example.completion)
        inputs[row, : len(tokens) - 1] = tokens[:-1]
        targets[row, len(example.prompt) - 1 : len(tokens) - 1] = tokens[len(example.prompt) :]
    return inputs, targets


def _backward(model: PreTrainedModel, examples: Sequence[Example]) -> float:
    """Add the gradient of the batch's mean token loss; returns that loss.

    The batch runs in pieces of similar length, which leaves little padding to compute.
    """
    examples = sorted(examples, key=len)
    num_tokens = sum(len(example.completion) for example in examples)
    size = math.ceil(len(examples) / _PIECES)
    total = 0.0
    for start in range(0, len(examples), size):
        inputs, targets = collate(examples[start : start + size])
        logits = model(input_ids=inputs, use_cache=False).logits
        loss = nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        loss = loss / num_tokens
        loss.backward()
        total += loss.item()
    return total
