"""The canary: one sequence whose logprobs the sampler and the learner must agree on.

How far two right computations of the same weights differ is a matter of the model, the precision
and the kernels, so it is measured and not assumed: before the first update the sampler still holds
the weights from disk, with which the learner began. What the two differ by then is rounding; an
update that changes no more than the weights cannot make it many times as large.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rlsys.config.run import Precision

GROWTH = 10.0
"""Times the difference from disk that an update may show: over 300 updates in bfloat16 the largest
was 3 times the median."""
_COUNTED = 0.9
"""Share of the tokens whose difference counts."""
_FLOOR = {Precision.float32: 1e-3, Precision.bfloat16: 0.25}
"""Nats that are allowed however well the two agree from disk: rounding grows as a policy gets more
certain, by up to 0.09 in bfloat16. Experts read in the wrong order were 0.07 off and more."""
_ROUNDING = {Precision.float32: 0.01, Precision.bfloat16: 0.25}
"""Nats by which two right computations of the same weights can differ. Above it they do not
compute the same model."""
_LATENTS = {Precision.float32: 1e-2, Precision.bfloat16: 0.5}
"""In units of the latents' mean size, by which two right computations of them can differ: each is
made of the one before, so they round more than logprobs do."""


@dataclass(frozen=True)
class Canary:
    """A fixed sequence and its logprobs [T] under some weights, as the learner computes them."""

    token_ids: list[int]
    logprobs: list[float]
    precision: Precision
    """The learner's."""
    latents: list[list[float]] = field(default_factory=list)
    """[K, H] that follow `latent_prompt`; none where the policy makes none."""

    @property
    def latent_prompt(self) -> list[int]:
        """The part of the sequence that the latents follow: half, so that they and a few tokens
        have room behind it."""
        return self.token_ids[: max(1, len(self.token_ids) // 2)]

    def latent_limit(self, own: Precision, shown: float) -> float:
        """The most by which a sampler's latents may differ, for one that differed by `shown` from
        disk; see rlsys.sampling.latent_prefill."""
        return max(GROWTH * shown, _LATENTS[self.coarser(own)])

    def error(self, logprobs: Sequence[float]) -> float:
        """How far another computation is off: nats that nine in ten tokens are below.

        Not the largest difference: rounding moves a few tokens of a text many times as far as the
        others, where a weight that is wrong moves them all (benchmarks/canary.py).
        """
        differences = np.abs(np.asarray(logprobs) - np.asarray(self.logprobs))
        return float(np.quantile(differences, _COUNTED))

    def coarser(self, own: Precision) -> Precision:
        """Of the learner's and the sampler's own."""
        return Precision.bfloat16 if Precision.bfloat16 in (own, self.precision) else own

    def rounding(self, own: Precision) -> float:
        """The most, nats, by which a sampler of this precision may differ on the same weights."""
        return _ROUNDING[self.coarser(own)]

    def limit(self, own: Precision, shown: float) -> float:
        """The most, nats, after an update, for a sampler that differed by `shown` from disk."""
        return max(GROWTH * shown, _FLOOR[self.coarser(own)])
