"""Evaluations from their plans to their reports, by fleets of rollout and verifier workers."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from actors.beside import beside
from actors.cluster import connected
from actors.examining_fleet import ExaminingFleet
from actors.memory import demand_of, planned
from actors.placement import check_resources
from actors.precision import decided_by_nodes, precisions
from actors.roles import needs
from actors.room import batched_by_nodes, room_of_the_cluster
from rlsys.config.memory_plan import Room
from rlsys.config.networks import read_network
from rlsys.config.precision import cpu_has_bfloat16, decided
from rlsys.config.run import RunConfig
from rlsys.errors import RlsysError, first_cause
from rlsys.evaluation import report
from rlsys.evaluation.figures import figures_of
from rlsys.evaluation.job import Job
from rlsys.evaluation.plan import claim, describe, free_folder, sampling_tasks
from rlsys.evaluation.repeats import caveat
from rlsys.evaluation.results import COLUMNS, Result, result
from rlsys.evaluation.runner import examine
from rlsys.evaluation.samples import Samples
from rlsys.evaluation.sampling_task import missing
from rlsys.evaluation.succession import successions
from rlsys.evaluation.votes import Equal, equal_by
from rlsys.lineage.kinds import EVALUATE, by_number
from rlsys.lineage.manifest import Artifact, artifact, write_manifest
from rlsys.loop.retries import Retries
from rlsys.observe.display import Display
from rlsys.thinking.usage import Price
from rlsys.watch.remaining import Remaining
from rlsys.watch.waits import WaitBoard, Waits
from verifiers.math.verifier import MathVerifier

_LINES_EVERY_S = 10.0


@dataclass(frozen=True)
class Evaluation:
    """One model's part of a command."""

    job: Job
    folder: Path
    samples: Samples
    continued: bool
    """Whether samples of an earlier command may lie there."""

    @classmethod
    def claim(cls, job: Job, folder: Path, numbered: bool) -> "Evaluation":
        """With the folder to itself. Until there is a result, completions without a verdict are
        asked for again: what failed then, such as a judge's server, may work now."""
        seed, latents = job.config.run.seed, job.config.thinking.fed_back
        plan = describe(job.model, job.digest, seed, job.eval_tasks, latents)
        folder = free_folder(folder, plan) if numbered else folder
        continued, samples = claim(folder, plan), Samples(folder / "samples")
        if continued and not (folder / report.TABLE).exists():
            for task in sampling_tasks(job.eval_tasks):
                samples.drop_ungraded(task.name)
        return cls(job, folder, samples, continued)

    def with_precision(self) -> "Evaluation":
        """As the nodes of the cluster have it, and as much at a time; see actors.precision and
        actors.room."""
        config = batched_by_nodes(decided_by_nodes(self.job.config))
        return replace(self, job=replace(self.job, config=config))

    def memory(self, room: Room) -> list[str]:
        """Its memory plan in lines.

        Raises:
            ConfigError: the model does not fit; see actors.memory.
        """
        config, named = self.job.config, f"MODEL {self.job.model}"
        policy = read_network(self.job.model, named)
        return planned(demand_of(config, policy, room, trains=False))

    @property
    def is_sampled(self) -> bool:
        """Whether nothing is missing."""
        return next(missing(sampling_tasks(self.job.eval_tasks), self.samples, 1), None) is None


def run(
    jobs: Sequence[Job],
    asked: RunConfig,
    folder: Path,
    numbered: bool,
    price: Price,
    console: Console,
    started: float,
) -> None:
    """Sample what is missing, work out the figures, write and show the report of each model.

    Args:
        asked: the settings before they were fitted to benchmarks and model.
        folder: of the result; of several models, each has a folder in it by its name. Samples that
            lie there already are kept.
        numbered: take another one beside a result's where that one holds another plan.
        started: time.monotonic() of the command's start.
    """
    board = WaitBoard()
    taken, folders = _taken(jobs, asked), _folders(jobs, folder)
    found = [Evaluation.claim(job, own, numbered) for job, own in zip(jobs, folders, strict=True)]
    with Display(console, started, board.describe) as display:
        for one in found:
            display.note(f"{'continuing' if one.continued else 'evaluation'} {one.folder}")
        if not all(one.is_sampled for one in found):
            display.stage("starting Ray")
            with connected(jobs[0].config.cluster) as cluster:
                for line in (cluster, *beside(jobs[0].config.cluster)):
                    display.note(line)
                found = [one.with_precision() for one in found]
                display.note(f"precision: {precisions(found[0].job.config, trains=False)}")
                _sample([one for one in found if not one.is_sampled], display, board)
        display.stage("working out the figures")
        results = [_results(one.job, one.samples) for one in found]
    doubts = [
        _tell(one, own, price, console, with_name=len(jobs) > 1)
        for one, own in zip(found, results, strict=True)
    ]
    for doubt in dict.fromkeys(filter(None, doubts)):
        console.print(doubt, highlight=False, markup=False, soft_wrap=True)
    where = folder if len(jobs) > 1 else found[0].folder
    tables = by_number("table", [one.folder / report.TABLE for one in found])
    write_manifest(where, EVALUATE, asked, taken, tables, figures_of(results), started)
    told = f"[{time.monotonic() - started:6.1f} s] tables, samples and plots: {where}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)


