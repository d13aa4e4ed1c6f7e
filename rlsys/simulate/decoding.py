"""How fast a run's samplers decoded, from what it left.

A run whose engines recorded their steps has the law in its metrics (rlsys/sampling/step_law.py),
of an engine that has a core to itself. Without it the law is guessed: what a decoding step
took in each of the run's steps is sampled_s of its groups over their longest completions, and its
sequences follow from the tokens that were made meanwhile.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from rlsys.config.run import RunConfig
from rlsys.disk import parquet_errors
from rlsys.loop.ahead import first_bound
from rlsys.run.folder import SAMPLES
from rlsys.simulate.sampler import SamplerLaw

_WIDE = 2.0
"""From this largest over the smallest on, points tell a line's slope through their noise."""
_FIXED = 0.5
"""Share of a decoding step where they do not: it reads the weights once and computes each of its
sequences, about the same at usual batches."""
_PARTS = 4
"""Of a run, whose means say how a sampler's steps differ: single ones differ by which groups they
happened to wait for."""


def recorded(rows: Sequence[dict[str, Any]], config: RunConfig) -> SamplerLaw | None:
    """The law of the newest step that has one; None: no step has."""
    for row in reversed(rows):
        if "sampler/step_s" in row:
            step_s, sequence_s = row["sampler/step_s"], row["sampler/sequence_s"]
            places = config.rollout.sequences_at_once
            return SamplerLaw(step_s, sequence_s, places, row["sampler/begin_s"])
    return None


def guessed(
    folder: Path, rows: Sequence[dict[str, Any]], busy_s: np.ndarray, config: RunConfig
) -> SamplerLaw:
    """A law that explains how long completions took.

    Args:
        rows: the run's metrics.
        busy_s: [rows] that the samplers worked in each; some of these steps left samples.
    """
    decode_s, at_once = [], []
    for row, busy in zip(rows, busy_s, strict=True):
        path = folder / SAMPLES / f"step-{row['step']:06d}.parquet"
        if not path.exists():
            continue
        with parquet_errors(path):
            table = pq.read_table(path, columns=["group_id", "token_ids", "sampled_s"])
        found = np.array([len(ids) for ids in table["token_ids"].to_pylist()])
        group, seconds = table["group_id"].to_numpy(), table["sampled_s"].to_numpy()
        groups = np.unique(group)
        each = [seconds[group == g].max() / found[group == g].max() for g in groups]
        # The quicker groups: others waited for a place in a full sampler first.
        took = float(np.quantile(each, 0.25))
        decode_s.append(took)
        made = row["throughput/consumed_tokens"]
        at_once.append(min(made * took / max(busy, 1e-9), config.rollout.sequences_at_once))
    # In the last ones nothing new was begun: samplers that stand still say nothing of a full batch.
    steady = max(1, len(at_once) - first_bound(config.loop))
    step_s, sequence_s = line(_parts(at_once[:steady]), _parts(decode_s[:steady]), _FIXED)
    return SamplerLaw(step_s, sequence_s, config.rollout.sequences_at_once)


def line(x: np.ndarray, y: np.ndarray, fixed: float) -> tuple[float, float]:
    """a and b, both at least 0, of the y = a + b x that is nearest to the points.

    Args:
        fixed: a's share of the mean of y, where x is much the same in all points: then they say
            nothing of it.
    """
    if x.max() >= _WIDE * x.min():
        slope, start = np.polyfit(x, y, 1)
        if slope >= 0 and start >= 0:
            return float(start), float(slope)
        if slope >= 0:
            return 0.0, float((x * y).sum() / (x * x).sum())
        fixed = 1.0
    mean = float(y.mean())
    return fixed * mean, (1 - fixed) * mean / float(x.mean())


def _parts(values: Sequence[float]) -> np.ndarray:
    """Means of the parts of a run."""
    parts = np.array_split(np.array(values), min(_PARTS, len(values)))
    return np.array([part.mean() for part in parts])
