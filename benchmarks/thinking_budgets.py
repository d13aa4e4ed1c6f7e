"""Does it pay to train a policy under thinking budgets, and to tell it the budget?

    python benchmarks/thinking_budgets.py --directory runs/thinking-budgets \\
        --plot docs/images/thinking_budgets.svg [loop.steps=40]

Trains one policy by configs/thinking.yaml in three ways, with two seeds each, and evaluates every
result, and the policy that all began as, under enforced budgets:

    told   each problem has a budget, enforced and said in the prompt
    cut    each problem has a budget, enforced and not said
    free   no budgets

Runs and answers that --directory holds already are not made again, so --ways and --seeds may do a
part of it at a time. Prints Pass@1 for each budget, the mean over seeds, and what telling gives
over each other way with the paired permutation test of `rlsys compare`. The last line is one JSON
object.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from rlsys.evaluation.compare import read_result
from rlsys.evaluation.estimators import Interval, mean_with_interval, paired_difference
from rlsys.local_policy.resolve import settings_for

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs" / "thinking.yaml"
UNTOLD = "thinking.in_prompt=false"
WAYS = {
    "told": [],
    "cut": [UNTOLD],
    "free": [UNTOLD, "thinking.budgets=none", "thinking.no_think_share=0"],
}
WARM = "warm start"
BUDGETS = "0,6,9,13,18,24,32,40"
QUICK = ["loop.evaluate_every=0", "evaluation.final_prompts=16", "evaluation.samples=1"]
"""What the runs learned is measured here, not by their own held-out checks."""
LINE = "[{budget}]"
"""As configs/thinking.yaml says it."""

Rates = dict[int, dict[str, float]]
"""Budget to problem to the share of right answers."""


def rlsys(*arguments: str) -> None:
    """A command of rlsys; exits with its output if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "rlsys", *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"rlsys {arguments[0]} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")


def train(way: str, seed: int, policy: str, directory: Path, overrides: list[str]) -> Path:
    """Train once, unless the run is there already; returns its folder."""
    folder = directory / f"{way}-{seed}"
    if not (folder / "summary.json").exists():
        print(f"training {folder}", file=sys.stderr, flush=True)
        named = [f"run.name={folder.name}", f"run.directory={directory}", f"run.seed={seed}"]
        rlsys(
            *("train", "--config", str(CONFIG), f"model.path={policy}"),
            *(*named, *QUICK, *WAYS[way], *overrides),
        )
    return folder


def evaluate(model: str, told: bool, out: Path) -> Rates:
    """Pass@1 of each problem under each budget; what is sampled already is kept."""
    if not (out / "results.json").exists():
        print(f"evaluating {model}", file=sys.stderr, flush=True)
        rlsys(
            *("eval", model, "--config", str(CONFIG), "--out", str(out)),
            *("--samples", "4", "--temperatures", "1.0", "--limit", "128", "--budgets", BUDGETS),
            *(("--instruction", LINE) if told else ()),
        )
    return {r["budget"]: r["rates"] for r in read_result(out)["results"]}


def pooled(runs: list[Rates]) -> Rates:
    """The mean over seeds, problem by problem."""
    return {
        budget: {p: float(np.mean([run[budget][p] for run in runs])) for p in rates}
        for budget, rates in runs[0].items()
    }


def row(budget: int, rates: dict[str, Rates]) -> str:
    """A line of the table."""
    cells = [f"{budget}"]
    cells += [str(mean_with_interval(values(one, budget))) for one in rates.values()]
    for other in others(rates):
        d = paired_difference(values(rates[other], budget), values(rates["told"], budget))
        cells.append(f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}], p {d.p_value:.4f}")
    return "| " + " | ".join(cells) + " |"


def others(rates: dict[str, Rates]) -> list[str]:
    """What `told` is compared with."""
    return [name for name in rates if name != "told"] if "told" in rates else []


def values(rates: Rates, budget: int) -> np.ndarray:
    """[P] shares of right answers, the problems in one order."""
    return np.array([rate for _, rate in sorted(rates[budget].items())])


def plot(rates: dict[str, Rates], runs: dict[str, list[Rates]], path: Path) -> None:
    """One line for each way with its interval over problems, and a dot for each seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 4))
    for name, one in rates.items():
        budgets = sorted(one)
        found: list[Interval] = [mean_with_interval(values(one, b)) for b in budgets]
        style = "--" if name == WARM else "-"
        (line,) = axis.plot(budgets, [i.mean for i in found], style, label=name, linewidth=1.6)
        axis.fill_between(
            budgets, [i.low for i in found], [i.high for i in found], alpha=0.12, linewidth=0
        )
        for run in runs[name] if len(runs[name]) > 1 else []:
            means = [float(values(run, b).mean()) for b in budgets]
            axis.plot(budgets, means, ".", color=line.get_color(), markersize=5)
    axis.set_xlabel("thinking budget, tokens")
    axis.set_ylabel("Pass@1, 95 % interval over problems")
    axis.set_ylim(0, 1)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, required=True, help="where the runs are kept")
    parser.add_argument("--ways", default=",".join(WAYS), help="separated by commas")
    parser.add_argument("--seeds", default="0,1", help="separated by commas")
    parser.add_argument("--plot", type=Path, default=None, help="an .svg or .png file to write")
    parser.add_argument("overrides", nargs="*", help="section.key=value for every training")
    arguments = parser.parse_args()
    directory = arguments.directory.resolve()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    policy = settings_for("local", CONFIG, [], lambda line: print(line, file=sys.stderr)).model.path
    runs: dict[str, list[Rates]] = {}
    for way in arguments.ways.split(","):
        runs[way] = []
        for seed in seeds:
            folder = train(way, seed, policy, directory, arguments.overrides)
            out = directory / f"eval-{way}-{seed}"
            runs[way].append(evaluate(str(folder), way == "told", out))
    runs[WARM] = [evaluate(policy, True, directory / "eval-warm")]
    rates = {name: pooled(found) for name, found in runs.items()}
    head = ["budget", *rates, *(f"told - {other}" for other in others(rates))]
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for budget in sorted(rates[WARM]):
        print(row(budget, rates), flush=True)
    if arguments.plot:
        plot(rates, runs, arguments.plot)
    result: dict[str, Any] = {
        name: {b: [float(values(run, b).mean()) for run in found] for b in found[0]}
        for name, found in runs.items()
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
