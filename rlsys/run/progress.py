"""What a run's summary says of its whole life, carried from one driver to the next."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rlsys.loop.loop import StepReport
from rlsys.loop.outcome import SignalCount
from rlsys.watch.accounting import Times


@dataclass
class Progress:
    """Sums over the steps that stand; what a killed driver did after its last checkpoint is not
    among them, since it is done again."""

    consumed_tokens: int = 0
    """Completion tokens that were trained on."""
    staleness: Counter[int] = field(default_factory=Counter)
    """Groups by their staleness."""
    waited_for_old_s: float = 0.0
    """For how long old groups were waited for, though enough others were ready."""
    longest_group_s: float = 0.0
    """From a group's admission until it was ready."""
    longest_completion: int = 0
    """Tokens."""
    signal: SignalCount = field(default_factory=SignalCount)
    """Of the groups that were trained on."""
    train_s: float = 0.0
    times: dict[str, Times] = field(default_factory=dict)
    """Per role, while training."""
    resumes: int = 0

    def saw(self, report: StepReport) -> None:
        """One more step."""
        tokens = np.concatenate([group.num_tokens for group in report.groups])
        self.consumed_tokens += int(tokens.sum())
        self.longest_completion = max(self.longest_completion, int(tokens.max()))
        self.staleness.update(report.staleness.tolist())
        self.waited_for_old_s += report.waited_for_old_s
        self.longest_group_s = max(self.longest_group_s, report.longest_group_s)

    @property
    def staleness_mean(self) -> float:
        """Over groups."""
        total = sum(value * count for value, count in self.staleness.items())
        return total / max(1, self.staleness.total())

    @property
    def staleness_max(self) -> int:
        """Over groups."""
        return max(self.staleness, default=0)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, for a checkpoint."""
        return {
            "consumed_tokens": self.consumed_tokens,
            "staleness": dict(self.staleness),
            "waited_for_old_s": self.waited_for_old_s,
            "longest_group_s": self.longest_group_s,
            "longest_completion": self.longest_completion,
            "signal": asdict(self.signal),
            "train_s": self.train_s,
            "times": {role: asdict(times) for role, times in self.times.items()},
            "resumes": self.resumes,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Progress":
        """What `to_dict` gave, through JSON."""
        return cls(
            consumed_tokens=values["consumed_tokens"],
            staleness=Counter({int(k): count for k, count in values["staleness"].items()}),
            waited_for_old_s=values["waited_for_old_s"],
            longest_group_s=values["longest_group_s"],
            longest_completion=values["longest_completion"],
            signal=SignalCount(**values["signal"]),
            train_s=values["train_s"],
            times={role: Times(**times) for role, times in values["times"].items()},
            resumes=values["resumes"],
        )
