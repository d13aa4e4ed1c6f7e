"""A result as a folder: results.md, results.json and plots/*.png."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from rlsys.disk import replace_text
from rlsys.evaluation.estimators import Interval
from rlsys.evaluation.results import Result
from rlsys.thinking.usage import Price, total

if TYPE_CHECKING:
    from matplotlib.axes import Axes


TABLE = "results.json"
_CUT_OFF = 0.9
"""Share of the completions from which on the figures say little of the model."""


def write(
    folder: Path,
    model: str,
    context: int,
    results: Sequence[Result],
    price: Price,
    caveat: str = "",
) -> None:
    """Tables and plots.

    Args:
        context: the model's context window, tokens.
        caveat: of rlsys.evaluation.repeats.
    """
    content = {
        "model": model,
        "context": context,
        "repeats": not caveat,
        "results": [
            r.to_dict()
            | {
                "cost_usd": price.cost(r.usage),
                "thinking_share_of_context": r.usage.thinking_share(context),
            }
            for r in results
        ],
    }
    replace_text(folder / TABLE, json.dumps(content, indent=1) + "\n")
    (folder / "results.md").write_text(table(model, context, results, price, caveat))
    plot(folder / "plots", results)


def table(
    model: str, context: int, results: Sequence[Result], price: Price, caveat: str = ""
) -> str:
    """The figures as Markdown."""
    lines = [
        f"# {model}",
        "",
        *([caveat + ".", ""] if caveat else []),
        "Means over problems with their 95 % bootstrap intervals; thinking and answer in tokens "
        "per completion.",
        "",
        "| benchmark | setting | problems | n | Pass@1 | Pass@n | Cons@n | cut off | thinking "
        "| answer | thinking / context | cost, $ |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        answer = r.usage.answer_tokens / r.usage.requests
        lines.append(
            f"| {r.benchmark} | {r.setting.name} | {r.problems} | {r.setting.samples} "
            f"| {_at(r.pass_at, 1)} | {_at(r.pass_at, r.setting.samples)} "
            f"| {_at(r.cons_at, r.setting.samples)} | {r.truncated:.1%} "
            f"| {r.mean_thinking:,.0f} | {answer:,.0f} "
            f"| {r.usage.thinking_share(context):.1%} | {price.cost(r.usage):.4f} |"
        )
    lines += ["", *_marks(results)] if any(r.marks for r in results) else []
    used = total(r.usage for r in results)
    lines += [
        "",
        f"All: {used.requests:,} completions, {used.prompt_tokens:,} prompt tokens, "
        f"{used.thinking_tokens:,} thinking tokens, {used.answer_tokens:,} answer tokens; "
        f"${price.cost(used):.4f} (thinking is billed as output).",
    ]
    if said := remarks(results):
        lines += ["", *said]
    return "\n".join(lines) + "\n"


def _marks(results: Sequence[Result]) -> list[str]:
    """What else is known of the completions, a line a benchmark and setting."""
    return [
        f"{r.key}: {', '.join(f'{name} {value}' for name, value in r.marks.items())}"
        for r in results
        if r.marks
    ]


def summary(results: Sequence[Result]) -> Table:
    """The figures that fit a terminal; the rest is in results.md."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("benchmark", "setting", "n", "Pass@1", "Pass@n", "Cons@n", "thinking"):
        shown.add_column(heading, justify="left" if heading == "benchmark" else "right")
    for r in results:
        last = r.setting.samples
        shown.add_row(
            r.benchmark,
            r.setting.name,
            str(last),
            _at(r.pass_at, 1),
            f"{r.pass_at[last].mean:.3f}" if last in r.pass_at else "-",
            f"{r.cons_at[last].mean:.3f}" if last in r.cons_at else "-",
            f"{r.mean_thinking:,.0f}",
        )
    return shown


def remarks(results: Sequence[Result]) -> list[str]:
    """What a reader of the figures has to know beside them."""
    lines = []
    for r in results:
        if r.left_out:
            lines.append(
                f"{r.key}: {r.left_out} problems do not fit the model's context and are left out."
            )
        if r.no_verdict:
            last = r.setting.samples
            whole = r.pass_at[last].problems if last in r.pass_at else 0
            lines.append(
                f"{r.key}: {r.no_verdict} completions could not be graded and count as neither; "
                f"Pass@{last} is of the {whole} of {r.problems} problems that have {last} graded "
                "ones."
            )
        if r.truncated >= _CUT_OFF:
            lines.append(
                f"{r.key}: {r.truncated:.0%} of the completions are cut off at "
                f"{r.setting.max_tokens:,} tokens, before their end; raise --max-tokens, or close "
                "the thinking with --budgets."
            )
    return lines


