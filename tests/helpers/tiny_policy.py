"""A policy's folder that loads and samples nonsense, made in a moment."""

from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from rlsys.local_policy.tokenizer import build_tokenizer


def write_policy(folder: Path, seed: int, shard: str = "1GB", **config: Any) -> Path:
    """A policy as save_pretrained leaves it, with a tokenizer and every weight drawn at random."""
    tokenizer = build_tokenizer()
    torch.manual_seed(seed)
    sizes = {"hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2}
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            num_attention_heads=2,
            num_key_value_heads=2,
            eos_token_id=tokenizer.eos_token_id,
            **(sizes | config),
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size=shard)
    tokenizer.save_pretrained(folder)
    return folder
