"""Latents as a loop makes them that knows nothing of packed rows."""

import numpy as np
import torch
from transformers import PreTrainedModel

from rlsys.learning import attention


def by_hand(
    model: PreTrainedModel, prompt: np.ndarray, completion: np.ndarray, latents: int
) -> torch.Tensor:
    """Logprobs [T] of a completion behind hidden states, one pass after the other over all that is
    there so far, by the model's own attention."""
    embed = model.get_input_embeddings()
    model.set_attn_implementation("sdpa")
    row = embed(torch.from_numpy(prompt))[None]
    for _ in range(latents):
        hidden = model.get_decoder()(inputs_embeds=row, use_cache=False).last_hidden_state
        row = torch.cat([row, hidden[:, -1:]], dim=1)
    row = torch.cat([row, embed(torch.from_numpy(completion))[None]], dim=1)
    logprobs = model(inputs_embeds=row, use_cache=False).logits[0].log_softmax(dim=-1)
    model.set_attn_implementation(attention.NAME)
    first = len(prompt) + latents - 1
    steps = torch.arange(first, first + len(completion))
    return logprobs[steps, torch.from_numpy(completion)]
