"""Proof of the latents' road, with the weights from disk and after each update.

    1. The copy's latents of the canary's prompt are the learner's.
    2. Behind the embeddings of the prompt's own tokens the engine decodes with the copy's logprobs
       of its ids: the engine reads embeddings rightly.
    3. So it does behind the prompt and its latents, which is how completions are sampled.

vLLM gives no logprobs of a prompt with embeddings, so in 2 and 3 it decodes a few tokens, whose
logprobs the copy computes by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rlsys.errors import WeightSyncError
from rlsys.sampling.engine_prompt import Thought
from rlsys.weights.canary import Canary

if TYPE_CHECKING:
    from vllm.inputs import EmbedsPrompt, TokensPrompt

    from rlsys.sampling.latent_prefill import LatentPrefill
    from rlsys.sampling.sampler import Sampler

_DECODED = 4
"""Tokens: the first comes of the prefill, the others of decoding."""


@dataclass(frozen=True)
class LatentErrors:
    """How far a sampler was off."""

    latents: float = 0.0
    """Of the learner's latents; see latent_prefill.difference."""
    nats: float = 0.0
    """The largest of the decoded tokens' logprobs."""

    def require_below(self, latents: float, nats: float, named: str) -> None:
        """Raise WeightSyncError unless both are at most so much."""
        if not self.latents <= latents:
            raise WeightSyncError(
                f"{named}: its latents of the canary differ from the learner's by "
                f"{self.latents:.3g} of their size, where {latents:.3g} is rounding"
            )
        if not self.nats <= nats:
            raise WeightSyncError(
                f"{named}: behind prompt embeddings vLLM decodes with logprobs that differ by "
                f"{self.nats:.3g} nats from those of the copy that makes the latents, where "
                f"{nats:.3g} is rounding"
            )


async def prove_latents(
    sampler: Sampler, canary: Canary, shown: LatentErrors | None, named: str
) -> LatentErrors:
    """How far a sampler is off whose engine and copy hold one version; not at all without latents.

    Args:
        shown: what it was with the weights from disk; None: it holds them now.
        named: the sampler, for the error.
    Raises:
        WeightSyncError: it is more than rounding.
    """
    prefill, precision = sampler.thoughts.prefill, sampler.config.dtype
    if prefill is None:
        return LatentErrors()
    found = await _errors(sampler, prefill, canary)
    nats = canary.rounding(precision) if shown is None else canary.limit(precision, shown.nats)
    before = 0.0 if shown is None else shown.latents
    found.require_below(canary.latent_limit(precision, before), nats, named)
    return found


async def _errors(sampler: Sampler, prefill: LatentPrefill, canary: Canary) -> LatentErrors:
    ids = canary.latent_prompt
    (thought,) = await sampler.thoughts.of([ids])
    assert thought is not None
    embedded = sampler.prompt([], Thought(prefill.embedded(ids), prefill.version))
    nats = [
        await _decoded_error(sampler, prefill, embedded, ids, None),
        await _decoded_error(sampler, prefill, sampler.prompt(ids, thought), ids, thought),
    ]
    return LatentErrors(prefill.difference(thought, canary.latents), max(nats))


async def _decoded_error(
    sampler: Sampler,
    prefill: LatentPrefill,
    prompt: TokensPrompt | EmbedsPrompt,
    ids: list[int],
    thought: Thought | None,
) -> float:
    """Of the likeliest tokens behind a prompt, nats.

    Args:
        ids, thought: what the prompt says, for the copy.
    """
    from vllm import SamplingParams
    from vllm.logprobs import FlatLogprobs

    params = SamplingParams(
        temperature=0.0,
        max_tokens=_DECODED,
        ignore_eos=True,
        logprobs=0,
        flat_logprobs=True,
        detokenize=False,
    )
    (completion,) = (await sampler.finish(prompt, params)).outputs
    assert isinstance(completion.logprobs, FlatLogprobs)
    tokens = list(completion.token_ids)
    own = [completion.logprobs[i][token].logprob for i, token in enumerate(tokens)]
    right = prefill.logprobs(ids, thought, tokens)
    return float(np.abs(np.subtract(own, right)).max())
