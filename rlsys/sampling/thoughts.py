"""What a sampler thinks behind its prompts, while it samples and is given new weights."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from rlsys.config.run import Precision
from rlsys.imports import imports
from rlsys.sampling.engine_prompt import Thought
from rlsys.weights.bundle import Manifest

if TYPE_CHECKING:
    from rlsys.sampling.latent_prefill import LatentPrefill


class Thoughts:
    """The latents of one sampler's prompts; nothing where the policy makes none."""

    def __init__(self, count: int, precision: Precision) -> None:
        """count: K of each prompt."""
        self.count, self.precision = count, precision
        self.prefill: LatentPrefill | None = None
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
        async with self._busy:
            return list(await asyncio.to_thread(self.prefill.think, prompts))

    async def load(self, manifest: Manifest, buckets: list[list[np.ndarray]]) -> None:
        """Hold a published version; see LatentPrefill.load."""
        if self.prefill is not None:
            async with self._busy:
                await asyncio.to_thread(self.prefill.load, manifest, buckets)
