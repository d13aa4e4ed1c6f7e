"""The objective of a reward model: which of two answers is the better one.

    loss = - sum_i log sigmoid(r(x_i, y_i+) - r(x_i, y_i-)) / N

(Bradley-Terry; arXiv:2203.02155, eq. 1, with two answers a prompt). r is the score of a whole
sequence, y+ the chosen and y- the rejected one, N the pairs of the whole minibatch, so loss and
gradient do not depend on ranks, microbatches and packing. A pair is a group of two behind one copy
of what they begin with, so it lies in one microbatch.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from torch import Tensor
from torch.nn import functional

from rlsys.learning.microbatches import Microbatch
from rlsys.learning.network import Network, Outputs
from rlsys.learning.objectives.base import Loss, Objective, Scorer
from rlsys.learning.ranks import Ranks
from rlsys.learning.report import Update
from rlsys.learning.scores import ScoreModel, load_classifier
from rlsys.learning.sequences import Sequences


class Preference(Objective):
    """Mean negative log-likelihood of the preferences, nats per pair."""

    name = "preference"
    columns = ("prompt_token_ids", "chosen_token_ids", "rejected_token_ids")
    whole_groups = True

    def network(self, model_path: str, ranks: Ranks) -> Network:
        """A sequence classifier with one output."""
        return ScoreModel(load_classifier(model_path, ranks.dtype))

    def prepare(self, batch: pa.RecordBatch, version: int, score: Scorer) -> Sequences:
        """Both sides of all rows of a `pairs` batch."""
        return Sequences.from_pairs(batch)

    def weights(self, sequences: Sequences, chosen: Sequence[int]) -> np.ndarray:
        """One over the minibatch's pairs."""
        return np.full(len(chosen), 2.0 / len(chosen))

    def loss(self, sequences: Sequences, microbatch: Microbatch, outputs: Outputs) -> Loss:
        """The loss of one microbatch's pairs, and how often and by how much the chosen side is
        ahead. A row without a pair, which keeps a rank in step, counts for nothing."""
        (scores,) = outputs
        num_pairs = len(scores) // 2
        better, worse = scores[: 2 * num_pairs].view(num_pairs, 2).unbind(1)
        weights = microbatch.weights[: 2 * num_pairs : 2]
        margin = better - worse
        loss = -(weights * functional.logsigmoid(margin)).sum()
        ahead = margin.detach()
        # Of two equal scores neither is ahead: half a hit, as by a coin.
        hits = (ahead > 0).float() + 0.5 * (ahead == 0)
        sums = {
            "accuracy": hits.sum(),
            "margin": ahead.sum(),
            "chosen_score": better.detach().sum(),
            "rejected_score": worse.detach().sum(),
        }
        return Loss(loss, {"count": ahead.new_tensor(num_pairs), **sums})

    def report(
        self,
        means: Mapping[str, float],
        samples: Mapping[str, Tensor],
        updates: Sequence[Update],
    ) -> dict[str, float]:
        """Loss, accuracy, margin and both sides' scores, means over pairs."""
        return dict(means)
