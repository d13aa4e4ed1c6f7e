"""The objective of supervised fine-tuning: the likelihood of demonstrations.

    loss = - sum_it v_it log pi(y_it | x_i, y_i,<t) / sum_jt v_jt

v are the rows' loss_weights, 1 for every completion token where a batch has none and 0 for those
that are masked out. The denominator counts the whole minibatch, so loss and gradient are those of
one long row on one rank, however it is split. Prompts are never in the loss.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from rlsys.learning.microbatches import Microbatch
from rlsys.learning.network import Outputs
from rlsys.learning.objectives.base import Loss, Objective, Scorer
from rlsys.learning.report import Update
from rlsys.learning.sequences import Sequences


class CrossEntropy(Objective):
    """Mean negative log-likelihood of the completions' tokens, nats."""

    name = "cross_entropy"
    columns = ("prompt_token_ids", "token_ids")

    def __init__(self, latents: int = 0) -> None:
        self.latents = latents

    def prepare(self, batch: pa.RecordBatch, version: int, score: Scorer) -> Sequences:
        """All rows of a `demonstrations` batch."""
        return Sequences.from_demonstrations(batch)

    def weights(self, sequences: Sequences, chosen: Sequence[int]) -> np.ndarray:
        """One over the minibatch's loss_weights, all together."""
        own = sequences.columns["loss_weights"]
        total = sum(float(own[i].sum(dtype=np.float64)) for i in chosen)
        return np.full(len(chosen), 1.0 / total if total else 0.0)

    def has_signal(self, sequences: Sequences, chosen: Sequence[int]) -> bool:
        """Whether any token is in the loss; a minibatch without one is skipped."""
        return sequences.has_any("loss_weights", chosen)

    def loss(self, sequences: Sequences, microbatch: Microbatch, outputs: Outputs) -> Loss:
        """The cross-entropy of one microbatch; its mean entropy is reported, too."""
        logprobs, entropy = outputs
        layout = microbatch.layout
        own = sequences.gather("loss_weights", layout)
        mask = sequences.mask(layout)
        weighted = torch.where(mask, own * layout.padded(logprobs), 0.0)
        loss = -(microbatch.weights[:, None] * weighted).sum()
        entropies = layout.padded(entropy.detach())
        return Loss(loss, {"count": mask.sum(), "entropy": entropies[mask].sum()})

    def report(
        self,
        means: Mapping[str, float],
        samples: Mapping[str, Tensor],
        updates: Sequence[Update],
    ) -> dict[str, float]:
        """Loss and entropy, nats per token."""
        return dict(means)
