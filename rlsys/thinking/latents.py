"""Continuous thoughts: what a policy feeds back to itself between a prompt and its completion.

    z_1 = f(e(x))[last],   z_j = f(e(x), z_1 .. z_{j-1})[last],   j = 2 .. K

f is the decoder's last hidden state after its final norm, e its input embeddings. That is Coconut
(arXiv:2412.06769, section 3), whose code feeds back transformers' `hidden_states[-1]`, which the
norm has been applied to; its tokens that begin and end the latent part are left out. Latents are a
deterministic function of prompt and weights, so the completion's likelihood given them is the
policy's: pi(y | x) = prod_t p(y_t | x, z(x), y_<t).

Sampler, learner and reference all make them here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LatentRows:
    """Rows of prompts, each followed by K places for its latents."""

    input_ids: Tensor
    """[B, L] int64; at the places any id."""
    position_ids: Tensor
    """[B, L] int64, which go on over the places."""
    places: Tensor
    """[n, K] int64, into the rows end to end: where the latents of each of n prompts lie, right
    behind it."""

    def to(self, device: torch.device) -> "LatentRows":
        """The same on another device."""
        return LatentRows(
            self.input_ids.to(device), self.position_ids.to(device), self.places.to(device)
        )


class Thinker(Protocol):
    """Made the latents of what was asked last."""

    latents: int
    """K; 0: it makes none."""

    def nearest(self, count: int) -> list[list[tuple[str, float]]]:
        """For each latent the likeliest tokens, with their probabilities."""
        ...


def latents_of(decoder: nn.Module, rows: LatentRows, **attention: Any) -> Tensor:
    """The latents of each prompt, [n, K, H]; gradient flows through all steps.

    Each of the K passes computes whole rows anew. What stands at a place that is not filled yet is
    seen by no position before it, since attention is causal, so no step depends on it.

    Args:
        decoder: a transformers model without its head, which takes `inputs_embeds`.
        attention: what its forward needs to keep the prompts of a row apart.
    """
    embedded = embeddings(decoder, rows.input_ids)
    flat = embedded.flatten(0, 1)
    latents = []
    for places in rows.places.T:
        output = decoder(
            inputs_embeds=flat.view(embedded.shape),
            position_ids=rows.position_ids,
            use_cache=False,
            **attention,
        )
        latent = output.last_hidden_state.flatten(0, 1).index_select(0, places - 1)
        flat = flat.index_copy(0, places, latent)
        latents.append(latent)
    return torch.stack(latents, dim=1)


def embeddings(decoder: nn.Module, input_ids: Tensor) -> Tensor:
    """[..., H] what a decoder makes of token ids before its first layer."""
    embed: nn.Module = decoder.get_input_embeddings()  # type: ignore[operator]
    found: Tensor = embed(input_ids)
    return found


@torch.no_grad()
def latents_behind(decoder: nn.Module, prompts: Sequence[Sequence[int]], count: int) -> Tensor:
    """The same without gradient, [n, K, H]: keys and values are kept, so that the prompts go
    through the model once, and then a single place of each for every further latent.

    Args:
        prompts: token ids, one or more each, padded behind their ends, where nothing sees it.
        count: K, 1 or more.
    """
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    longest = int(lengths.max())
    padded = [[*prompt, *[prompt[-1]] * (longest - len(prompt))] for prompt in prompts]
    there = torch.arange(longest) < lengths[:, None]
    output = decoder(
        input_ids=torch.tensor(padded),
        attention_mask=there.long(),
        position_ids=torch.arange(longest).expand(len(prompts), -1),
        use_cache=True,
    )
    latents = [output.last_hidden_state[torch.arange(len(prompts)), lengths - 1]]
    for step in range(count - 1):
        there = torch.cat([there, there.new_ones(len(prompts), 1)], dim=1)
        output = decoder(
            inputs_embeds=latents[-1][:, None],
            attention_mask=there.long(),
            position_ids=(lengths + step)[:, None],
            past_key_values=output.past_key_values,
            use_cache=True,
        )
        latents.append(output.last_hidden_state[:, 0])
    return torch.stack(latents, dim=1)
