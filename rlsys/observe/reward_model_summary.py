"""What a run of `rlsys reward-model` ends with."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from rlsys.observe.sft_summary import SftSummary


@dataclass(kw_only=True)
class RewardModelSummary(SftSummary):
    """The evidence of one run."""

    rows_are: ClassVar[str] = "pairs"
    answers: ClassVar[bool] = False
    accuracies: dict[int, float] = field(default_factory=dict)
    """By step: of how many held-out pairs the chosen side is ahead; 0: before training."""

    def more_to_dict(self) -> dict[str, Any]:
        """With the held-out accuracy."""
        accuracies = [
            {"step": step, "accuracy": round(accuracy, 6)}
            for step, accuracy in sorted(self.accuracies.items())
        ]
        return super().more_to_dict() | {"heldout_accuracy": accuracies}

    def more_rows(self) -> list[tuple[str, str]]:
        """With the held-out accuracy before and after."""
        rows = super().more_rows()
        if self.accuracies:
            first, last = min(self.accuracies), max(self.accuracies)
            told = f"{self.accuracies[first]:.3f} at step {first}, {self.accuracies[last]:.3f}"
            rows.append(("held-out accuracy", f"{told} at {last}"))
        return rows
