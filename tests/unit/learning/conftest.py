"""A tiny random policy that the tests of the learner share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from rlsys.learning import attention
from rlsys.local_policy.tokenizer import build_tokenizer
from tests.helpers.learners import saved

VOCABULARY = 41


@pytest.fixture(scope="session")
def model() -> Iterator[PreTrainedModel]:
    """Qwen2 of two layers with grouped queries and a tied head, float32."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
        tie_word_embeddings=True,
        attn_implementation=attention.NAME,
    )
    yield Qwen2ForCausalLM(config)
    torch.set_num_threads(threads)


@pytest.fixture
def groups() -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
    """Prompts, answers and group ids of two prompts with 3 and 4 answers, one of them empty."""
    rng = np.random.default_rng(3)
    prompts, completions, index = [], [], []
    for group, (size, lengths) in enumerate([(5, (4, 1, 7)), (9, (2, 0, 6, 3))]):
        prompt = rng.integers(0, VOCABULARY, size)
        for length in lengths:
            prompts.append(prompt)
            completions.append(rng.integers(0, VOCABULARY, length))
            index.append(10 + group)
    return prompts, completions, index


@pytest.fixture
def folder(model: PreTrainedModel, tmp_path: Path) -> Iterator[Path]:
    """It on disk, with the tokenizer of local policies; each test has its own."""
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    policy = saved(model, tmp_path / "policy")
    build_tokenizer().save_pretrained(policy)
    yield policy
    torch.set_num_threads(threads)
