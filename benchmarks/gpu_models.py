"""Random models for gpu_check.py, of the sizes that are looked at, and short runs with one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from rlsys.config.load import CONFIGS
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
