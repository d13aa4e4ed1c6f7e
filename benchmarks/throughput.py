"""Consumed answer tokens per second of the local job, asynchronous against synchronous, or TRL's.

    python benchmarks/throughput.py [--steps 40] [--repeats 2]
    python benchmarks/throughput.py --trl PYTHON [--steps 30] [--repeats 3]

Cases: `short`, 16 prompts x 8 answers of at most 22 tokens, without a reference; and `long_tail`,
where a few answers are ten times as long as most (sampled at temperature 1.5 with a limit of 256
tokens).

Every run is `rlsys train` on the cached local policy. The two modes alternate (ABAB); a mode's
figure is the median over its runs of tokens per second after the first steps. Progress goes to
stderr; the last line of stdout is one JSON object.

With --trl the case `short` runs in turns with TRL's GRPOTrainer (benchmarks/trl_grpo.py), in
float32 and in bfloat16: the same policy, rows and reward, and both cores for each. PYTHON has TRL
beside this project's packages:

    python -m venv --system-site-packages trl && trl/bin/pip install trl==1.16.0
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from local_runs import CASES, ROOT, alternate, run

MODES = {"sync": ["loop.max_staleness=0"], "async": ["loop.max_staleness=2"]}
PRECISIONS = ("float32", "bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--trl", help="a Python that has trl")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="rlsys-throughput-"))
    if arguments.trl:
        found = against_trl(arguments.trl, arguments.steps, arguments.repeats, directory)
        print(json.dumps(found))
        return
    results: dict[str, dict[str, Any]] = {}
    for case in arguments.cases:
        medians = alternate(case, MODES, arguments.steps, arguments.repeats, directory)
        rate = medians["async"]["tokens_per_s"]
        results[case] = medians | {"async_over_sync": rate / medians["sync"]["tokens_per_s"]}
        for mode, figures in medians.items():
            print(f"{case:<22}{mode:<7}" + _shown(figures))
        print(f"{case:<22}async/sync {results[case]['async_over_sync']:.2f}", flush=True)
    print(json.dumps(results))


def against_trl(python: str, steps: int, repeats: int, directory: Path) -> dict[str, Any]:
    """Medians of both sides by precision, and the ratio of their tokens per second."""
    policy, rows = _prepare(directory)
    plugin = ROOT / "benchmarks" / "answered.py"
    settings = [
        *CASES["short"],
        f"model.path={policy}",
        f"data.train={rows}",
        f"verifiers.plugins=[{plugin}]",
        "verifiers.rewards=[{name: answered, weight: 1.0}]",
    ]
    found: dict[str, Any] = {}
    for precision in PRECISIONS:
        roles = [f"{role}.dtype={precision}" for role in ("learner", "rollout")]
        runs: dict[str, list[dict[str, float]]] = {"rlsys": [], "trl": []}
        for repeat in range(repeats):
            name = f"{precision}-{repeat}"
            runs["rlsys"].append(run(name, [*settings, *roles], steps, directory))
            runs["trl"].append(_trl(python, policy, rows, precision, steps))
            for side, own in runs.items():
                print(f"{precision:<10}{side:<7}" + _shown(own[-1]), flush=True)
        rates = {
            side: statistics.median(one["tokens_per_s"] for one in own)
            for side, own in runs.items()
        }
        ratio = rates["rlsys"] / rates["trl"]
        found[precision] = {"runs": runs, "tokens_per_s": rates, "ratio": ratio}
        print(f"{precision:<10}rlsys/trl {ratio:.2f}", flush=True)
    return found


def _prepare(directory: Path) -> tuple[str, Path]:
    """The local policy's folder, and the rows of its task as a file."""
    from rlsys.config.load import CONFIGS, load
    from rlsys.data.generated import generated_rows
    from rlsys.local_policy.policy import prepare_local_policy

    config = load(CONFIGS / "local.yaml")
    cache = Path(config.model.cache).expanduser()
    policy = prepare_local_policy(config.model.local, cache, config.run.seed, print)
    rows = directory / "rows.jsonl"
    with rows.open("w", encoding="utf-8") as file:
        for row in generated_rows(1, config.run.seed).train:
            asked = {"question": row.messages[0]["content"], "answer": row.expected}
            file.write(json.dumps(asked) + "\n")
    return str(policy), rows


def _trl(python: str, policy: str, rows: Path, precision: str, steps: int) -> dict[str, float]:
    """A run of TRL's in a process of its own."""
    script = str(ROOT / "benchmarks" / "trl_grpo.py")
    variables = {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    print(f"running trl {precision}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [python, script, policy, str(rows), precision, str(steps)],
        env=os.environ | variables,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"trl failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _shown(figures: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.2f}" for name, value in figures.items())


if __name__ == "__main__":
    main()
