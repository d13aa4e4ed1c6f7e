"""Every figure of a run, one number a step: its metrics, and shares that only its samples can say.

    reward/mean, policy/kl, ...            metrics.jsonl
    reason/answer 'x' as expected          share of a step's completions with that reason
    source/gsm8k                           share of prompts of that source
    worker/rollout-1                       mean reward of what it sampled
    ended/length                           share that ended so
    prompt/characters, prompt/difficulty   means

A reason's numbers and quoted parts are left out, so that those of one kind are counted together.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from rlsys.disk import parquet_errors
from rlsys.run.folder import SAMPLES

_COLUMNS = (
    "group_id",
    "sample_index",
    "source",
    "prompt_text",
    "difficulty",
    "text",
    "token_ids",
    "reward",
    "status",
    "reason",
    "components",
    "finish_reason",
    "worker",
)
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|-?\d[\d.,/]*")
_MOST = 40
"""Values of a column that are followed; of rare ones no step says anything."""
_QUIET_GROUPS = ("time", "alarm", "step")
"""Groups of metrics that follow from others."""
_SO_FAR = ("sampler/step_s", "sampler/sequence_s", "sampler/begin_s")
"""Metrics of all steps so far: one settles, and says nothing of the step it stands at."""

Row = dict[str, Any]


@dataclass
class Figures:
    """Of the steps of two windows."""

    steps: list[int]
    values: dict[str, list[float]] = field(default_factory=dict)
    """[steps] each, NaN where a step has none."""
    shows: dict[str, Callable[[Row], float]] = field(default_factory=dict)
    """By figure: how well a completion shows it where it is high; 0: not at all."""
    rows: dict[int, list[Row]] = field(default_factory=dict)
    """Completions that were trained, by step."""
    workers: int = 0
    """That sampled them."""

    def add_metrics(self, lines: Mapping[int, Mapping[str, float]]) -> None:
        """All of metrics.jsonl but what follows from others."""
        names = dict.fromkeys(name for step in self.steps for name in lines.get(step, {}))
        for name in names:
            if name.partition("/")[0] not in _QUIET_GROUPS and name not in _SO_FAR:
                own = [lines.get(step, {}).get(name, np.nan) for step in self.steps]
                self.values[name] = own

    def add_samples(self, folder: Path) -> None:
        """Shares of what the steps' completions have in common."""
        for step in self.steps:
            path = folder / SAMPLES / f"step-{step:06d}.parquet"
            if path.exists():
                with parquet_errors(path):
                    there = pq.read_schema(path).names
                    columns = [name for name in _COLUMNS if name in there]
                    self.rows[step] = pq.read_table(path, columns=columns).to_pylist()
        for prefix, of in _SHARES.items():
            self._add_shares(prefix, of)
        for name, number in _NUMBERS.items():
            self.values[name] = [self._mean(step, number) for step in self.steps]
        self._add_workers()
        self._add_metrics_examples()

    def _add_shares(self, prefix: str, of: Callable[[Row], str]) -> None:
        counts: dict[str, int] = defaultdict(int)
        for rows in self.rows.values():
            for row in rows:
                counts[of(row)] += 1
        for value in sorted(counts, key=lambda one: -counts[one])[:_MOST]:
            if len(counts) == 1:
                break
            name, is_it = f"{prefix}/{value}", _equals(of, value)
            self.values[name] = [self._mean(step, is_it) for step in self.steps]
            self.shows[name] = is_it

    def _add_workers(self) -> None:
        workers = sorted({row["worker"] for rows in self.rows.values() for row in rows})
        self.workers = len(workers)
        for worker in workers if len(workers) > 1 else ():
            name, reward = f"worker/{worker}", partial(_reward_of, worker)
            self.values[name] = [self._mean(step, reward) for step in self.steps]
            self.shows[name] = _equals(_worker_of, worker)

    def _add_metrics_examples(self) -> None:
        for name in self.values:
            group, _, rest = name.partition("/")
            if group == "status":
                self.shows[name] = _equals(lambda row: str(row["status"]), rest)
            elif group == "completion" and rest in ("mean_tokens", "max_tokens"):
                self.shows[name] = lambda row: float(len(row["token_ids"]))
            elif name == "completion/truncated":
                self.shows[name] = lambda row: float(row["finish_reason"] == "length")

    def _mean(self, step: int, of: Callable[[Row], float]) -> float:
        known = [value for row in self.rows.get(step, ()) if np.isfinite(value := of(row))]
        return float(np.mean(known)) if known else np.nan

    def examples(self, name: str, steps: Sequence[int], most: int) -> list[tuple[int, Row]]:
        """Completions of these steps that show a figure best, each with its step."""
        shows = self.shows.get(name)
        if shows is None:
            return []
        found = [
            (value, step, row)
            for step in steps
            for row in self.rows.get(step, ())
            if (value := shows(row)) > 0
        ]
        found.sort(key=lambda one: (-one[0], one[1], one[2]["group_id"], one[2]["sample_index"]))
        return [(step, row) for _, step, row in found[:most]]


def kind_of(reason: str | None) -> str:
    """A reason without what differs from completion to completion."""
    return " ".join(_VARIABLE.sub("#", reason or "none").split())[:100]


def _equals(of: Callable[[Row], str], value: str) -> Callable[[Row], float]:
    return lambda row: float(of(row) == value)


def _worker_of(row: Row) -> str:
    return str(row["worker"])


def _reward_of(worker: str, row: Row) -> float:
    reward = row["reward"]
    return float(reward) if row["worker"] == worker and reward is not None else np.nan


_SHARES: dict[str, Callable[[Row], str]] = {
    "reason": lambda row: kind_of(row["reason"]),
    "source": lambda row: row["source"] or "none",
    "ended": lambda row: row["finish_reason"],
}
_NUMBERS: dict[str, Callable[[Row], float]] = {
    "prompt/characters": lambda row: float(len(row["prompt_text"])),
    "prompt/difficulty": lambda row: (
        np.nan if row["difficulty"] is None else float(row["difficulty"])
    ),
}
