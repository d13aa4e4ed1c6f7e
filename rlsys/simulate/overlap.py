"""How much of the waiting that a synchronous loop cannot avoid an asynchronous one does avoid."""

import asyncio
from dataclasses import dataclass

from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.loop.ahead import first_bound
from rlsys.loop.bound import MOST, is_automatic
from rlsys.loop.loop import Loop, StepReport
from rlsys.observe.balance import Pace, balance, covering_bound
from rlsys.run.progress import Progress
from rlsys.simulate.fleet import Costs, Members, SimulatedFleet
from rlsys.simulate.laws import LengthLaw
from rlsys.simulate.sampler import SamplerLaw
from rlsys.watch.waits import Observer


def overlap(sync_s: float, async_s: float, ideal_s: float) -> float:
    """E = (t_sync - t_async) / (t_sync - t_ideal), seconds for the same work.

    1: the slowest stage never waits. 0: nothing was gained over the synchronous loop.

    Raises:
        ValueError: the synchronous loop already is ideal, so there is nothing to gain.
    """
    if ideal_s >= sync_s:
        raise ValueError(f"ideal {ideal_s:g} s is not below synchronous {sync_s:g} s")
    return (sync_s - async_s) / (sync_s - ideal_s)


@dataclass(frozen=True)
class Scenario:
    """A cluster and a task, as laws."""

    sampler: SamplerLaw
    lengths: LengthLaw
    costs: Costs
    members: Members
    groups_per_step: int
    group_size: int
    groups_per_call: int = 1
    speeds: tuple[float, ...] = ()
    """Of each sampler, where they differ."""


@dataclass(frozen=True)
class Block:
    """The measured steps of one simulated run, in virtual seconds."""

    token_s: float
    """Seconds per consumed token."""
    busy_token_s: dict[str, float]
    """Per stage, seconds of work per consumed token when nothing waits; the largest is ideal."""
    step_tokens: float
    """Consumed tokens of a step."""
    bound: int
    """Largest staleness that was allowed at the end."""
    advised_bound: int
    """max_staleness that the run's summary would name."""
    mean_staleness: float
    """Over groups and all steps."""
    ledger: str


async def simulate(scenario: Scenario, max_staleness: int | str, steps: int, seed: int) -> Block:
    """The real loop on a scenario's fleet; to be run under a virtual clock.

    Measured are `steps` steps in the middle of a longer run: before them as many as it takes until
    the oldest living groups are as old as they get, after them those for which nothing new is
    admitted.

    Args:
        max_staleness: `auto` is given as many steps before as its largest value would be, in which
            it has mostly settled.
    Raises:
        LedgerError: a group was lost or trained twice.
    """
    config = loop_config(scenario, max_staleness)
    fleet = SimulatedFleet(
        scenario.sampler,
        scenario.lengths,
        scenario.costs,
        scenario.members,
        seed,
        scenario.speeds,
    )
    ends: list[tuple[float, int, dict[str, float]]] = []
    progress = Progress()

    async def after_step(report: StepReport, tasks: asyncio.TaskGroup) -> None:
        tokens = sum(int(group.num_tokens.sum()) for group in report.groups)
        ends.append((asyncio.get_running_loop().time(), tokens, fleet.least_busy_s()))
        progress.saw(report)

    prompts = PromptStream([Prompt("p", "simulated", "?", [1], '"1"', "{}")], seed)
    loop = Loop(fleet, prompts, config, after_step, Observer())
    most = MOST if is_automatic(config.loop) else first_bound(config.loop)
    warm_up = 10 + 2 * most
    await loop.train(warm_up + steps + most + 1)
    loop.state.ledger.check()
    (start, _, before), *_, (end, _, after) = window = ends[warm_up - 1 : warm_up + steps]
    tokens = sum(tokens for _, tokens, _ in window[1:])
    found = balance(await fleet.times(), fleet.num_members())
    pace = _pace(scenario, config, loop, progress, len(ends))
    return Block(
        token_s=(end - start) / tokens,
        busy_token_s={role: (after[role] - before[role]) / tokens for role in after},
        step_tokens=tokens / (len(window) - 1),
        bound=loop.ready.bound,
        advised_bound=covering_bound(pace, found.least_s / len(ends)),
        mean_staleness=progress.staleness_mean,
        ledger=loop.state.ledger.line(),
    )


def _pace(
    scenario: Scenario, config: RunConfig, loop: Loop, progress: Progress, steps: int
) -> Pace:
    """Of the whole run, until now."""
    completions = (loop.ahead.lead + 1) * scenario.groups_per_step * scenario.group_size
    places = scenario.members.rollout * scenario.sampler.max_sequences
    return Pace(
        steps=steps,
        train_s=asyncio.get_running_loop().time(),
        waited_for_old_s=progress.waited_for_old_s,
        longest_group_s=progress.longest_group_s,
        longest_completion=progress.longest_completion,
        consumed_tokens=progress.consumed_tokens,
        completions_at_once=min(places, completions),
        max_staleness=loop.ready.bound,
        is_automatic=is_automatic(config.loop),
    )


def loop_config(scenario: Scenario, max_staleness: int | str) -> RunConfig:
    """Of the loop that runs on a scenario's fleet."""
    config = RunConfig()
    config.loop.max_staleness = max_staleness
    config.rollout.workers = scenario.members.rollout
    config.rollout.max_sequences = scenario.sampler.max_sequences
    config.loop.groups_per_step = scenario.groups_per_step
    config.loop.group_size = scenario.group_size
    config.loop.groups_per_call = scenario.groups_per_call
    config.loop.stall_timeout_s = 1e6
    return config
