"""Streaming completions from one vLLM engine, for conversations: no fleet, no Ray."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from rlsys.config.run import ModelConfig, RolloutConfig, SamplingConfig, WeightsConfig
from rlsys.sampling.engine_prompt import Thought
from rlsys.sampling.sampler import Sampler
from rlsys.serving.conversation import Delta
from rlsys.thinking.limits import Limits, extra_args
from rlsys.thinking.track import Tags

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_END_S = 5.0
"""How long vLLM's task that reads completions may take to end; seen: at once."""


class ChatSampler:
    """A conversation's Streamer: a Sampler that gives its completion as it is written. Build,
    `await start()`, stream."""

    def __init__(
        self, model_path: str, model: ModelConfig, config: RolloutConfig, latents: int = 0
    ) -> None:
        """latents: that the model makes of each prompt."""
        weights = WeightsConfig()
        self._sampler = Sampler("chat", model_path, model, config, weights, seed=0, latents=latents)
        self.latents = latents
        self.thought: Thought | None = None
        """Behind the newest prompt, where the model makes latents."""
        self._requests = itertools.count()

    async def start(self) -> None:
        """Load the model."""
        await self._sampler.start()

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's."""
        return self._sampler.tokenizer

    @property
    def tags(self) -> Tags:
        """The tokenizer's view of the thinking tags."""
        return self._sampler.tags

    async def stream(
        self,
        token_ids: list[int],
        sampling: SamplingConfig,
        max_tokens: int,
        limits: Limits,
        opened: bool,
    ) -> AsyncIterator[Delta]:
        """One completion as it is written. The tags are part of the text, whatever the tokenizer
        thinks of them."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        params = SamplingParams(
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            min_p=sampling.min_p,
            max_tokens=max_tokens,
            skip_special_tokens=False,
            output_kind=RequestOutputKind.DELTA,
            extra_args=extra_args(limits, opened),
        )
        (self.thought,) = await self._sampler.thoughts.of([token_ids])
        prompt = self._sampler.prompt(token_ids, self.thought)
        end = self.tokenizer.eos_token
        request = f"chat-{next(self._requests)}"
        async for output in self._sampler.vllm.generate(prompt, params, request):
            completion = output.outputs[0]
            text = (
                completion.text.removesuffix(end) if completion.finish_reason else completion.text
            )
            yield Delta(text, list(completion.token_ids))

    def nearest(self, count: int) -> list[list[tuple[str, float]]]:
        """For each latent of the newest prompt the likeliest tokens, with their probabilities."""
        prefill = self._sampler.thoughts.prefill
        if self.thought is None or prefill is None:
            return []
        tokenizer = self.tokenizer
        return prefill.nearest(self.thought, lambda ids: str(tokenizer.decode(ids)), count)

    async def shutdown(self) -> None:
        """End the sampler's process, and vLLM's client while Python still stands."""
        reader = self._sampler.vllm.output_handler
        self._sampler.shutdown()
        if reader is not None:
            await asyncio.wait([reader], timeout=_END_S)
            del reader  # it holds the client
        self._sampler.release()
        gc.collect()
