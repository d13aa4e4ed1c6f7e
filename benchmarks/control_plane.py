"""The driver's own work per group: the real training loop over 10,000 simulated rollout workers.

    python benchmarks/control_plane.py [--groups 1000000] [--workers 10000]

The loop, its ledger, its buffer of ready groups, the advantages and the step's metrics are those
of a run; the fleet is simulated under a virtual clock, in the same process. So what is timed is the
driver with the simulator: `simulator_us_per_group` is what the simulator takes when it is called
without the loop. Times are CPU seconds of this process, which has one thread: the machine may be
busy. What is not in it: the remote calls themselves, 1 to 2 ms of CPU each in Ray.

Memory is the resident set after the first tenth and at the end. The last line of stdout is one
JSON object.
"""

import argparse
import asyncio
import json
import resource
import time
from pathlib import Path

from rlsys.config.algorithm import AdvantageConfig
from rlsys.config.run import RunConfig
from rlsys.data.stream import PromptStream
from rlsys.data.templates import Prompt
from rlsys.loop.fleet import GroupBatch
from rlsys.loop.loop import Loop, StepReport
from rlsys.observe.metrics import step_metrics
from rlsys.simulate.clock import run
from rlsys.simulate.fleet import Costs, Members, SimulatedFleet
from rlsys.simulate.laws import LogNormal
from rlsys.simulate.sampler import SamplerLaw
from rlsys.watch import garbage
from rlsys.watch.waits import Observer

PROMPTS = [Prompt(f"p{i}", "simulated", "?", [1], '"1"', "{}") for i in range(5000)]


def make_fleet(workers: int) -> SimulatedFleet:
    """Engines that decode the answers of a few groups at once; the other stages keep up."""
    return SimulatedFleet(
        SamplerLaw(step_s=0.02, sequence_s=0.0001, max_sequences=64),
        LogNormal(mean=1000, sigma=1.0, limit=8000),
        Costs(
            grade_s=0.02,
            reference_token_s=1e-5,
            learn_token_s=1e-6,
            learn_step_s=1.0,
            pack_s=1.0,
            pull_s=1.0,
        ),
        Members(rollout=workers, verifier=workers // 10, reference=workers // 10),
        seed=0,
    )


def make_config(workers: int, group_size: int, groups_per_call: int) -> RunConfig:
    """As many groups a step as workers, so that each works on three at a time."""
    config = RunConfig()
    config.loop.groups_per_step = workers
    config.loop.group_size = group_size
    config.loop.groups_per_call = groups_per_call
    config.loop.stall_timeout_s = 1e6
    return config


class Watch:
    """What the driver does after each step; and what it has cost in memory."""

    def __init__(self) -> None:
        self.resident_mb: list[float] = []
        self.consumed_tokens = 0.0

    async def after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        metrics = step_metrics(report, 1.0, AdvantageConfig().std_floor)
        self.consumed_tokens += metrics["throughput/consumed_tokens"]
        self.resident_mb.append(resident_mb())
        garbage.after_step(report.step)


def resident_mb() -> float:
    """This process's memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def simulator_s(workers: int, config: RunConfig, groups: int) -> float:
    """CPU seconds of the simulator alone, for so many groups."""
    fleet = make_fleet(workers)
    alive = asyncio.Semaphore(3 * config.loop.groups_per_step // config.loop.groups_per_call)

    async def one(group_ids: range) -> None:
        async with alive:
            prompts = (PROMPTS[0],) * len(group_ids)
            batch = GroupBatch(tuple(group_ids), prompts, config.loop.group_size)
            sampled = await fleet.sample(batch, config.sampling)
            await fleet.grade(sampled)
            for role in fleet.scorers:
                await fleet.score(role, sampled)

    async def all_groups() -> None:
        step, size = config.loop.groups_per_step, config.loop.groups_per_call
        for version, start in enumerate(range(0, groups, step)):
            ends = range(start, min(groups, start + step), size)
            await asyncio.gather(*(one(range(i, i + size)) for i in ends))
            await fleet.publish(version)

    started = time.process_time()
    run(all_groups())
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--groups-per-call", type=int, default=1)
    arguments = parser.parse_args()
    config = make_config(arguments.workers, arguments.group_size, arguments.groups_per_call)
    steps = arguments.groups // config.loop.groups_per_step
    groups = steps * config.loop.groups_per_step
    watch = Watch()
    fleet = make_fleet(arguments.workers)
    loop = Loop(fleet, PromptStream(PROMPTS, seed=0), config, watch.after_step, Observer())
    simulated = min(groups, 100_000)
    with garbage.seldom_collected():
        started, started_wall = time.process_time(), time.monotonic()
        run(loop.train(steps))
        seconds, wall_s = time.process_time() - started, time.monotonic() - started_wall
        alone_s = simulator_s(arguments.workers, config, simulated)
    ledger = loop.state.ledger
    assert (ledger.trained, ledger.alive) == (groups, 0), ledger.line()
    result = {
        "groups_per_s": round(groups / seconds, 1),
        "us_per_group": round(1e6 * seconds / groups, 1),
        "simulator_us_per_group": round(1e6 * alone_s / simulated, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "rss_after_a_tenth_mb": round(watch.resident_mb[(steps - 1) // 10], 1),
        "rss_at_the_end_mb": round(watch.resident_mb[-1], 1),
        "groups": groups,
        "rollout_workers": arguments.workers,
        "answers_per_group": arguments.group_size,
        "groups_per_call": arguments.groups_per_call,
        "wall_s": round(wall_s, 1),
        "ledger": ledger.line(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
