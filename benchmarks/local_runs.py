"""Runs of the local job with other settings, each a process of its own, and what they measured."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WARM_UP_STEPS = 5
ROLES = ("learner", "rollout", "verifier", "reference")

COMMON = ["loop.evaluate_every=0", "evaluation.final_prompts=16", "evaluation.samples=1"]
CASES = {
    "short": ["sampling.max_tokens=22", "algorithm.kl.coefficient=0"],
    "short_with_reference": ["sampling.max_tokens=22"],
    "long_tail": [
        *("sampling.max_tokens=256", "sampling.temperature=1.5", "model.max_context=320"),
        "algorithm.kl.coefficient=0",
    ],
}


def trained(name: str, settings: list[str], steps: int, directory: Path) -> Path:
    """`rlsys train` on the cached local policy; the run's folder. Exits with the run's output if it
    fails."""
    command = [sys.executable, "-m", "rlsys", "train", "--config", "configs/local.yaml"]
    command += [*settings, f"loop.steps={steps}", f"loop.checkpoint_every={steps}"]
    command += [f"run.name={name}", f"run.directory={directory}"]
    print(f"running {name}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return directory / name


def run(name: str, settings: list[str], steps: int, directory: Path) -> dict[str, float]:
    """Tokens/s, seconds per step and busy shares of a run after its first steps."""
    folder = trained(name, [*COMMON, *settings], steps, directory)
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    # The last step waits for the tail and writes a checkpoint: it is no step like the others.
    rows = [json.loads(line) for line in lines][WARM_UP_STEPS:-1]
    seconds = sum(r["throughput/step_s"] for r in rows)
    busy = {
        f"{role}_busy": sum(r[f"time/{role}/busy"] * r["throughput/step_s"] for r in rows) / seconds
        for role in ROLES
        if f"time/{role}/busy" in rows[0]
    }
    return busy | {
        "tokens_per_s": sum(r["throughput/consumed_tokens"] for r in rows) / seconds,
        "step_s": seconds / len(rows),
        "tokens_per_completion": statistics.mean(r["completion/mean_tokens"] for r in rows),
        "longest_completion": max(r["completion/max_tokens"] for r in rows),
    }


def alternate(
    case: str, modes: dict[str, list[str]], steps: int, repeats: int, directory: Path
) -> dict[str, dict[str, float]]:
    """Every mode's runs of a case, the modes in turn (ABAB); per mode the medians."""
    runs: dict[str, list[dict[str, float]]] = {mode: [] for mode in modes}
    for repeat in range(repeats):
        for mode, settings in modes.items():
            name = f"{case}-{mode}-{repeat}"
            runs[mode].append(run(name, CASES[case] + settings, steps, directory))
    return {
        mode: {key: statistics.median(r[key] for r in rs) for key in rs[0]}
        for mode, rs in runs.items()
    }
