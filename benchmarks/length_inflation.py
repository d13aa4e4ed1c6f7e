"""Do answers grow longer under GRPO's 1/|o|? One policy, three denominators, four curves.

    python benchmarks/length_inflation.py --plot docs/images/length_inflation.svg [loop.steps=40]
    python benchmarks/length_inflation.py --config configs/world.yaml    # chains that can be padded

Trains a config's policy (on the local job's sums, unless --config says otherwise) with the `grpo`
preset without its KL term, and with the denominator of GRPO (sequence_mean), DAPO (token_mean) and
Dr. GRPO (constant) in turn; nothing else differs. AdamW does not see the scale of a loss, so what
differs is how tokens are weighed against each other. Runs that --directory holds already are read
and not run again. Prints a table of the first and last five steps. The last line is one JSON
object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
DENOMINATORS = {"GRPO": "sequence_mean", "DAPO": "token_mean", "Dr. GRPO": "constant"}
CURVES = {
    "completion/mean_tokens_right": "tokens of right answers",
    "completion/mean_tokens_wrong": "tokens of wrong answers",
    "completion/reward_per_token": "reward per token",
    "completion/truncated": "share of answers cut off",
    "reward/accuracy": "training pass@1",
}


def run(
    name: str, config: str, aggregation: str, directory: Path, overrides: list[str]
) -> list[dict[str, Any]]:
    """Train once, unless the run is there already; returns the metrics of every step."""
    if (directory / aggregation / "summary.json").exists():
        return read(directory / aggregation)
    command = [sys.executable, "-m", "rlsys", "train", "--config", config]
    command += [f"algorithm.loss.aggregation={aggregation}", "algorithm.kl.coefficient=0"]
    command += [f"run.name={aggregation}", f"run.directory={directory}", *overrides]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return read(directory / aggregation)


def read(folder: Path) -> list[dict[str, Any]]:
    """The metrics of a run's steps."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def series(rows: list[dict[str, Any]], metric: str) -> np.ndarray:
    """[steps] one metric; NaN where a step has none (no answer was right, or none wrong)."""
    return np.array([row.get(metric, np.nan) for row in rows], dtype=float)


def plot(runs: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """One panel per curve, one line per denominator: means over five steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(CURVES), figsize=(3.2 * len(CURVES), 2.8))
    for axis, (metric, title) in zip(axes, CURVES.items(), strict=True):
        for name, rows in runs.items():
            values = series(rows, metric)
            smooth = [np.nanmean(values[max(0, i - 4) : i + 1]) for i in range(len(values))]
            axis.plot(range(1, len(values) + 1), smooth, label=name, linewidth=1.4)
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/local.yaml", help="what is trained")
    parser.add_argument("--directory", type=Path, default=None, help="where the runs are kept")
    parser.add_argument("--only", choices=list(DENOMINATORS), help="run one, not all three")
    parser.add_argument("--plot", type=Path, default=None, help="an .svg or .png file to write")
    parser.add_argument("overrides", nargs="*", help="section.key=value for every run")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="rlsys-length-"))
    runs = {}
    for name in [arguments.only] if arguments.only else list(DENOMINATORS):
        aggregation = DENOMINATORS[name]
        print(f"running {name} in {directory}", file=sys.stderr, flush=True)
        runs[name] = run(name, arguments.config, aggregation, directory, arguments.overrides)
    print("| denominator | " + " | ".join(CURVES.values()) + " | steps with the alarm on |")
    print("|---|" + "---|" * (len(CURVES) + 1))
    results: dict[str, dict[str, Any]] = {}
    for name, rows in runs.items():
        ends = {
            metric: [float(np.nanmean(part)) for part in (values[:5], values[-5:])]
            for metric, values in ((m, series(rows, m)) for m in CURVES)
        }
        alarms = int(np.nansum(series(rows, "alarm/length_inflation")))
        cells = [f"{first:.3g} to {last:.3g}" for first, last in ends.values()]
        print(f"| {name} | " + " | ".join(cells) + f" | {alarms} |", flush=True)
        results[name] = {**ends, "alarm_steps": alarms, "steps": len(rows)}
    if arguments.plot:
        plot(runs, arguments.plot)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
