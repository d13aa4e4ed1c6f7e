"""Which curves a report draws, and the columns of figures that they are drawn from."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rlsys.report.folder import RunRecord

_POINTS = 1000
"""Of a curve. A longer run has the means of so many stretches: a screen shows no more."""
_NO_PARTS = {"mean", "accuracy", "missing", "groups_without_signal"}
"""Metrics of the group `reward` that are no component's."""
_LOAD_OF_A_LAYER = re.compile(r"experts/layer_\d+/max_load")


@dataclass(frozen=True)
class Chart:
    """One drawing: curves over steps, in one unit."""

    title: str
    lines: tuple[tuple[str, str], ...]
    """Metric and its name in the legend."""
    alarm: str = ""
    """Whose steps are marked in it."""
    checks: bool = False
    """Draw the held-out checks with their intervals, too."""
    help: str = ""


_RATIOS = ("p01", "p10", "p50", "p90", "p99")
CHARTS = (
    Chart(
        "pass@1",
        (("reward/accuracy", "training completions"),),
        checks=True,
        help="held-out prompts with 95 % intervals; training completions by step",
    ),
    Chart("Reward", (("reward/mean", "reward"),), help="mean of the step's completions"),
    Chart("Loss", (("policy/loss", "training"), ("heldout/loss", "held-out"))),
    Chart(
        "Completion length",
        (
            ("completion/mean_tokens", "all"),
            ("completion/mean_tokens_right", "right"),
            ("completion/mean_tokens_wrong", "wrong"),
        ),
        alarm="length_inflation",
        help="mean tokens",
    ),
    Chart(
        "Cut off, no signal",
        (
            ("completion/truncated", "completions cut off"),
            ("reward/groups_without_signal", "groups without a signal"),
        ),
        alarm="nothing_to_learn",
        help="shares",
    ),
    Chart("Entropy", (("policy/entropy", "entropy"),), alarm="entropy", help="nats per token"),
    Chart("KL to the reference", (("policy/kl", "KL"),), alarm="kl", help="nats per token"),
    Chart(
        "Ratio of policy to sampler",
        tuple((f"policy/ratio_{name}", name) for name in _RATIOS),
        alarm="ratio",
        help="quantiles over tokens; 1 is on-policy",
    ),
    Chart(
        "Effective sample size",
        (("policy/effective_sample_size", "ESS"),),
        alarm="effective_sample_size",
        help="share of the tokens",
    ),
    Chart(
        "Staleness",
        (
            ("staleness/mean", "mean"),
            ("staleness/max", "max"),
            ("staleness/bound", "bound"),
            ("staleness/lead", "lead"),
        ),
        help="optimizer steps",
    ),
    Chart(
        "Throughput",
        (("throughput/consumed_tokens_per_s", "tokens"),),
        help="completion tokens trained on per second",
    ),
    Chart(
        "Samplers' cache",
        (
            ("sampler/kv_cache_usage", "used"),
            ("sampler/prefix_cache_hit_rate", "prompts found in it"),
            ("sampler/preempted", "preempted"),
        ),
        alarm="preempted",
        help="shares: of the cache, of prompt tokens, of completions",
    ),
    Chart(
        "Completions in a sampler",
        (("sampler/running", "decoded"), ("sampler/waiting", "waiting")),
        help="mean over the engine's steps",
    ),
    Chart(
        "Learner's speed",
        (("policy/tflops", "TFLOP/s"),),
        help="a rank's, of what is learned",
    ),
    Chart(
        "Learner's GPU memory",
        (("policy/peak_memory_gib", "most of a step"),),
        help="GiB, of the first rank",
    ),
    Chart(
        "Experts",
        (("experts/starved", "starved"), ("experts/entropy", "entropy of the choice")),
        alarm="starved_experts",
        help="share of a layer's experts; 1: the router knows no difference; the worst layer's",
    ),
    Chart("Gradient norm", (("policy/gradient_norm", "gradient norm"),), alarm="gradient_norm"),
    Chart("Learning rate", (("policy/learning_rate", "learning rate"),)),
)


def charts(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """The charts, with the parts of these runs' rewards and their verdicts, as JSON values."""
    names = {name for record in records for line in record.lines for name in line}
    parts = sorted(
        name
        for name in names
        if name.startswith("reward/")
        and name.count("/") == 1
        and name.removeprefix("reward/") not in _NO_PARTS
    )
    verdicts = sorted(
        {
            name
            for record in records
            for line in record.lines
            for name, share in line.items()
            if name.startswith("status/") and share
        }
    )
    loads = sorted(filter(_LOAD_OF_A_LAYER.fullmatch, names), key=_layer_of)
    by_layer = Chart(
        "Fullest expert",
        tuple((name, f"layer {_layer_of(name)}") for name in loads),
        help="its load, in mean loads of its layer",
    )
    more = (
        Chart("Parts of the reward", tuple((n, _part_of(n)) for n in parts)),
        Chart(
            "Verdicts",
            tuple((n, n.removeprefix("status/")) for n in verdicts),
            help="shares, of those that occurred",
        ),
    )
    all_charts = [*CHARTS[:2], *more, *CHARTS[2:], by_layer]
    return [asdict(chart) for chart in all_charts if chart.lines]


def _layer_of(name: str) -> int:
    return int(name.split("/")[1].removeprefix("layer_"))


def _part_of(metric: str) -> str:
    """The component, whose metric may stand beside a figure of the step that has its name."""
    name = metric.removeprefix("reward/")
    component = name.removesuffix("_component")
    return component if component in _NO_PARTS else name


def series(record: RunRecord, drawn: Sequence[dict[str, Any]]) -> dict[str, list[float | None]]:
    """A column per metric that a chart shows; null where a step has none.

    Column `step` has the last step of each stretch.
    """
    wanted = {metric for chart in drawn for metric, _ in chart["lines"]}
    names = dict.fromkeys(name for line in record.lines for name in line)
    parts = stretches(record.lines)
    columns: dict[str, list[float | None]] = {
        "step": [part[-1]["step"] for part in parts],
    }
    for name in names:
        if name in wanted:
            columns[name] = [mean([line.get(name) for line in part]) for part in parts]
    return columns


def stretches(lines: Sequence[Any]) -> list[Sequence[Any]]:
    """At most _POINTS parts of as many lines each."""
    stretch = math.ceil(len(lines) / _POINTS) or 1
    return [lines[i : i + stretch] for i in range(0, len(lines), stretch)]


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that are known and finite; None if there is none."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    return rounded(sum(known) / len(known)) if known else None


def rounded(value: float) -> float:
    """Six digits: more are not seen, and cost bytes."""
    return float(f"{value:.6g}")
