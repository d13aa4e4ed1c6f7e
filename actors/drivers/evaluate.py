"""One evaluation from its plan to its report: a fleet of rollout and verifier workers."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from actors.beside import beside
from actors.cluster import connected
from actors.placement import check_resources
from actors.ray_fleet import RayFleet
from actors.roles import needs
from rlsys.config.run import RunConfig
from rlsys.errors import RlsysError, first_cause
from rlsys.evaluation import report
from rlsys.evaluation.figures import figures
from rlsys.evaluation.job import Job
from rlsys.evaluation.plan import claim, describe, free_folder, sampling_tasks
from rlsys.evaluation.repeats import caveat
from rlsys.evaluation.results import COLUMNS, Result, result
from rlsys.evaluation.runner import examine
from rlsys.evaluation.samples import Samples
from rlsys.evaluation.sampling_task import missing
from rlsys.evaluation.votes import Equal, equal_by
from rlsys.lineage.kinds import EVALUATE
from rlsys.lineage.manifest import Artifact, artifact, write_manifest
from rlsys.loop.retries import Retries
from rlsys.observe.display import Display
from rlsys.thinking.usage import Price
from rlsys.watch.remaining import Remaining
from rlsys.watch.waits import WaitBoard, Waits
from verifiers.math.verifier import MathVerifier

_LINES_EVERY_S = 10.0


def run(
    job: Job,
    asked: RunConfig,
    folder: Path,
    numbered: bool,
    price: Price,
    console: Console,
    started: float,
) -> list[Result]:
    """Sample what is missing, work out the figures, write and show the report.

    Args:
        asked: the settings before they were fitted to benchmarks and model.
        folder: the result's; samples that lie there already are kept.
        numbered: take another one beside it where this one holds another plan.
        started: time.monotonic() of the command's start.
    """

    seed, latents = job.config.run.seed, job.config.thinking.fed_back
    plan = describe(job.model, job.digest, seed, job.eval_tasks, latents)
    folder = free_folder(folder, plan) if numbered else folder
    continued = claim(folder, plan)
    samples = Samples(folder / "samples")
    taken = _taken(job, asked)
    board = WaitBoard()
    with Display(console, started, board.describe) as display:
        display.note(f"{'continuing' if continued else 'evaluation'} {folder}")
        if next(missing(sampling_tasks(job.eval_tasks), samples, 1), None) is not None:
            display.stage("starting Ray")
            with connected(job.config.cluster) as cluster:
                for line in (cluster, *beside(job.config.cluster)):
                    display.note(line)
                _sample(job, samples, display, board)
        display.stage("working out the figures")
        results = _results(job, samples)
    doubt = caveat(job.config)
    report.write(folder, job.model, job.context, results, price, doubt)
    if doubt:
        console.print(doubt, highlight=False, soft_wrap=True)
    console.print(report.summary(results))
    for line in report.remarks(results):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    outputs = {"table": folder / report.TABLE}
    write_manifest(folder, EVALUATE, asked, taken, outputs, figures(results), started)
    took = time.monotonic() - started
    told = f"[{took:6.1f} s] tables, samples and plots: {folder}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)
    return results


def _taken(job: Job, asked: RunConfig) -> dict[str, Artifact]:
    """What is read, as it is now: the policy, and the file of each benchmark that has one."""
    data = Path(asked.benchmarks.data).expanduser()
    benchmarks = [task.benchmark for task in job.eval_tasks if task.benchmark.rows is None]
    files = {benchmark.name: artifact(benchmark.find(data)) for benchmark in benchmarks}
    return {"policy": artifact(job.model), **files}


def _sample(job: Job, samples: Samples, display: Display, board: WaitBoard) -> None:
    config = job.config
    wanted = needs(config, trains=False)
    check_resources(wanted, config.cluster.queue_s)
    folder = samples.folder.parent
    fleet = RayFleet(
        config, job.model, job.prompts, [], folder, wanted, display.stage, display.note
    )
    waits = Waits(config.loop.stall_timeout_s, fleet.observer)
    board.show(fleet.starting, waits)
    retries = Retries(waits, config.loop)
    concurrency = config.rollout.workers * config.rollout.sequences_at_once
    asked = sampling_tasks(job.eval_tasks)
    show = ProgressPrinter(display.stage)

    async def work() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(fleet.failed(), name="watch fleet")
                await fleet.start()
                await examine(fleet, asked, samples, retries, concurrency, show)
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
