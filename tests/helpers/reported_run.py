"""A run's folder as a driver leaves it, for reports."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from rlsys.disk import write_table
from rlsys.evaluation.curve import Curve
from rlsys.evaluation.heldout import HeldOut
from rlsys.learning.join import HELD_OUT, TRAIN, samples_table
from rlsys.roles import ROLLOUT, VERIFIER
from tests.helpers import batches

ROLES = {"rollout": ("slots", 0.9), "learner": ("ready groups", 0.4), "driver": ("learner", 0.1)}


def metrics(step: int, **more: float) -> dict[str, Any]:
    """A step of two seconds; each of ROLES is busy for its share, and waits for one thing."""
    line: dict[str, Any] = {
        "step": step,
        "time": 1.7e9 + 2 * step,
        "reward/mean": step / 10,
        "reward/accuracy": step / 20,
        "reward/format": 1.0,
        "status/correct": 0.5,
        "policy/kl": 0.01 * step,
        "completion/mean_tokens": 20.0,
        "throughput/step_s": 2.0,
        "throughput/consumed_tokens": 100.0,
        "alarm/kl": 0.0,
    }
    for role, (wait, busy) in ROLES.items():
        line |= {f"time/{role}/busy": busy, f"time/{role}/{wait}": 1 - busy}
    return line | more


def make_run(
    folder: Path,
    lines: list[dict[str, Any]],
    rates: dict[int, list[float]] | None = None,
    settings: str = "",
) -> Path:
    """Without samples.

    Args:
        rates: of each held-out prompt, by step.
        settings: more YAML for config.yaml.
    """
    folder.mkdir(parents=True)
    config = f"loop:\n  steps: 4\n  max_staleness: 2\n{settings}"
    (folder / "config.yaml").write_text(config)
    (folder / "lock").write_text("process 1 on host\n")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    curve = Curve(folder)
    for step, of_prompts in (rates or {}).items():
        mean = sum(of_prompts) / len(of_prompts)
        named = {f"p{i}": rate for i, rate in enumerate(of_prompts)}
        about = (max(0.0, mean - 0.1), min(1.0, mean + 0.1), len(named), 4, 20.0, 0.0)
        curve.add(HeldOut(step, mean, *about, versions=(step, step), rates=named))
    return folder


def write_samples(
    folder: Path,
    step: int,
    groups: int = 2,
    text: str = "1",
    heldout: bool = False,
    dropped: str = "",
    **columns: str,
) -> None:
    """Groups of two completions each, one right and one wrong; all have the same text.

    Args:
        dropped: why they were.
        columns: other texts of every row, by the column's name.
    """
    made = [
        {
            ROLLOUT: batches.rollouts(step * 100 + i, [[5, 6, 7], [5, 8]]),
            VERIFIER: batches.grades(step * 100 + i, [1.0, 0.0]),
        }
        for i in range(groups)
    ]
    reasons = [dropped] * groups if dropped else ()
    table = samples_table(made, step, HELD_OUT if heldout else TRAIN, reasons)
    for name, value in {"text": text, **columns}.items():
        values = pa.array([value] * table.num_rows, type=pa.string())
        table = table.set_column(table.column_names.index(name), name, values)
    place = "heldout/" if heldout else "dropped/" if dropped else ""
    write_table(table, folder / "samples" / f"{place}step-{step:06d}.parquet")


def cut_in_half(path: Path) -> None:
    """As a copy leaves a file that was ended early."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
