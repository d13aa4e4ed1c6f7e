"""Tiny policies that learn by an adapter, and what they are taught."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import nn
from transformers import PreTrainedModel

from rlsys import schema
from rlsys.config.lora import LoraConfig
from rlsys.config.run import LearnerConfig
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.policy import PolicyModel
from rlsys.learning.reference import score_sequences
from tests.helpers.learners import (
    in_float32,
    learner_of,
    one_rank,
)


def demonstrations(seed: int = 0) -> pa.RecordBatch:
    rng = np.random.default_rng(seed)
    columns = {
        "prompt_token_ids": [rng.integers(0, 41, 3) for _ in range(8)],
        "token_ids": [rng.integers(0, 41, n) for n in (3, 6, 4, 5, 2, 7, 3, 4)],
        "loss_weights": [None] * 8,
    }
    return schema.build(schema.DEMONSTRATIONS, columns)


def with_lora(**settings: object) -> LearnerConfig:
    lora = LoraConfig(rank=4, alpha=8.0)
    config = LearnerConfig(**{"lora": lora, "microbatch_tokens": 16} | settings)  # type: ignore[arg-type]
    return in_float32(config)


def learner_with(folder: Path, config: LearnerConfig) -> Learner:
    return learner_of(folder, CrossEntropy(), one_rank(config))


def logprobs(policy: nn.Module) -> np.ndarray:
    batch = demonstrations(7).to_pydict()
    prompts, completions = (
        [np.array(ids) for ids in batch[name]] for name in ("prompt_token_ids", "token_ids")
    )
    assert isinstance(policy, PolicyModel)
    found = score_sequences(policy, prompts, completions, list(range(8)), False, 64)
    return np.concatenate(found)


@torch.no_grad()
def moved(model: PreTrainedModel, size: float = 0.1) -> PreTrainedModel:
    """With adapters that say something."""
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.copy_(size * torch.randn(parameter.shape))
    return model
