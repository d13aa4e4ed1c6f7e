"""How many workers of each role make the most of a cluster.

Each sampler, learner rank and reference worker has a device of its own, or several for a sampler
that is tensor-parallel; verifiers are on CPUs, as many as are never waited for. For each number of
learner ranks that divides an update's completions, the rates of the roles say how the other devices
are best divided:

    learner     fixed + per_token x T / ranks
    samplers    (T (step_s + n sequence_s) / n + completions x begin_s) / samplers + pull,
                n = what is alive / samplers
    reference   T x per_token / workers            T tokens of a step

and the largest of these is a step that never waits. The real loop is then run under the virtual
clock (overlap.py) on the splits with the shortest such steps: rates say nothing of waiting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError
from rlsys.loop.ahead import first_bound
from rlsys.simulate.clock import run
from rlsys.simulate.fleet import Members
from rlsys.simulate.measured import Laws
from rlsys.simulate.overlap import Block, Scenario, overlap, simulate

_TRIED = 5
"""Splits that are simulated, of those with the shortest steps."""
_STEPS = 6
"""Measured steps of a simulation."""
_COMPLETIONS = 1024
"""Of a simulated step. A larger batch is as many of these side by side, each on its share of the
devices: ten thousand devices take as long as some hundreds."""
_SPARE = 1.25
"""Verifiers above what keeps up: a verdict must not be waited for."""
_BOUNDS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
_FASTER = 0.97
"""Of the time under a smaller bound: less than that is not worth older data."""
_IN_VAIN = 2
"""Bounds in a row without gain, after which no larger one is tried."""
_ROUNDS = 3
"""Of splits and of bounds in turn: a larger bound fills more samplers, and these want more."""


@dataclass(frozen=True)
class Split:
    """Workers of each role; reference 0 where there is none."""

    rollout: int
    ranks: int
    reference: int
    verifier: int

    def settings(self) -> list[str]:
        """As a command line has them."""
        return [
            f"rollout.workers={self.rollout}",
            f"learner.ranks={self.ranks}",
            *([f"reference.workers={self.reference}"] if self.reference else []),
            f"verifiers.workers={self.verifier}",
        ]


@dataclass(frozen=True)
class Outcome:
    """What a split comes to under one bound of staleness."""

    split: Split
    tokens_per_s: float
    busy: dict[str, float]
    """Share of the time that each role's members would work if samplers decoded full batches."""
    mean_staleness: float


@dataclass(frozen=True)
class Plan:
    """The best split, and what it needs."""

    tried: list[Outcome]
    """Best first."""
    tried_bound: int
    """Under which these were."""
    best: Outcome
    """Under the bound that it needs."""
    max_staleness: int
    overlap: float | None
    """E (overlap.py); None: nothing of the synchronous loop's time could be avoided."""


def plan(config: RunConfig, laws: Laws, devices: int) -> Plan:
    """The split of so many devices that consumes the most tokens per second.

    Raises:
        ConfigError: there are fewer devices than roles.
    """
    has_reference = bool(laws.costs.reference_token_s)
    least = 1 + config.rollout.tensor_parallel + has_reference
    if devices < least:
        raise ConfigError(
            f"--devices {devices}: learner, sampler{' and reference' if has_reference else ''} "
            f"need a device each; nearest valid: {least}"
        )
    bound, tried = first_bound(config.loop), list[Outcome]()
    for _ in range(_ROUNDS):
        splits = sorted(
            _splits(config, laws, devices, bound),
            key=lambda one: _step_s(one, config, laws, bound),
        )
        tried = [_outcome(one, config, laws, bound) for one in splits[:_TRIED]]
        tried.sort(key=lambda one: one.tokens_per_s, reverse=True)
        before, bound = bound, _bound(_part(tried[0].split, config, laws))
        if bound == before:
            break
    scenario = _part(tried[0].split, config, laws)
    fast, synchronous = _block(scenario, bound), _block(scenario, 0)
    ideal_s = max(fast.busy_token_s.values())
    gains = ideal_s < synchronous.token_s
    return Plan(
        tried=tried,
        tried_bound=before,
        best=_outcome(tried[0].split, config, laws, bound),
        max_staleness=bound,
        overlap=overlap(synchronous.token_s, fast.token_s, ideal_s) if gains else None,
    )


