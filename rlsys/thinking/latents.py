"""Continuous thoughts: what a policy feeds back to itself between a prompt and its completion.

    z_1 = f(e(x))[last],   z_j = f(e(x), z_1 .. z_{j-1})[last],   j = 2 .. K

f is the decoder's last hidden state after its final norm, e its input embeddings. That is Coconut
(arXiv:2412.06769, section 3), whose code feeds back transformers' `hidden_states[-1]`, which the
norm has been applied to; its tokens that begin and end the latent part are left out. Latents are a
deterministic function of prompt and weights, so the completion's likelihood given them is the
policy's: pi(y | x) = prod_t p(y_t | x, z(x), y_<t).

Sampler, learner and reference all make them here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LatentRows:
    """A row of n prompts end to end."""

    input_ids: Tensor
    """[1, S] int64."""
    position_ids: Tensor
    """[1, S] int64."""
    ends: Tensor
    """[n] int64, into S: the last token of each prompt."""

    def to(self, device: torch.device) -> "LatentRows":
        """The same on another device."""
        return LatentRows(
            self.input_ids.to(device), self.position_ids.to(device), self.ends.to(device)
        )


class Thinker(Protocol):
    """Made the latents of what was asked last."""

    latents: int
    """K; 0: it makes none."""

    def nearest(self, count: int) -> list[list[tuple[str, float]]]:
        """For each latent the likeliest tokens, with their probabilities."""
        ...


def latents_of(decoder: nn.Module, rows: LatentRows, passes: Iterable[dict[str, Any]]) -> Tensor:
    """The latents of each prompt, [n, K, H]; gradient flows through all passes.

    The prompts go through the model once, and then a single place of each for every further latent.

    Args:
        decoder: a transformers model without its head, which takes `inputs_embeds`.
        passes: for each of the K passes what the decoder's forward needs to keep prompts apart, and
            to see what earlier passes left.
    """
    latents: list[Tensor] = []
    row, positions = embeddings(decoder, rows.input_ids), rows.position_ids
    for attention in passes:
        output = decoder(inputs_embeds=row, position_ids=positions, use_cache=False, **attention)
        found = output.last_hidden_state[0]
        latents.append(found if latents else found.index_select(0, rows.ends))
        positions = (positions if len(latents) > 1 else positions[:, rows.ends]) + 1
        row = latents[-1][None]
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
