"""A run as it would go from its first step: how long each step takes, and who works how much."""

import asyncio
from dataclasses import dataclass

import numpy as np

from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.loop.loop import Loop, StepReport
from rlsys.simulate.clock import run
from rlsys.simulate.cores import SharedCores
from rlsys.simulate.fleet import SimulatedFleet
from rlsys.simulate.overlap import Scenario, loop_config
from rlsys.watch.waits import Observer

_AMPLE = 1e9
"""Cores of a fleet in which each member has its own device."""


@dataclass(frozen=True)
class Replay:
    """The steps behind the first, which fills the fleet."""

    step_s: float
    """Mean."""
    tokens_per_s: float
    busy_s: dict[str, float]
    """Per role and step, of all its members."""
    staleness: float
    """Mean over groups."""


def replay(
    scenario: Scenario, max_staleness: int | str, steps: int, cores: float | None, seed: int = 0
) -> Replay:
    """The real loop on the scenario's fleet under a virtual clock.

    Args:
        steps: at least 3.
        cores: of the machine that all members share; None: each has its own device.
    """
    return run(_replay(scenario, max_staleness, steps, cores or _AMPLE, seed))


async def _replay(
    scenario: Scenario, max_staleness: int | str, steps: int, count: float, seed: int
) -> Replay:
    cores = SharedCores(count * (1 - scenario.costs.beside))
    fleet = SimulatedFleet(
        scenario.sampler,
        scenario.lengths,
        scenario.costs,
        scenario.members,
        seed,
        scenario.speeds,
        cores,
    )
    ends: list[tuple[float, dict[str, float]]] = []
    tokens: list[int] = []
    staleness: list[np.ndarray] = []

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        ends.append((cores.wall_s, cores.busy_s))
        tokens.append(sum(int(group.num_tokens.sum()) for group in report.groups))
        staleness.append(report.staleness)

    prompts = PromptStream([Prompt("p", "simulated", "?", [1], '"1"', "{}")], seed)
    loop = Loop(fleet, prompts, loop_config(scenario, max_staleness), after_step, Observer())
    await loop.train(steps)
    loop.state.ledger.check()
    (start, before), (end, after) = ends[0], ends[-1]
    return Replay(
        step_s=float(end - start) / (steps - 1),
        tokens_per_s=sum(tokens[1:]) / (end - start),
        busy_s={role: (after[role] - before.get(role, 0.0)) / (steps - 1) for role in after},
        staleness=float(np.concatenate(staleness[1:]).mean()),
    )
