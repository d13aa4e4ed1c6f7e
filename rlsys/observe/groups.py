"""What became of a step's groups and completions: drops, verdicts, and who earned what."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from rlsys.loop.drops import REASONS, DropCount, Outcomes
from rlsys.loop.ready import ReadyGroup
from verifiers.base import Status


def group_metrics(groups: Sequence[ReadyGroup], dropped: DropCount) -> dict[str, float]:
    """Flat `group/name` metrics of one step.

    Args:
        groups: those that were trained on.
        dropped: those that were thrown away since the step before.
    """
    metrics = {f"groups/dropped_{reason}": float(dropped.reasons[reason]) for reason in REASONS}
    metrics["groups/dropped"] = float(dropped.reasons.total())
    ended = Outcomes(**vars(dropped.outcomes))
    for group in groups:
        ended.saw(group)
    if ended.graded:
        metrics["groups/all_right"] = ended.all_right / ended.graded
        metrics["groups/all_wrong"] = ended.all_wrong / ended.graded
    spreads = [np.std(g.rewards[~np.isnan(g.rewards)]) for g in groups]
    metrics["groups/reward_std"] = float(np.mean(spreads))
    return metrics | _statuses(groups) | _rewards(groups)


def _statuses(groups: Sequence[ReadyGroup]) -> dict[str, float]:
    """Shares of the completions."""
    counts = Counter(status for group in groups for status in group.statuses)
    if not counts:
        return {}
    return {f"status/{status}": counts[status] / counts.total() for status in Status}


def _rewards(groups: Sequence[ReadyGroup]) -> dict[str, float]:
    """Mean rewards by the source and by the difficulty of the prompts, where these are known."""
    parts: dict[str, list[np.ndarray]] = {}
    for group in groups:
        known = group.rewards[~np.isnan(group.rewards)]
        if group.source:
            parts.setdefault(f"reward/source/{group.source}", []).append(known)
        if math.isfinite(group.difficulty):
            parts.setdefault(f"reward/difficulty/{band(group.difficulty)}", []).append(known)
    return {name: float(np.concatenate(some).mean()) for name, some in sorted(parts.items())}


def band(difficulty: float) -> str:
    """The name of the difficulties that are counted together: tenths below 1, as of a share of
    wrong completions; above, two digits, so that levels stand alone and ratings come by the
    hundred.

    0.37 is `0.3`, 4.0 is `4`, 2.75 is `2.7`, 1834.0 is `1800`.
    """
    if difficulty == 0:
        return "0"
    unit = 10.0 ** max(-1, math.floor(math.log10(abs(difficulty))) - 1)
    # A tenth is no binary number: 0.3 / 0.1 is just below 3.
    return f"{round(math.floor(difficulty / unit + 1e-9) * unit, 1):g}"
