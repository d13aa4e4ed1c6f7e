"""A tiny policy whose rows several processes hold, each a slice, without DeepSpeed."""

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from rlsys.learning.attention import NAME
from rlsys.learning.layout import Layout, blocks_of, lay_out
from rlsys.learning.policy import PolicyModel, checkpoint_layers, load_causal_lm
from rlsys.learning.slices import sliced
from rlsys.learning.ulysses import sequence_group

VOCABULARY = 41


def tiny(kv_heads: int, dtype: torch.dtype = torch.float64) -> PreTrainedModel:
    """Qwen2 of two layers and four heads of queries; the same for every call."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": kv_heads}
    config = Qwen2Config(
        **sizes, **heads, vocab_size=VOCABULARY, initializer_range=0.3, attn_implementation=NAME
    )
    return Qwen2ForCausalLM(config).to(dtype)


def row(answers: list[int], prompt: int = 5, share_prompts: bool = True) -> Layout:
    """Two groups of answers of these lengths; those of one group and length are equal."""
    prompts = [_tokens(3, prompt + group) for group in range(2)]
    groups = [group for group in range(2) for _ in answers]
    completions = [_tokens(group, length) for group in range(2) for length in answers]
    blocks = blocks_of(groups, len(groups), share_prompts)
    return lay_out(blocks, [prompts[group] for group in groups], completions)


def _tokens(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, count]).integers(0, VOCABULARY, count)


def learned(model: PreTrainedModel, layout: Layout, checkpoints: bool = False) -> dict[str, Any]:
    """What the policy says of a row, and the gradient of a loss that compares all of its tokens."""
    model = deepcopy(model)
    if checkpoints:
        checkpoint_layers(model)
    policy = PolicyModel(model, 1.0, 7, entropy_gradient=True)
    kept = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        is_weight = isinstance(tensor, torch.nn.Parameter)
        kept += 0 if is_weight else tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logprobs, entropies = policy(layout)
        spread = torch.arange(len(logprobs)).to(logprobs) / len(logprobs)
        loss = (logprobs * spread).sum().tanh() * (1 + entropies.mean() ** 2)
    loss.backward()
    gradients = torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None])
    return {"logprobs": logprobs.detach(), "entropies": entropies.detach(), "kept": kept} | {
        "loss": loss.detach(),
        "gradients": gradients,
    }


def learned_together(
    rank: int, count: int, port: int, cases: list[tuple[int | Path, Layout, bool]]
) -> list[dict[str, Any]]:
    """The same by `count` ranks that hold the rows together, their gradients summed.

    Args:
        cases: heads of keys or a folder, the row, and whether layers are computed twice.
    """
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=rank,
        world_size=count,
        timeout=timedelta(seconds=60),
    )
    group = sequence_group(rank, count, count)
    assert group is not None
    found = []
    for source, layout, checkpoints in cases:
        is_folder = isinstance(source, Path)
        model = load_causal_lm(source, torch.float32) if is_folder else tiny(source)
        one = learned(model, sliced(layout, group), checkpoints)
        distributed.all_reduce(one["gradients"])
        found.append(one)
    distributed.destroy_process_group()
    return found
