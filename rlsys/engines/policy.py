"""A causal language model that answers one question: the logprobs of given answer tokens."""

from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from rlsys.algorithms.logprobs import chunked_logprobs
from rlsys.engines.layout import Layout


class PolicyModel(nn.Module):
    """Wraps a Hugging Face causal LM. Its head is called on chunks of answer tokens only, so the
    [tokens, vocabulary] logits never exist at once; as a module call, so ZeRO-3 gathers it."""

    def __init__(
        self,
        model: PreTrainedModel,
        temperature: float,
        chunk_tokens: int,
        entropy_gradient: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.chunk_tokens = chunk_tokens
        self.entropy_gradient = entropy_gradient

    def forward(
        self, layout: Layout, num_chunks: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logprobs [N] and entropies [N] of the layout's answer tokens, nats, at the sampling
        temperature; num_chunks as in chunked_logprobs."""
        hidden = self.model.get_decoder()(
            input_ids=layout.input_ids,
            position_ids=layout.position_ids,
            attention_mask=layout.attention_mask,
            use_cache=False,
        ).last_hidden_state
        return chunked_logprobs(
            self.model.get_output_embeddings(),
            hidden.reshape(-1, hidden.shape[-1])[layout.read_at],
            layout.targets,
            self.temperature,
            self.chunk_tokens,
            entropy_gradient=self.entropy_gradient,
            num_chunks=num_chunks,
        )


def load_causal_lm(path: str | Path, dtype: torch.dtype) -> PreTrainedModel:
    """A Hugging Face model directory or hub id."""
    return AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype, attn_implementation="sdpa")