def _tell(
    one: Evaluation, results: Sequence[Result], price: Price, console: Console, with_name: bool
) -> str:
    """Write one model's report, and show it; why it may not repeat, which all are told at once."""
    # Where nothing had to be sampled, no cluster was asked.
    job, config = one.job, decided(one.job.config, cpu_has_bfloat16())
    doubt = caveat(config)
    report.write(one.folder, job.model, job.context, results, price, doubt)
    if with_name:
        console.print(f"{job.name}: {job.model}", highlight=False, markup=False, soft_wrap=True)
    console.print(report.summary(results))
    for line in report.remarks(results):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return doubt


def _folders(jobs: Sequence[Job], folder: Path) -> list[Path]:
    """Of one model, the result's own; of several, one in it by the name of each, with a number
    where two have one name."""
    if len(jobs) == 1:
        return [folder]
    seen = Counter[str]()
    folders = []
    for job in jobs:
        seen[job.name] += 1
        again = f"-{seen[job.name]}" if seen[job.name] > 1 else ""
        folders.append(folder / f"{job.name}{again}")
    return folders


def _taken(jobs: Sequence[Job], asked: RunConfig) -> dict[str, Artifact]:
    """What is read, as it is now: the policies, and the file of each benchmark that has one."""
    data = Path(asked.benchmarks.data).expanduser()
    benchmarks = [task.benchmark for task in jobs[0].eval_tasks if task.benchmark.rows is None]
    files = {benchmark.name: artifact(benchmark.find(data)) for benchmark in benchmarks}
    return by_number("policy", [artifact(job.model) for job in jobs]) | files


def _sample(evaluations: Sequence[Evaluation], display: Display, board: WaitBoard) -> None:
    """Each in turn; those whose weights alone differ by one fleet."""
    config = evaluations[0].job.config
    check_resources(needs(config, trains=False), config.cluster.queue_s)
    room = room_of_the_cluster()
    for line in dict.fromkeys(line for one in evaluations for line in one.memory(room)):
        display.note(line)
    of = {id(one.job): one for one in evaluations}
    for together in successions([one.job for one in evaluations]):
        _by_one_fleet([of[id(job)] for job in together], display, board)


def _by_one_fleet(evaluations: Sequence[Evaluation], display: Display, board: WaitBoard) -> None:
    first, config = evaluations[0], evaluations[0].job.config
    fleet = ExaminingFleet(
        config,
        first.job.model,
        first.job.prompts,
        [],
        first.folder,
        needs(config, trains=False),
        display.stage,
        display.note,
    )
    waits = Waits(config.loop.stall_timeout_s, fleet.observer)
    board.show(fleet.starting, waits)
    retries = Retries(waits, config.loop)
    concurrency = config.rollout.workers * config.rollout.sequences_at_once
    show = ProgressPrinter(display.stage)

    async def work() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(fleet.failed(), name="watch fleet")
                await fleet.start()
                for one in evaluations:
                    if one is not first:
                        display.stage(f"the next policy: {one.job.model}")
                        await fleet.hold(one.job.model)
                    asked = sampling_tasks(one.job.eval_tasks)
                    await examine(fleet, asked, one.samples, retries, concurrency, show)
                watch.cancel()
        except* RlsysError as errors:
            raise first_cause(errors) from errors

    try:
        asyncio.run(work())
    finally:
        display.stage("ending the fleet")
        fleet.shutdown()


def _results(job: Job, samples: Samples) -> list[Result]:
    verifier = MathVerifier()
    try:
        found = []
        for eval_task in job.eval_tasks:
            equal: Equal | None = equal_by(verifier) if eval_task.benchmark.votes else None
            for setting in eval_task.settings:
                table = samples.read(eval_task.sampled(setting).name, COLUMNS)
                assert table is not None
                found.append(result(eval_task, setting, table, equal))
        return found
    finally:
        verifier.close()


class ProgressPrinter:
    """Says how far it is: at once at the beginning and the end, else every few seconds."""

    def __init__(self, notice: Callable[[str], None]) -> None:
        self.notice = notice
        self.last = -_LINES_EVERY_S

    def __call__(self, remaining: Remaining) -> None:
        now = time.monotonic()
        if now - self.last >= _LINES_EVERY_S or remaining.done == remaining.total:
            self.last = now
            self.notice(str(remaining))
