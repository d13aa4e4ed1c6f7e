"""Folders of runs that never ran: noise around figures as a local run has them, and a fault."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rlsys.disk import write_table
from rlsys.learning.join import samples_table
from rlsys.roles import ROLLOUT, VERIFIER
from tests.helpers import batches
from tests.helpers.reported_run import make_run

GROUPS, SIZE = 16, 8


@dataclass(frozen=True)
class World:
    """What a step's figures are made of."""

    right: float = 0.6
    """Chance that a completion is; it grows by `slope` a step until the fault."""
    slope: float = 0.004
    reason: str = "answer '7' read as 7, expected 9"
    """Of what is wrong."""
    source: str = "easy"
    asked: str = "1+1=?"
    tokens: float = 20.0
    learning_rate: float = 1e-4
    kl: float = 0.02
    gradient: float = 0.5
    infrastructure: float = 0.0
    """Chance of no verdict."""
    bad_worker: bool = False
    """Whether nothing is right that rollout-1 samples; it samples every other group."""


def faulty_run(
    folder: Path, before: World, after: World, at: int, steps: int = 40, seed: int = 0
) -> Path:
    """A run whose world is another from step `at` on."""
    random = np.random.default_rng(seed)
    lines = []
    run = make_run(folder, [])
    for step in range(1, steps + 1):
        world = before if step < at else after
        chance = min(0.95, world.right + world.slope * min(step, at))
        rows = _rows(world, chance, random)
        lines.append(_metrics(step, world, rows, random))
        write_table(_samples(step, world, rows), run / "samples" / f"step-{step:06d}.parquet")
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return run


def _rows(world: World, chance: float, random: np.random.Generator) -> list[dict[str, Any]]:
    """Completions; those of a prompt are as easy as it is."""
    rows = []
    for group in range(GROUPS):
        worker = f"rollout-{group % 2}"
        own = np.clip(chance + random.normal(0, 0.2), 0, 1)
        for _ in range(SIZE):
            none, right = random.random() < world.infrastructure, random.random() < own
            right = right and not (world.bad_worker and worker == "rollout-1")
            status = "infrastructure" if none else "correct" if right else "wrong"
            length = max(1, round(random.normal(world.tokens, 4)))
            rows.append({"status": status, "length": length, "worker": worker})
    return rows


def _metrics(
    step: int, world: World, rows: list[dict[str, Any]], random: np.random.Generator
) -> dict[str, Any]:
    def about(value: float, noise: float = 0.1) -> float:
        return float(value * (1 + random.normal(0, noise)))

    graded = [row["status"] == "correct" for row in rows if row["status"] != "infrastructure"]
    shares = {
        f"status/{status}": float(np.mean([row["status"] == status for row in rows]))
        for status in ("correct", "wrong", "infrastructure")
    }
    return {
        "step": step,
        "reward/mean": float(np.mean(graded)),
        "reward/missing": shares["status/infrastructure"],
        **shares,
        "completion/mean_tokens": float(np.mean([row["length"] for row in rows])),
        "completion/truncated": 0.0,
        "completion/reward_per_token": float(np.sum(graded) / sum(row["length"] for row in rows)),
        "policy/learning_rate": world.learning_rate,
        "policy/kl": about(world.kl),
        "policy/gradient_norm": about(world.gradient),
        "policy/entropy": about(0.15),
        "policy/effective_sample_size": about(0.97, 0.005),
        "staleness/mean": about(1.5),
        "throughput/step_s": 2.0,
        "weights/pause_s": about(0.05, 0.3),
    }


def _samples(step: int, world: World, rows: list[dict[str, Any]]) -> pa.Table:
    groups = []
    for number in range(GROUPS):
        own = rows[number * SIZE : (number + 1) * SIZE]
        group_id = step * 100 + number
        sampled = batches.rollouts(group_id, [[5] * row["length"] for row in own])
        rewards = {"correct": 1.0, "wrong": 0.0, "infrastructure": None}
        graded = batches.grades(group_id, [rewards[row["status"]] for row in own])
        reasons = [world.reason if row["status"] == "wrong" else "" for row in own]
        sampled = _with(
            sampled,
            source=[world.source] * SIZE,
            prompt_text=[world.asked] * SIZE,
            worker=[row["worker"] for row in own],
        )
        graded = _with(graded, status=[row["status"] for row in own], reason=reasons)
        groups.append({ROLLOUT: sampled, VERIFIER: graded})
    return samples_table(groups, step)


def _with(batch: pa.RecordBatch, **columns: list[str]) -> pa.RecordBatch:
    """Other texts in these columns."""
    for name, values in columns.items():
        at = batch.schema.names.index(name)
        batch = batch.set_column(at, batch.schema.field(name), pa.array(values))
    return batch
