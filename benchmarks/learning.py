"""Does it learn? Runs the local task for each preset and seed and prints held-out pass@1.

    python benchmarks/learning.py --presets grpo dapo ppo --seeds 0 1 2

Each run is `rlsys train --config configs/local.yaml algorithm=PRESET run.seed=SEED`, one after the
other. Progress goes to stderr; the last line of stdout is one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ["grpo", "dapo", "dr_grpo", "gspo", "cispo", "rloo", "decoupled_ppo", "ppo"]


def run(preset: str, seed: int, directory: Path, overrides: list[str]) -> dict[str, Any]:
    """Train once; returns the run's summary, or the end of its output when it failed."""
    name = f"{preset}-{seed}"
    command = [sys.executable, "-m", "rlsys", "train", "--config", "configs/local.yaml"]
    command += [f"algorithm={preset}", f"run.seed={seed}", f"run.name={name}"]
    command += [f"run.directory={directory}", *overrides]
    done = subprocess.run(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        return {"failed": done.stdout[-2000:]}
    return json.loads((directory / name / "summary.json").read_text())


def row(preset: str, seed: int, summary: dict[str, Any]) -> str:
    """One line of the Markdown table."""
    if "failed" in summary:
        return f"| {preset} | {seed} | failed | | | | |"
    before, after = summary["pass_at_1_before"], summary["pass_at_1_after"]
    low, high = summary["pass_at_1_after_interval"]
    return (
        f"| {preset} | {seed} | {before:.3f} | {after:.3f} [{low:.3f}, {high:.3f}] | "
        f"{after - before:+.3f} | {summary['steps']} | {summary['train_s']:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--directory", type=Path, default=None, help="where the runs are kept")
    parser.add_argument("overrides", nargs="*", help="section.key=value for every run")
    arguments = parser.parse_args()
    directory = arguments.directory or Path(tempfile.mkdtemp(prefix="rlsys-learning-"))
    results: dict[str, dict[str, Any]] = {}
    print("| preset | seed | pass@1 before | after | gain | steps | training s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for seed in arguments.seeds:
        for preset in arguments.presets:
            print(f"running {preset}, seed {seed} in {directory}", file=sys.stderr, flush=True)
            summary = run(preset, seed, directory, arguments.overrides)
            print(row(preset, seed, summary), flush=True)
            if "failed" in summary:
                print(summary["failed"], file=sys.stderr)
            results[f"{preset}-{seed}"] = {
                key: summary.get(key)
                for key in ("pass_at_1_before", "pass_at_1_after", "steps", "train_s", "wall_s")
            }
    print(json.dumps({"runs": results}))


if __name__ == "__main__":
    main()
