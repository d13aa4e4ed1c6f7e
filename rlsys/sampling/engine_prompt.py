"""A prompt as vLLM takes it: token ids, and behind them the latents, where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from vllm.inputs import EmbedsPrompt, TokensPrompt


@dataclass(frozen=True)
class Thought:
    """The latents of one prompt."""

    latents: torch.Tensor
    """[K, H], in the sampler's precision."""
    version: int
    """Of the policy that made them."""


def engine_prompt(
    token_ids: Sequence[int], thought: Thought | None, salt: str | None
) -> TokensPrompt | EmbedsPrompt:
    """With latents vLLM embeds the ids itself and takes what stands at the latents' places as
    given; ids there are placeholders.

    Args:
        salt: what its keys and values are filed under; None: nothing in particular.
    """
    from vllm.inputs import EmbedsPrompt, TokensPrompt

    ids = list(token_ids)
    if thought is None:
        tokens = TokensPrompt(prompt_token_ids=ids)
        if salt is not None:
            tokens["cache_salt"] = salt
        return tokens
    count, size = thought.latents.shape
    embedded = EmbedsPrompt(
        prompt_embeds=torch.cat([thought.latents.new_zeros(len(ids), size), thought.latents]),
        prompt_token_ids=[*ids, *[0] * count],
        prompt_is_token_ids=[*[True] * len(ids), *[False] * count],
    )
    if salt is not None:
        embedded["cache_salt"] = salt
    return embedded
