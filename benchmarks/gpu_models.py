"""Random models for gpu_check.py, of the sizes that are looked at, and rows for them."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rlsys.learning.policy import PolicyModel
from rlsys.learning.reference import score_sequences
from rlsys.local_policy.tokenizer import build_tokenizer

SHAPES = {
    "half": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
    },
    "one_and_a_half": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
    },
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    },
}
"""Billions of parameters, as Qwen2.5 has them; on CPUs the tiny one stands for each."""
VOCABULARY = {"cuda": 151_936, "cpu": 4000}
LENGTHS = {"cuda": (1024, 8), "cpu": (64, 4)}
"""Tokens of a sequence, and sequences of a microbatch."""


def model_folder(device: str, folder: Path, size: str = "half") -> str:
    """A random model and a tokenizer for it."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "qwen2",
        **SHAPES[size if device == "cuda" else "tiny"],
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
    """Prompts, answers and groups of a microbatch; two answers have each prompt."""
    rng = np.random.default_rng(0)
    length, count = LENGTHS[device]
    prompts = [rng.integers(0, 1000, 16) for _ in range(count // 2) for _ in range(2)]
    for i in range(1, count, 2):
        prompts[i] = prompts[i - 1]
    answers = [rng.integers(0, 1000, length - 16) for _ in range(count)]
    return prompts, answers, [i // 2 for i in range(count)]


def scores(
    policy: PolicyModel, device: str, apart: bool, share_prompts: bool = False
) -> list[np.ndarray]:
    """Logprobs of the microbatch, in one row or each sequence in one of its own."""
    prompts, answers, groups = sequences(device)
    room = 1 if apart else 1 << 30
    return score_sequences(policy, prompts, answers, groups, share_prompts, room)


def largest(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Difference, nats."""
    return float(max(np.abs(x - y).max() for x, y in zip(a, b, strict=True)))
