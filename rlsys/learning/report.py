"""What a learner says of its step: means over trained tokens, from sums over all ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from rlsys.learning.ranks import Ranks


@dataclass(frozen=True)
class Update:
    """What became of a minibatch."""

    has_signal: bool
    """False: something else than its own loss was followed, or nothing."""
    learning_rate: float
    """0: no update was made."""
    norm: float | None
    """Of the gradient, before clipping; None under ZeRO 0, which does not keep it."""


SKIPPED = Update(has_signal=False, learning_rate=0.0, norm=0.0)


def updates_report(updates: Sequence[Update]) -> dict[str, float]:
    """How many updates a step skipped; learning rate and gradient norm are means."""
    report = {
        "skipped_updates": float(num_skipped(updates)),
        "learning_rate": float(np.mean([update.learning_rate for update in updates])),
    }
    norms = [update.norm for update in updates if update.norm is not None]
    if len(norms) == len(updates):
        report["gradient_norm"] = float(np.mean(norms))
    return report


def num_skipped(updates: Sequence[Update]) -> int:
    """Of a step's updates, those that were not made."""
    return sum(update == SKIPPED for update in updates)


@dataclass
class Totals:
    """What this rank's microbatches gave, or its slices of them, of which it knows the whole."""

    sums: dict[str, float] = field(default_factory=dict)
    """Over what the loss counts, and `count`, how many these are; `loss` stays a sum."""
    samples: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    """[n] values of trained tokens, a part each, on the CPU."""

    def add(self, sums: Mapping[str, float]) -> None:
        """Add each of the values to the sum of its name."""
        for name, value in sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def keep(self, samples: Mapping[str, torch.Tensor]) -> None:
        """Keep a part of each of the samples."""
        for name, values in samples.items():
            self.samples.setdefault(name, []).append(values.float().cpu())

    def include(self, other: "Totals") -> None:
        """Everything that another has."""
        self.add(other.sums)
        for name, parts in other.samples.items():
            self.samples.setdefault(name, []).extend(parts)

    def means(self, ranks: Ranks) -> dict[str, float]:
        """Over what the loss counts on all ranks, and the `loss`; all ranks must call."""
        sums = ranks.sums(self.sums if ranks.speaks else dict.fromkeys(self.sums, 0.0))
        count = max(1.0, sums.pop("count", 0.0))
        loss = sums.pop("loss")
        return {name: total / count for name, total in sums.items()} | {"loss": loss}

    def all_samples(self, ranks: Ranks) -> dict[str, torch.Tensor]:
        """[n] of all ranks; all of them must call."""
        return {
            name: ranks.concatenated(torch.cat(parts if ranks.speaks else [parts[0][:0]]))
            for name, parts in sorted(self.samples.items())
        }


def numbers(sums: Mapping[str, torch.Tensor]) -> dict[str, float]:
    """Scalars as floats."""
    return {name: float(value) for name, value in sums.items()}
