"""What a sampler thinks behind its prompts, while it samples and is given new weights."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rlsys.config.run import Precision
from rlsys.imports import imports
from rlsys.sampling.engine_prompt import Thought
from rlsys.weights.bundle import Manifest

if TYPE_CHECKING:
    from rlsys.sampling.latent_prefill import LatentPrefill


@dataclass(eq=False)
class _Asked:
    """By one call."""

    prompts: list[list[int]]
    thoughts: list[Thought] = field(default_factory=list)


class Thoughts:
    """The latents of one sampler's prompts; nothing where the policy makes none."""

    def __init__(self, count: int, precision: Precision, apart: bool = False) -> None:
        """count: K of each prompt.
        apart: each call's prompts go through the copy by themselves, so that timing has no part in
        how they are rounded; else all that wait go together."""
        self.count, self.precision, self.apart = count, precision, apart
        self.prefill: LatentPrefill | None = None
        self._waiting: dict[_Asked, None] = {}
        # A prompt's latents are of one version; beside that the event loop goes on.
        self._busy = asyncio.Lock()

    def begin(self, model_path: str) -> None:
        """Take the weights from disk.

        Raises:
            ConfigError: as LatentPrefill.
        """
        if not self.count:
            return
        with imports():
            from rlsys.sampling.latent_prefill import LatentPrefill
        self.prefill = LatentPrefill(model_path, self.precision, self.count)

    async def of(self, prompts: list[list[int]]) -> list[Thought | None]:
        """Of each prompt under the newest weights; None where there are none. A group shares those
        of its prompt."""
        if self.prefill is None:
            return [None] * len(prompts)
        own = _Asked(prompts)
        self._waiting[own] = None
        try:
            async with self._busy:
                if not own.thoughts:
                    await self._think([own] if self.apart else list(self._waiting))
        finally:
            # One that failed, or was taken back, must not be thought about with those who ask next.
            self._waiting.pop(own, None)
        return list(own.thoughts)

    async def _think(self, together: list[_Asked]) -> None:
        """A small policy's pass takes nearly as long for a few prompts as for many."""
        assert self.prefill is not None
        prompts = [prompt for one in together for prompt in one.prompts]
        made = iter(await asyncio.to_thread(self.prefill.think, prompts))
        for one in together:
            one.thoughts = [next(made) for _ in one.prompts]
            self._waiting.pop(one, None)

    async def load(self, manifest: Manifest, buckets: list[list[np.ndarray]]) -> None:
        """Hold a published version; see LatentPrefill.load."""
        if self.prefill is not None:
            async with self._busy:
                await asyncio.to_thread(self.prefill.load, manifest, buckets)
