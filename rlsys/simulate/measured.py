"""Latency laws of a fleet, from what a run of it left.

A run says how long each role worked and on how much; metrics.jsonl and samples/ have it step by
step. The first step is left out: it fills the fleet.

    verifier    seconds worked per completion
    reference   seconds worked per token
    learner     policy/learn_s = fixed + per_token x tokens, by least squares over the steps, where
                these differ enough to tell
    sampler     a step's law as its engines recorded it, or else a guess (decoding.py)
    driver      seconds worked per step; the learner waits meanwhile

Where members and the driver share the cores of one machine, they were slowed by each other.
`calibrated` takes that out: it looks for the laws with which everybody in the simulated run is as
busy as in the measured one. A law that the engines recorded is of a core to themselves, and
stays; by how much the samplers worked longer than it says tells what the cores are worth while
several work on them. How long a step took is not used: what the simulation says of it is foretold,
of the run itself, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.roles import DRIVER, LEARNER, REFERENCE, ROLLOUT, VERIFIER
from rlsys.run.folder import METRICS, read_lines
from rlsys.simulate.completions import Computed, completions_of
from rlsys.simulate.decoding import guessed, line, recorded
from rlsys.simulate.fleet import Costs, Members
from rlsys.simulate.laws import Measured
from rlsys.simulate.overlap import Scenario
from rlsys.simulate.replay import replay
from rlsys.simulate.sampler import WEIGHTS, SamplerLaw

_LEAST_STEPS = 4
_ROUNDS = 10
"""Of calibration; each takes most of what is left."""
_LEARNER_FIXED = 0.0
"""Share of an optimizer step where its tokens do not tell: a learner computes tokens, of which none
is for free."""
_BESIDE = 0.07
"""Measured by processes' CPU time, on a run of configs/local.yaml: of 1.16 s a step 1.07 to
1.10 were in what members and the driver count. Where the samplers' law was recorded, the run
itself tells."""
_MOST_BESIDE = 0.9


@dataclass(frozen=True)
class Laws:
    """What a fleet's work costs, for any number of members."""

    sampler: SamplerLaw
    lengths: Measured
    costs: Costs
    """With a learner of one rank, in groups as the run had them."""
    computed: Computed | None = None
    """Of the run's groups; None, of a table: as many tokens as completions have, in any group."""
    is_shared: bool = False
    """learner.share_prompts of the run."""

    def without_reference(self) -> "Laws":
        """Of a fleet in which nobody scores completions under a frozen policy."""
        return replace(self, costs=replace(self.costs, reference_token_s=0.0))

    def scenario(self, config: RunConfig, members: Members, ranks: int) -> Scenario:
        """A fleet of so many members. The learner's ranks share its tokens evenly, and what an
        optimizer step costs beside them stays."""
        loop, more = config.loop, 1.0
        if self.computed:
            shared = config.learner.share_prompts
            more = self.computed.per_token(loop.group_size, shared)
            more /= self.computed.per_token(self.computed.group_size, self.is_shared)
        costs = replace(
            self.costs,
            learn_token_s=self.costs.learn_token_s * more / ranks,
            reference_token_s=self.costs.reference_token_s * more,
        )
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
    """Per role, of all its members, the driver's, and samplers' that take new weights."""
    laws: Laws
    """As measured, slowed by each other where members shared cores; a recorded one is not."""
    is_recorded: bool
    """Whether the engines recorded the samplers' law."""


def members_of(config: RunConfig, costs: Costs) -> Members:
    """As the settings have them."""
    scorers = config.reference.workers if costs.reference_token_s else 1
    return Members(config.rollout.workers, config.verifiers.workers, scorers)


def read(folder: Path, config: RunConfig) -> Run:
    """What a run of the stage rl was measured at.

    Raises:
        ConfigError: it has too few steps.
        DataError: a line of its metrics is no JSON; names file and line.
    """
    rows = [line for _, line in read_lines(folder / METRICS)]
    steps = len(rows)
    if steps < _LEAST_STEPS or "policy/learn_s" not in rows[-1]:
        raise ConfigError(
            f"{folder}: {steps} steps of reinforcement are there to measure, at least "
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
    lengths, computed = completions_of(folder, rows)
    found = recorded(rows, config)
    sampler = found or guessed(folder, rows, busy[ROLLOUT], config)
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
    worked[WEIGHTS] = costs.pull_s * config.rollout.workers
    worked[LEARNER] /= ranks
    laws = Laws(sampler, lengths, costs, computed, config.learner.share_prompts)
    return Run(config, steps, float(step_s.mean()), worked, laws, found is not None)


def calibrated(run: Run, cores: float | None) -> Laws:
    """Laws with which the simulated run is as busy as the measured one was.

    Args:
        cores: of the machine that all of its members shared; None: each had its own device.
    """
    laws, config = run.laws, run.config
    worth = 1 - laws.costs.beside
    for _ in range(_ROUNDS):
        scenario = laws.scenario(config, members_of(config, laws.costs), config.learner.ranks)
        found = replay(scenario, config.loop.max_staleness, run.steps, cores)
        # A role that did no work has nothing to correct.
        by = {
            role: run.busy_s[role] / seconds
            for role, seconds in found.busy_s.items()
            if seconds and run.busy_s[role]
        }
        if run.is_recorded and cores:
            before = worth
            worth = max(worth / by.get(ROLLOUT, 1.0), 1 - _MOST_BESIDE)
            laws = _on_cores_worth(worth, laws, run.laws.sampler)
            # On cores that are worth less everybody works for longer, not the samplers alone.
            slower = min(worth, 1.0) / min(before, 1.0)
            by = {role: ratio * slower for role, ratio in by.items()} | {ROLLOUT: 1.0}
        laws = _scaled(laws, by)
    return laws


def _on_cores_worth(worth: float, laws: Laws, recorded: SamplerLaw) -> Laws:
    """The samplers' law stays: where they work for longer than it says, others have a share of the
    cores. Only what more cores than there are would have to explain is taken from the law."""
    return replace(
        laws,
        sampler=recorded.times(max(worth, 1.0)),
        costs=replace(laws.costs, beside=1 - min(worth, 1.0)),
    )


def _scaled(laws: Laws, by: dict[str, float]) -> Laws:
    sampler, costs, own = laws.sampler, laws.costs, by.get
    rollout, learner = own(ROLLOUT, 1.0), own(LEARNER, 1.0)
    return replace(
        laws,
        sampler=sampler.times(1 / rollout),
        costs=Costs(
            grade_s=costs.grade_s * own(VERIFIER, 1.0),
            reference_token_s=costs.reference_token_s * own(REFERENCE, 1.0),
            learn_token_s=costs.learn_token_s * learner,
            learn_step_s=costs.learn_step_s * learner,
            pack_s=costs.pack_s * learner,
            pull_s=costs.pull_s * own(WEIGHTS, 1.0),
            driver_s=costs.driver_s * own(DRIVER, 1.0),
            beside=costs.beside,
        ),
    )


def _column(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row.get(name) or 0.0 for row in rows])
