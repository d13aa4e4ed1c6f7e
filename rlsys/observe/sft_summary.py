"""What a run of supervised fine-tuning ends with."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from rlsys.lineage.manifest import Figure
from rlsys.observe.stage_summary import StageSummary, rate_row


@dataclass(kw_only=True)
class SftSummary(StageSummary):
    """The evidence of one run."""

    rows_are: ClassVar[str] = "demonstrations"
    rows: int
    """To train on; each of them once is an epoch."""
    trained_rows: int
    held_out_rows: int
    losses: dict[int, float] = field(default_factory=dict)
    """Held-out loss by step, nats; 0: before training."""

    @property
    def epochs(self) -> float:
        """Passes over the rows."""
        return self.trained_rows / self.rows

    def more_to_dict(self) -> dict[str, Any]:
        """Of the rows, and of the held-out loss."""
        return {
            "rows": self.rows,
            "heldout_rows": self.held_out_rows,
            "heldout_loss": [
                {"step": step, "loss": round(loss, 6)} for step, loss in sorted(self.losses.items())
            ],
        }

    def figures(self) -> dict[str, Figure]:
        """The others, and the held-out loss before, after and at its lowest."""
        if not self.losses:
            return super().figures()
        losses = [loss for _, loss in sorted(self.losses.items())]
        return super().figures() | {
            "heldout_loss_before": losses[0],
            "heldout_loss": losses[-1],
            "heldout_loss_lowest": min(losses),
        }

    def more_rows(self) -> list[tuple[str, str]]:
        """What was trained on, and the held-out loss before and after."""
        rows = [
            ("epochs", f"{self.epochs:.2f} of {self.rows:,} {self.rows_are}"),
            rate_row(self.consumed_tokens, self.train_s),
        ]
        if self.losses:
            first, last = min(self.losses), max(self.losses)
            lowest = min(self.losses, key=lambda step: self.losses[step])
            told = f"{self.losses[first]:.4f} at step {first}, {self.losses[last]:.4f} at {last}"
            if lowest not in (first, last):
                told += f", lowest {self.losses[lowest]:.4f} at {lowest}"
            rows.append(("held-out loss", f"{told} ({self.held_out_rows:,} rows)"))
        return rows
