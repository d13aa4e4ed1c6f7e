"""What a learner says of its step: means over trained tokens, from sums over all ranks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rlsys.algorithms.gae import explained_variance
from rlsys.algorithms.off_policy import diagnostics
from rlsys.learning.deepspeed_setup import Rank
from rlsys.learning.sequences import Sequences


@dataclass(frozen=True)
class Update:
    """What became of a minibatch."""

    has_advantage: bool
    """False: the KL was all of the loss."""
    learning_rate: float
    """0: no update was made."""
    norm: float | None
    """Of the gradient, before clipping; None under ZeRO 0, which does not keep it."""


SKIPPED = Update(has_advantage=False, learning_rate=0.0, norm=0.0)


def updates_report(updates: Sequence[Update]) -> dict[str, float]:
    """How many updates a step made and of which kind; learning rate and gradient norm are means."""
    skipped = sum(update == SKIPPED for update in updates)
    report = {
        "skipped_updates": float(skipped),
        "kl_only_updates": float(sum(not u.has_advantage for u in updates) - skipped),
        "learning_rate": float(np.mean([update.learning_rate for update in updates])),
    }
    norms = [update.norm for update in updates if update.norm is not None]
    if len(norms) == len(updates):
        report["gradient_norm"] = float(np.mean(norms))
    return report


def step_report(
    sequences: Sequences,
    totals: dict[str, float],
    log_ratios: list[torch.Tensor],
    place: Rank,
    device: torch.device,
) -> dict[str, float]:
    """Sums over all ranks to means over trained tokens, and the ratio's quantiles."""
    names = sorted(totals)
    sums = _over_ranks([totals[name] for name in names], place, device)
    log_ratio = torch.cat(log_ratios)
    if place.world_size > 1:
        gathered: list[torch.Tensor] = [log_ratio] * place.world_size
        torch.distributed.all_gather_object(gathered, log_ratio)
        log_ratio = torch.cat(gathered)
    reduced = dict(zip(names, sums, strict=True))
    tokens = max(1.0, reduced.pop("tokens", 0.0))
    loss = reduced.pop("loss")
    report = {name: total / tokens for name, total in reduced.items()}
    if "critic_returns_square" in report:
        report["critic_explained_variance"] = explained_variance(
            report["critic_value_error"],
            report["critic_returns"],
            report.pop("critic_returns_square"),
        )
    return (
        report
        | diagnostics(log_ratio)
        | {
            "loss": loss,
            "clip_fraction": report.get("clipped_low", 0.0) + report.get("clipped_high", 0.0),
            "trained_tokens": float(sequences.num_trained.sum()),
            "trained_sequences": float(len(sequences)),
        }
    )


def mean_over_tokens(sums: dict[str, float], name: str, place: Rank, device: torch.device) -> float:
    """Of a metric, over the trained tokens of all ranks; 0 where there is no such metric."""
    total, tokens = _over_ranks([sums.get(name, 0.0), sums["tokens"]], place, device)
    return total / max(1.0, tokens)


def add(totals: dict[str, float], values: dict[str, float]) -> None:
    """Add each of the values to the total of its name."""
    for name, value in values.items():
        totals[name] = totals.get(name, 0.0) + value


def _over_ranks(values: list[float], place: Rank, device: torch.device) -> list[float]:
    """Each value summed over all ranks; all of them must call."""
    sums = torch.tensor(values, dtype=torch.float64)
    if place.world_size > 1:
        sums = sums.to(device)
        torch.distributed.all_reduce(sums)
    return sums.tolist()
