"""Parts of gpu_check.py: what a packed row and chunks of logits are worth against plain float32."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_models import largest, model_folder, scores

from rlsys.learning import varlen
from rlsys.learning.policy import PolicyModel, load_causal_lm


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
