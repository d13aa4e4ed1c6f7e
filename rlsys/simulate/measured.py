"""Latency laws of a fleet, from what a run of it left.

A run says how long each role worked and on how much; metrics.jsonl and samples/ have it step by
step. The first step is left out: it fills the fleet.

    verifier    seconds worked per completion
    reference   seconds worked per token
    learner     policy/learn_s = fixed + per_token x tokens, by least squares over the steps, where
                these differ enough to tell
    sampler     a decoding step of n sequences takes step_s + n x sequence_s; what one took in a
                step is sampled_s of its groups over their longest completions, and n follows from
                the tokens that the samplers made meanwhile

    driver      seconds worked per step; the learner waits meanwhile

Where members and the driver share the cores of one machine, they were slowed by each other.
`calibrated` takes that out: it looks for the laws with which everybody in the simulated run is as
busy as in the measured one. How long a step took is not used: what the simulation says of it is
foretold, of the run itself, too.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from rlsys.config.run import RunConfig
from rlsys.disk import parquet_errors
from rlsys.errors import ConfigError
from rlsys.loop.ahead import first_bound
from rlsys.roles import DRIVER, LEARNER, REFERENCE, ROLLOUT, VERIFIER
from rlsys.run.folder import METRICS, SAMPLES
from rlsys.simulate.fleet import Costs, Members
from rlsys.simulate.laws import Measured
from rlsys.simulate.overlap import Scenario
from rlsys.simulate.replay import replay
from rlsys.simulate.sampler import SamplerLaw

_LEAST_STEPS = 4
_ROUNDS = 6
"""Of calibration; each takes most of what is left."""
_WIDE = 2.0
"""From this largest over the smallest on, points tell a line's slope through their noise."""
_LEARNER_FIXED, _SAMPLER_FIXED = 0.0, 0.5
"""Where they do not: a learner computes tokens, of which none is for free; a decoding step reads
the weights once and computes each of its sequences, about the same at usual batches."""
_PARTS = 4
"""Of a run, whose means say how a sampler's steps differ: single ones differ by which groups they
happened to wait for."""
_BESIDE = 0.07
"""Measured by processes' CPU time, on a run of configs/local.yaml: of 1.16 s a step 1.07 to
1.10 were in what members and the driver count."""
_LENGTHS = 4096
"""Completions whose lengths stand for all."""


@dataclass(frozen=True)
class Laws:
    """What a fleet's work costs, for any number of members."""

    sampler: SamplerLaw
    lengths: Measured
    costs: Costs
    """With a learner of one rank."""

    def without_reference(self) -> "Laws":
        """Of a fleet in which nobody scores completions under a frozen policy."""
        return replace(self, costs=replace(self.costs, reference_token_s=0.0))

    def scenario(self, config: RunConfig, members: Members, ranks: int) -> Scenario:
        """A fleet of so many members. The learner's ranks share its tokens evenly, and what an
        optimizer step costs beside them stays."""
        costs = replace(self.costs, learn_token_s=self.costs.learn_token_s / ranks)
        loop = config.loop
        sampler = replace(self.sampler, max_sequences=config.rollout.sequences_at_once)
        return Scenario(
            sampler,
            self.lengths,
            costs,
            members,
            loop.groups_per_step,
            loop.group_size,
            loop.groups_per_call,
        )


@dataclass(frozen=True)
class Run:
    """What a run left of its steps; means of a step, seconds and tokens."""

    config: RunConfig
    steps: int
    """All of them."""
    step_s: float
    busy_s: dict[str, float]
    """Per role, of all its members, and the driver's; a sampler that takes new weights works."""
    laws: Laws
    """As measured, slowed by each other where members shared cores."""


def members_of(config: RunConfig, costs: Costs) -> Members:
    """As the settings have them."""
    scorers = config.reference.workers if costs.reference_token_s else 1
    return Members(config.rollout.workers, config.verifiers.workers, scorers)