def _bound(scenario: Scenario) -> int:
    """The smallest that is nearly as fast as larger ones."""
    best, best_s, in_vain = _BOUNDS[0], _block(scenario, _BOUNDS[0]).token_s, 0
    for bound in _BOUNDS[1:]:
        token_s = _block(scenario, bound).token_s
        if token_s < _FASTER * best_s:
            best, best_s, in_vain = bound, token_s, 0
        elif (in_vain := in_vain + 1) == _IN_VAIN:
            break
    return best


def _splits(config: RunConfig, laws: Laws, devices: int, bound: int) -> Iterator[Split]:
    """For each number of ranks, the best division of the other devices by the rates."""
    loop, per_sampler = config.loop, config.rollout.tensor_parallel
    update = loop.groups_per_step * loop.group_size // config.learner.minibatches
    has_reference = bool(laws.costs.reference_token_s)
    for ranks in (one for one in range(1, update + 1) if update % one == 0):
        left = devices - ranks - (1 if has_reference else 0)
        if left < per_sampler:
            return
        references = 1 if has_reference else 0
        if has_reference:
            shares = np.unique(np.geomspace(1, left - per_sampler + 1, 200).astype(int))
            found = [
                _with_verifiers(
                    (left + 1 - share) // per_sampler, ranks, share, config, laws, bound
                )
                for share in map(int, shares)
            ]
            yield min(found, key=lambda one: _step_s(one, config, laws, bound))
        else:
            yield _with_verifiers(left // per_sampler, ranks, references, config, laws, bound)


def _with_verifiers(
    rollout: int, ranks: int, reference: int, config: RunConfig, laws: Laws, bound: int
) -> Split:
    """As many as grade a step's completions while it lasts, and some to spare."""
    without = Split(rollout, ranks, reference, 1)
    work_s = laws.costs.grade_s * config.loop.groups_per_step * config.loop.group_size
    return replace(
        without, verifier=max(1, ceil(_SPARE * work_s / _step_s(without, config, laws, bound)))
    )


def _step_s(split: Split, config: RunConfig, laws: Laws, bound: int) -> float:
    """Of a step in which the slowest role never waits."""
    loop, costs, law = config.loop, laws.costs, laws.sampler
    completions = loop.groups_per_step * loop.group_size
    tokens = completions * float(np.mean(laws.lengths.tokens))
    alive = (bound + 1) * completions
    at_once = min(config.rollout.sequences_at_once, max(1.0, alive / split.rollout))
    samplers = min(split.rollout, alive)
    decoding_s = tokens * law.decode_step_s(at_once) / at_once
    sampling_s = (decoding_s + completions * law.begin_s) / samplers + costs.pull_s
    learning_s = costs.driver_s + costs.learn_step_s + costs.pack_s
    learning_s += costs.learn_token_s * tokens / split.ranks
    scoring_s = costs.reference_token_s * tokens / max(1, split.reference)
    return max(sampling_s, learning_s, scoring_s)


def _outcome(split: Split, config: RunConfig, laws: Laws, bound: int) -> Outcome:
    block = _block(_part(split, config, laws), bound)
    return Outcome(
        split,
        tokens_per_s=_parts(config) / block.token_s,
        busy={role: busy / block.token_s for role, busy in block.busy_token_s.items()},
        mean_staleness=block.mean_staleness,
    )


def _block(scenario: Scenario, bound: int) -> Block:
    return run(simulate(scenario, bound, _STEPS, seed=0))


def _parts(config: RunConfig) -> int:
    """Into how many equal fleets a large one is divided for its simulation."""
    loop = config.loop
    wanted = max(1, loop.groups_per_step * loop.group_size // _COMPLETIONS)
    return max(n for n in range(1, wanted + 1) if loop.groups_per_step % n == 0)


def _part(split: Split, config: RunConfig, laws: Laws) -> Scenario:
    """One of these fleets. The learner's work on its share is that of all ranks on their shares."""
    parts = _parts(config)
    members = Members(
        max(1, round(split.rollout / parts)),
        max(1, ceil(split.verifier / parts)),
        max(1, round(split.reference / parts)),
    )
    whole = laws.scenario(config, members, split.ranks)
    costs = replace(whole.costs, learn_token_s=whole.costs.learn_token_s * parts)
    return replace(whole, costs=costs, groups_per_step=whole.groups_per_step // parts)
