"""Consumed answer tokens per second of the local job, asynchronous against synchronous.

    python benchmarks/throughput.py [--steps 40] [--repeats 2]

Cases: `short`, 16 prompts x 8 answers of at most 22 tokens, the setting in which synchronous GRPO
in TRL (its own generation, no reference) was seen at 2,750 consumed tokens/s on two such cores;
and `long_tail`, where a few answers are ten times as long as most (sampled at temperature 1.5
with a limit of 256 tokens).

Every run is `rlsys train` on the cached local policy. The two modes alternate (ABAB); a mode's
figure is the median over its runs of tokens per second after the first steps. Progress goes to
stderr; the last line of stdout is one JSON object.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TRL_TOKENS_PER_S = 2750.0
WARM_UP_STEPS = 5

COMMON = ["loop.evaluate_every=0", "evaluation.final_prompts=16", "evaluation.samples=1"]
CASES = {
    "short": ["sampling.max_tokens=22", "algorithm.kl_coefficient=0"],
    "short_with_reference": ["sampling.max_tokens=22"],
    "long_tail": [
        *("sampling.max_tokens=256", "sampling.temperature=1.5", "model.max_context=320"),
        "algorithm.kl_coefficient=0",
    ],
}
MODES = {"sync": "loop.max_staleness=0", "async": "loop.max_staleness=2"}


def run(case: str, mode: str, steps: int, directory: Path) -> dict[str, Any]:
    """One run; tokens/s, seconds per step and busy shares after the first steps."""
    name = f"{case}-{mode}-{len(list(directory.iterdir()))}"
    command = [sys.executable, "-m", "rlsys", "train", "--config", "configs/local.yaml"]
    command += [*COMMON, *CASES[case], MODES[mode], f"loop.steps={steps}"]
    command += [f"loop.checkpoint_every={steps}", f"run.name={name}", f"run.directory={directory}"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    lines = (directory / name / "metrics.jsonl").read_text().splitlines()
    # The last step waits for the tail and writes a checkpoint: it is no step like the others.
    rows = [json.loads(line) for line in lines][WARM_UP_STEPS:-1]
    seconds = sum(r["throughput/step_s"] for r in rows)
    return {
        "tokens_per_s": sum(r["throughput/consumed_tokens"] for r in rows) / seconds,
        "step_s": seconds / len(rows),
        "tokens_per_answer": statistics.mean(r["answer/mean_tokens"] for r in rows),
        "longest_answer": max(r["answer/max_tokens"] for r in rows),
        "learner_busy": statistics.mean(r["time/learner/busy"] for r in rows),
        "rollout_busy": statistics.mean(r["time/rollout/busy"] for r in rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="rlsys-throughput-"))
    results: dict[str, dict[str, Any]] = {}
    for case in arguments.cases:
        runs: dict[str, list[dict[str, Any]]] = {mode: [] for mode in MODES}
        for _ in range(arguments.repeats):
            for mode in MODES:
                print(f"running {case}, {mode}", file=sys.stderr, flush=True)
                runs[mode].append(run(case, mode, arguments.steps, directory))
        medians = {
            mode: {key: statistics.median(r[key] for r in rs) for key in rs[0]}
            for mode, rs in runs.items()
        }
        rate = medians["async"]["tokens_per_s"]
        results[case] = medians | {"async_over_sync": rate / medians["sync"]["tokens_per_s"]}
        if case == "short":
            results[case]["async_over_trl_as_reported"] = rate / TRL_TOKENS_PER_S
        for mode, figures in medians.items():
            print(f"{case:<22}{mode:<7}" + "  ".join(f"{k} {v:.2f}" for k, v in figures.items()))
        print(f"{case:<22}async/sync {results[case]['async_over_sync']:.2f}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
