"""What a run of `rlsys reward-model` ends with."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from rlsys.evaluation.estimators import Interval, mean_with_interval
from rlsys.lineage.manifest import Figure
from rlsys.observe.sft_summary import SftSummary


@dataclass(kw_only=True)
class RewardModelSummary(SftSummary):
    """The evidence of one run."""

    rows_are: ClassVar[str] = "pairs"
    accuracies: dict[int, float] = field(default_factory=dict)
    """By step: of how many held-out pairs the chosen side is ahead; 0: before training."""

    def places(self) -> list[str]:
        """Of the model."""
        return [f"reward model: {self.policy}"] if self.policy else []

    def answer_rows(self) -> list[tuple[str, str]]:
        """It answers nothing."""
        return []

    def more_to_dict(self) -> dict[str, Any]:
        """With the held-out accuracy."""
        accuracies = [
            {"step": step, "accuracy": round(accuracy, 6)}
            for step, accuracy in sorted(self.accuracies.items())
        ]
        return super().more_to_dict() | {"heldout_accuracy": accuracies}

    def figures(self) -> dict[str, Figure]:
        """The others, and the held-out accuracy before and after with its interval."""
        found = super().figures()
        for name, interval in self._before_and_after().items():
            found[name] = {"mean": interval.mean, "low": interval.low, "high": interval.high}
        return found

    def more_rows(self) -> list[tuple[str, str]]:
        """With the held-out accuracy before and after."""
        rows = super().more_rows()
        if self.accuracies:
            before, after = self._before_and_after().values()
            steps = min(self.accuracies), max(self.accuracies)
            told = f"{before} at step {steps[0]}, {after} at {steps[1]}"
            rows.append(("held-out accuracy", told))
        return rows

    def _before_and_after(self) -> dict[str, Interval]:
        """The accuracy at the first and at the last step that it was measured at."""
        if not self.accuracies:
            return {}
        return {
            "heldout_accuracy_before": self._interval(self.accuracies[min(self.accuracies)]),
            "heldout_accuracy": self._interval(self.accuracies[max(self.accuracies)]),
        }

    def _interval(self, accuracy: float) -> Interval:
        """With other pairs of this kind; the hits are all that it depends on."""
        hits = accuracy * self.held_out_rows - np.arange(self.held_out_rows)
        return mean_with_interval(np.clip(hits, 0.0, 1.0))
