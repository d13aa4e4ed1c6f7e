"""The stage `reward_model`: a sequence classifier learns which of two answers was preferred.

It goes step by step as supervised fine-tuning does (sft.py), with pairs for demonstrations: every
step's pairs follow from its number, and before the first, every evaluate_every steps and after the
last one the learner measures loss and accuracy on the held-out pairs. Nobody is asked for answers.
"""

from types import MappingProxyType

from rlsys.observe.reward_model_summary import RewardModelSummary
from rlsys.stages.sft import Supervised


class RewardModelling(Supervised):
    """Trains a reward model."""

    measured = MappingProxyType(
        {"heldout/loss": "loss", "heldout/accuracy": "accuracy", "heldout/margin": "margin"}
    )
    rows_are = "pairs"
    unit = "nats per pair"

    def summary(self, started: float) -> RewardModelSummary:
        """Of all that has been done so far."""
        held = self.sums.held_out
        return RewardModelSummary(
            **self.common(started),
            accuracies={step: figures["accuracy"] for step, figures in held.items()},
        )