def read(folder: Path, config: RunConfig) -> Run:
    """What a run of the stage rl was measured at.

    Raises:
        ConfigError: it has too few steps.
    """
    lines = (folder / METRICS).read_text(encoding="utf-8").splitlines() if _has(folder) else []
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("}")]
    if len(rows) < _LEAST_STEPS or "policy/learn_s" not in rows[-1]:
        raise ConfigError(
            f"{folder}: {len(rows)} steps of reinforcement are there to measure, at least "
            f"{_LEAST_STEPS} are needed"
        )
    rows = rows[1:]
    step_s, tokens = _column(rows, "throughput/step_s"), _column(rows, "throughput/consumed_tokens")
    counts = {ROLLOUT: config.rollout.workers, VERIFIER: config.verifiers.workers}
    counts |= {REFERENCE: config.reference.workers, LEARNER: config.learner.ranks, DRIVER: 1}
    busy = {
        role: _column(rows, f"time/{role}/busy") * step_s * count for role, count in counts.items()
    }
    learn_s, pull_s = _column(rows, "policy/learn_s"), _column(rows, "weights/pause_s")
    fixed_s, token_s = line(tokens, learn_s, _LEARNER_FIXED)
    loop, ranks = config.loop, config.learner.ranks
    sampler, lengths = _sampler(folder, rows, busy[ROLLOUT], tokens, config)
    costs = Costs(
        grade_s=float(busy[VERIFIER].mean()) / (loop.groups_per_step * loop.group_size),
        reference_token_s=float(busy[REFERENCE].sum() / tokens.sum()),
        learn_token_s=token_s * ranks,
        learn_step_s=fixed_s,
        pack_s=max(0.0, float((busy[LEARNER] / ranks - learn_s).mean())),
        pull_s=float(pull_s.mean()),
        driver_s=float(busy[DRIVER].mean()),
        beside=_BESIDE,
    )
    worked = {role: float(values.mean()) for role, values in busy.items()}
    worked[ROLLOUT] += costs.pull_s * config.rollout.workers
    worked[LEARNER] /= ranks
    return Run(config, len(lines), float(step_s.mean()), worked, Laws(sampler, lengths, costs))


def calibrated(run: Run, cores: float | None) -> Laws:
    """Laws with which the simulated run is as busy as the measured one was.

    Args:
        cores: of the machine that all of its members shared; None: each had its own device.
    """
    laws, config = run.laws, run.config
    for _ in range(_ROUNDS):
        scenario = laws.scenario(config, members_of(config, laws.costs), config.learner.ranks)
        found = replay(scenario, config.loop.max_staleness, run.steps, cores)
        # A role that did no work has nothing to correct.
        by = {
            role: run.busy_s[role] / seconds
            for role, seconds in found.busy_s.items()
            if seconds and run.busy_s[role]
        }
        laws = _scaled(laws, by)
    return laws


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


def _sampler(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    busy_s: np.ndarray,
    tokens: np.ndarray,
    config: RunConfig,
) -> tuple[SamplerLaw, Measured]:
    """How fast a sampler decodes, and the lengths of what it did."""
    decode_s, at_once, lengths = [], [], list[int]()
    for row, busy, made in zip(rows, busy_s, tokens, strict=True):
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
        at_once.append(min(made * took / max(busy, 1e-9), config.rollout.sequences_at_once))
        lengths += found.tolist()
    if not lengths:
        raise ConfigError(f"{folder / SAMPLES}: no samples of its steps, so no lengths to go by")
    # In the last ones nothing new was begun: samplers that stand still say nothing of a full batch.
    steady = max(1, len(at_once) - first_bound(config.loop))
    step_s, sequence_s = line(_parts(at_once[:steady]), _parts(decode_s[:steady]), _SAMPLER_FIXED)
    every = max(1, len(lengths) // _LENGTHS)
    law = SamplerLaw(step_s, sequence_s, config.rollout.sequences_at_once)
    return law, Measured(tuple(sorted(lengths)[::every]))


def _parts(values: Sequence[float]) -> np.ndarray:
    """Means of the parts of a run."""
    parts = np.array_split(np.array(values), min(_PARTS, len(values)))
    return np.array([part.mean() for part in parts])


def _scaled(laws: Laws, by: dict[str, float]) -> Laws:
    sampler, costs, own = laws.sampler, laws.costs, by.get
    rollout, learner = own(ROLLOUT, 1.0), own(LEARNER, 1.0)
    return Laws(
        replace(sampler, step_s=sampler.step_s * rollout, sequence_s=sampler.sequence_s * rollout),
        laws.lengths,
        Costs(
            grade_s=costs.grade_s * own(VERIFIER, 1.0),
            reference_token_s=costs.reference_token_s * own(REFERENCE, 1.0),
            learn_token_s=costs.learn_token_s * learner,
            learn_step_s=costs.learn_step_s * learner,
            pack_s=costs.pack_s * learner,
            pull_s=costs.pull_s * rollout,
            driver_s=costs.driver_s * own(DRIVER, 1.0),
            beside=costs.beside,
        ),
    )


def _column(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row.get(name) or 0.0 for row in rows])


def _has(folder: Path) -> bool:
    return (folder / METRICS).exists()