def _at(values: dict[int, Interval], k: int) -> str:
    return str(values[k]) if k in values else "-"


def plot(folder: Path, results: Sequence[Result]) -> list[Path]:
    """Pass@k and Cons@k against k, accuracy against thinking tokens, length histograms; one figure
    of each kind for each benchmark. Returns the files."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    kinds = {
        "pass_at_k": _plot_pass,
        "cons_at_k": _plot_cons,
        "accuracy_by_thinking": _plot_thinking,
        "lengths": _plot_lengths,
    }
    files = []
    for name in dict.fromkeys(r.benchmark for r in results):
        chosen = [r for r in results if r.benchmark == name]
        for kind, draw in kinds.items():
            figure = Figure(figsize=(6, 4), layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.subplots()
            axes.set_title(name)
            if not draw(axes, chosen):
                continue
            path = folder / f"{name}-{kind}.png"
            figure.savefig(path, dpi=120)
            files.append(path)
    return files


def _plot_pass(axes: Axes, results: Sequence[Result]) -> bool:
    return _plot_by_k(axes, [(r.setting.name, r.pass_at) for r in results], "Pass@k")


def _plot_cons(axes: Axes, results: Sequence[Result]) -> bool:
    return _plot_by_k(axes, [(r.setting.name, r.cons_at) for r in results], "Cons@k")


def _plot_by_k(axes: Axes, curves: list[tuple[str, dict[int, Interval]]], label: str) -> bool:
    """One curve for each setting; nothing where no setting has two values of k."""
    drawn = False
    for name, values in curves:
        if len(values) < 2:
            continue
        ks = list(values)
        means = [values[k].mean for k in ks]
        axes.plot(ks, means, marker="o", label=name)
        axes.fill_between(ks, [values[k].low for k in ks], [values[k].high for k in ks], alpha=0.15)
        drawn = True
    if drawn:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_xlabel("k")
        axes.set_ylabel(f"{label}, 95 % interval over problems")
        axes.legend()
    return drawn


def _plot_thinking(axes: Axes, results: Sequence[Result]) -> bool:
    """Pass@1 against thinking tokens, one point for each setting, budgets of a temperature joined.
    Nothing for a single setting."""
    if len(results) < 2:
        return False
    for temperature in dict.fromkeys(r.setting.temperature for r in results):
        chosen = sorted(
            (r for r in results if r.setting.temperature == temperature),
            key=lambda r: r.mean_thinking,
        )
        means = [r.pass_at[1].mean for r in chosen]
        errors = [
            [r.pass_at[1].mean - r.pass_at[1].low for r in chosen],
            [r.pass_at[1].high - r.pass_at[1].mean for r in chosen],
        ]
        axes.errorbar(
            [r.mean_thinking for r in chosen],
            means,
            yerr=errors,
            marker="o",
            capsize=3,
            label=f"t{temperature:g}",
        )
        for r in chosen:
            if r.setting.budget is not None:
                axes.annotate(
                    str(r.setting.budget),
                    (r.mean_thinking, r.pass_at[1].mean),
                    xytext=(5, -12),
                    textcoords="offset points",
                    fontsize=8,
                )
    axes.set_xlabel("thinking tokens per completion (budget beside the point)")
    axes.set_ylabel("Pass@1, 95 % interval over problems")
    axes.legend()
    return True


def _plot_lengths(axes: Axes, results: Sequence[Result]) -> bool:
    right = [n for r in results for n in r.lengths.right.tolist()]
    wrong = [n for r in results for n in r.lengths.wrong.tolist()]
    if not right and not wrong:
        return False
    bins = 40
    axes.hist([right, wrong], bins=bins, stacked=True, label=["right", "wrong"])
    axes.set_xlabel("completion length, tokens, thinking included")
    axes.set_ylabel("completions")
    axes.legend()
    return True
