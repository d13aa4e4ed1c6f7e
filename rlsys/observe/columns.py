"""What a line says of a step: columns under headings, as many as the screen has room for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One figure of a step, to the right of a column of its width."""

    heading: str
    width: int
    metric: str
    """Its key among the step's metrics."""
    show: Callable[[float], str]
    is_late: bool = False
    """Known only some steps later: a line that is printed once never has it."""


def duration(seconds: float) -> str:
    """Five characters at most: `1:32`, `1h05m`, `2d03h`."""
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def figure(value: float) -> str:
    """Of any size, in seven characters and a sign: `0.0123`, `412`, `3.7e-10`, `12k`."""
    size = abs(value)
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if size < 1e-3:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{digits}e{int(exponent)}"
    if size < 1:
        return f"{value:.4f}"
    if size < 100:
        return f"{value:.2f}"
    return f"{value:.0f}" if size < 10_000 else f"{value / 1000:.0f}k"


def share(value: float) -> str:
    """`25%`."""
    return f"{value:.0%}"


LEFT = "display/left_s"
"""The display's own metric: seconds until the last step."""
COLUMNS = (
    Column("left", 5, LEFT, duration),
    Column("reward", 6, "reward/mean", "{:.3f}".format),
    Column("pass@1", 6, "heldout/pass_at_1", "{:.3f}".format, is_late=True),
    Column("loss", 7, "policy/loss", figure),
    Column("grad", 7, "policy/gradient_norm", figure),
    Column("lr", 6, "policy/learning_rate", figure),
    Column("KL", 7, "policy/kl", figure),
    Column("nosig", 5, "reward/groups_without_signal", share),
    Column("cut", 4, "completion/truncated", share),
    Column("length", 6, "completion/mean_tokens", "{:.1f}".format),
    Column("ESS", 4, "policy/effective_sample_size", "{:.2f}".format),
    Column("entropy", 7, "policy/entropy", figure),
    Column("tok/s", 6, "throughput/consumed_tokens_per_s", "{:,.0f}".format),
    Column("stale", 5, "staleness/mean", "{:.1f}".format),
    Column("clip", 4, "policy/clip_fraction", share),
)
"""The first ones matter most: a narrow screen shows these alone. docs/running.md explains each."""
SFT_COLUMNS = (
    Column("left", 5, LEFT, duration),
    Column("epoch", 6, "data/epoch", "{:.2f}".format),
    Column("loss", 7, "policy/loss", figure),
    Column("held", 7, "heldout/loss", figure),
    Column("pass@1", 6, "heldout/pass_at_1", "{:.3f}".format, is_late=True),
    Column("grad", 7, "policy/gradient_norm", figure),
    Column("lr", 7, "policy/learning_rate", figure),
    Column("entropy", 7, "policy/entropy", figure),
    Column("tok/s", 6, "throughput/consumed_tokens_per_s", "{:,.0f}".format),
)

SAMPLE_COLUMNS = (
    Column("left", 5, LEFT, duration),
    Column("right", 5, "reward/accuracy", "{:.3f}".format),
    Column("solved", 6, "reward/solved", "{:.3f}".format),
    Column("reward", 6, "reward/mean", "{:.3f}".format),
    Column("cut", 4, "completion/truncated", share),
    Column("length", 6, "completion/mean_tokens", "{:.1f}".format),
    Column("tok/s", 6, "throughput/sampled_tokens_per_s", "{:,.0f}".format),
)
REWARD_MODEL_COLUMNS = (
    Column("left", 5, LEFT, duration),
    Column("epoch", 6, "data/epoch", "{:.2f}".format),
    Column("loss", 7, "policy/loss", figure),
    Column("acc", 5, "policy/accuracy", "{:.3f}".format),
    Column("held", 7, "heldout/loss", figure),
    Column("h.acc", 5, "heldout/accuracy", "{:.3f}".format),
    Column("margin", 7, "policy/margin", figure),
    Column("grad", 7, "policy/gradient_norm", figure),
    Column("lr", 7, "policy/learning_rate", figure),
    Column("tok/s", 6, "throughput/consumed_tokens_per_s", "{:,.0f}".format),
)


def that_fit(width: int, with_late: bool, columns: Sequence[Column] = COLUMNS) -> list[Column]:
    """The first columns, as many as `width` characters hold, each behind a blank."""
    chosen = []
    for column in columns:
        if column.is_late and not with_late:
            continue
        width -= column.width + 1
        if width < 0:
            break
        chosen.append(column)
    return chosen


def headings(columns: list[Column]) -> str:
    """The line above the figures."""
    return "".join(f" {column.heading:>{column.width}}" for column in columns)


def cells(columns: list[Column], metrics: dict[str, float]) -> str:
    """A step's figures; blank where a step has no such metric, and behind `!` where an alarm is on
    for it (health.py)."""
    return "".join(_cell(column, metrics) for column in columns)


def _cell(column: Column, metrics: dict[str, float]) -> str:
    if column.metric not in metrics:
        return " " * (1 + column.width)
    text = column.show(metrics[column.metric])
    is_alarming = metrics.get(f"alarm/{column.metric.rpartition('/')[2]}")
    return f"{'!' if is_alarming else ' '}{text}".rjust(1 + column.width)
