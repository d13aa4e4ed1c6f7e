"""A step's metrics, from the loop's report."""

from collections.abc import Mapping

import numpy as np

from rlsys.algorithms.advantages import has_signal
from rlsys.evaluation.heldout import HeldOut
from rlsys.loop.loop import StepReport
from rlsys.watch.accounting import Times


def step_metrics(report: StepReport, seconds: float, std_floor: float) -> dict[str, float]:
    """Flat `group/name` metrics of one optimizer step.

    Token figures count completion tokens of the trained groups; staleness is in optimizer steps.

    Args:
        seconds: since the step before.
        std_floor: algorithm.advantage.std_floor, up to which rewards that differ are equal.
    """
    rewards = np.concatenate([g.rewards for g in report.groups])
    correct = np.concatenate([g.correct for g in report.groups])
    tokens = np.concatenate([g.num_tokens for g in report.groups])
    truncated = np.concatenate([g.truncated for g in report.groups])
    graded = ~np.isnan(rewards)
    metrics = {
        "reward/mean": float(rewards[graded].mean()),
        "reward/accuracy": float(correct[graded].mean()),
        "reward/missing": float(1 - graded.mean()),
        "reward/groups_without_signal": float(
            np.mean([not has_signal(g.rewards, std_floor) for g in report.groups])
        ),
        "completion/mean_tokens": float(tokens.mean()),
        "completion/max_tokens": float(tokens.max()),
        "completion/truncated": float(truncated.mean()),
        "completion/reward_per_token": float(rewards[graded].sum() / max(1, tokens[graded].sum())),
        "staleness/mean": float(report.staleness.mean()),
        "staleness/max": float(report.staleness.max()),
        "staleness/waited_for_old_s": report.waited_for_old_s,
        "staleness/bound": float(report.bound),
        "staleness/lead": float(report.lead),
        "staleness/longest_group_s": report.longest_group_s,
        "throughput/consumed_tokens": float(tokens.sum()),
        "throughput/step_s": seconds,
        "throughput/consumed_tokens_per_s": float(tokens.sum()) / max(seconds, 1e-9),
    }
    for kind, chosen in (("right", correct & graded), ("wrong", ~correct & graded)):
        if chosen.any():
            metrics[f"completion/mean_tokens_{kind}"] = float(tokens[chosen].mean())
    # Which components a group has depends on its prompts' sources.
    for name in sorted({name for g in report.groups for name in g.components}):
        values = np.concatenate([g.components.get(name, []) for g in report.groups])
        if np.isnan(values).all():
            continue
        if f"reward/{name}" in metrics:  # one that is called `accuracy`, as in base.yaml
            metrics[f"reward/{name}_component"] = float(np.nanmean(values))
        else:
            metrics[f"reward/{name}"] = float(np.nanmean(values))
    # How far the sampler is from each frozen policy that scored the completions.
    for role in report.groups[0].log_ratios:
        ratios = np.concatenate([g.log_ratios[role] for g in report.groups])
        metrics[f"log_ratio/{role}"] = float(ratios.sum() / max(1, tokens.sum()))
    if report.publish:
        metrics |= {
            "weights/pause_s": report.publish.pause_s,
            "weights/total_s": report.publish.total_s,
            "weights/canary_error": report.publish.canary_error,
        }
        if report.publish.engine:
            metrics |= report.publish.engine.metrics()
    return metrics | learner_metrics(report.learner)


def learner_metrics(learner: Mapping[str, float]) -> dict[str, float]:
    """What a learner says of its step: `policy/name`, but for names with a group of their own."""
    return {name if "/" in name else f"policy/{name}": value for name, value in learner.items()}


def time_shares(now: dict[str, Times], before: dict[str, Times]) -> dict[str, float]:
    """`time/ROLE/busy` and `time/ROLE/WAIT` as shares of wall time since `before`."""
    shares = {}
    for role, times in now.items():
        passed = times - before.get(role, Times())
        wall = max(passed.wall_s, 1e-9)
        shares[f"time/{role}/busy"] = passed.busy_s / wall
        shares |= {f"time/{role}/{name}": s / wall for name, s in passed.waits.items()}
    return shares


def check_metrics(check: HeldOut) -> dict[str, float]:
    """Of a held-out check."""
    return {
        "heldout/pass_at_1": check.pass_at_1,
        "heldout/mean_tokens": check.mean_tokens,
        "heldout/truncated": check.truncated,
    }
