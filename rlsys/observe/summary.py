"""What a run of reinforcement ends with."""

from dataclasses import asdict, dataclass, field
from typing import Any

from rlsys.lineage.manifest import Figure
from rlsys.loop.ledger import Ledger
from rlsys.loop.outcome import SignalCount
from rlsys.observe.balance import Balance, Pace, advice, balance, covering_bound
from rlsys.observe.stage_summary import StageSummary, rate_row


@dataclass(kw_only=True)
class Summary(StageSummary):
    """The evidence of one run."""

    prompts: int
    """To train on; each of them once is an epoch."""
    ledger: Ledger
    staleness_mean: float
    staleness_max: int
    pace: Pace
    signal: SignalCount = field(default_factory=SignalCount)
    """Of the groups that were trained on."""
    alarms: list[str] = field(default_factory=list)
    """Figures that were outside of their range, each with its worst step."""

    @property
    def balance(self) -> Balance:
        """Which role limits the run, and what the others would need."""
        return balance(self.times, self.members)

    @property
    def epochs(self) -> float:
        """Passes over the prompts, by the groups that were trained on."""
        return self.ledger.trained / self.prompts

    def more_to_dict(self) -> dict[str, Any]:
        """Of groups, of staleness, and of what limits the run."""
        return {
            "prompts": self.prompts,
            "ledger": self.ledger.to_dict(),
            "balance": {
                "bottleneck": self.balance.bottleneck,
                "members": self.members,
                "needed": {role: round(n, 3) for role, n in self.balance.needed.items()},
            },
            "signal": asdict(self.signal),
            "staleness": {
                "mean": self.staleness_mean,
                "max": self.staleness_max,
                "bound": self.pace.max_staleness,
                "waited_for_old_s": round(self.pace.waited_for_old_s, 3),
                "longest_completion_s": round(self.pace.longest_completion_s, 3),
                "covering_bound": covering_bound(
                    self.pace, self.balance.least_s / max(self.steps, 1)
                ),
            },
            "alarms": self.alarms,
        }

    def figures(self) -> dict[str, Figure]:
        """The others, and the share of groups that there was something to learn from."""
        if not self.signal.groups:
            return super().figures()
        share = 1 - self.signal.without_signal / self.signal.groups
        return super().figures() | {"signal": share}

    def more_rows(self) -> list[tuple[str, str]]:
        """What was trained on, how old it was, and what became of all groups."""
        seen = self.signal
        return [
            ("epochs", f"{self.epochs:.2f} of {self.prompts:,} prompts"),
            rate_row(self.consumed_tokens, self.train_s),
            ("staleness", f"mean {self.staleness_mean:.2f}, max {self.staleness_max}"),
            ("groups", self.ledger.line()),
            (
                "signal",
                f"{seen.groups - seen.without_signal:,} of {seen.groups:,} groups; "
                f"{seen.cut_off:,} of {seen.completions:,} completions cut off",
            ),
            *(("alarm", line) for line in self.alarms),
        ]

    def advice(self) -> list[str]:
        """Which role limits the run, and what would help."""
        waited = self.times[self.balance.bottleneck].waits
        longest_wait = max(waited, key=lambda name: waited[name], default="nothing")
        return advice(self.balance, longest_wait, self.pace)
