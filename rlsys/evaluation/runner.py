"""Sampling and grading without training, cell by cell, by the part of a fleet that it needs."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pyarrow as pa

from rlsys.config.run import SamplingConfig
from rlsys.evaluation.samples import Samples
from rlsys.evaluation.sampling_task import Cell, SamplingTask, missing
from rlsys.loop.fleet import Graded, GroupBatch, Sampled
from rlsys.loop.retries import Retries
from rlsys.watch.remaining import Remaining

_CELLS = 8
"""Cells that fill the samplers: enough that one long completion does not leave them idle."""


class Examiners(Protocol):
    """What is asked of a fleet. Each call may raise WorkerError."""

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled: ...

    async def grade(self, sampled: Sampled) -> Graded: ...

    async def fetch(self, ref: Any) -> pa.RecordBatch:
        """The batch behind a ref."""
        ...


async def examine(
    fleet: Examiners,
    tasks: Sequence[SamplingTask],
    samples: Samples,
    retries: Retries,
    concurrency: int,
    show: Callable[[Remaining], None],
    saw: Callable[[Cell, Sampled, Graded], None] = lambda cell, sampled, graded: None,
) -> None:
    """Sample and grade what `samples` does not hold yet.

    Each cell is on disk, whole, as soon as it is graded: a killed driver's successor goes on there.

    Args:
        concurrency: completions that are being sampled at once, over all workers.
        show: called after every cell.
        saw: called with a cell's figures once they are on disk; what it raises ends the sampling.
    Raises:
        WorkerError: a call's budget of `retries` is spent.
        StallError: a worker did not answer before its deadline.
    """
    largest = max(task.size for task in tasks)
    cells = list(missing(tasks, samples, max(1, concurrency // (_CELLS * largest))))
    todo = sum(cell.completions for cell in cells)
    total = sum(task.completions for task in tasks)
    remaining = Remaining(total, total - todo)
    # Twice as many cells as fill the samplers: while some are graded, others are sampled.
    room = asyncio.Semaphore(2 * _CELLS)

    async def finish(cell: Cell) -> None:
        try:
            sampled, graded = await _examine_cell(fleet, cell, samples, retries)
        finally:
            room.release()
        remaining.add(cell.completions)
        saw(cell, sampled, graded)
        show(remaining)

    show(remaining)
    async with asyncio.TaskGroup() as group:
        for cell in cells:
            await room.acquire()
            group.create_task(finish(cell))


async def _examine_cell(
    fleet: Examiners, cell: Cell, samples: Samples, retries: Retries
) -> tuple[Sampled, Graded]:
    name = cell.task.name.partition("/")[0]
    sampled = await retries.with_retries(
        f"driver: completions to {name}",
        lambda: fleet.sample(cell.batch, cell.task.sampling),
        for_completions=True,
    )
    graded = await retries.with_retries(f"driver: verdicts on {name}", lambda: fleet.grade(sampled))
    waits = retries.waits
    rollouts = await waits.on("driver: completions fetched", fleet.fetch(sampled.rollouts))
    grades = await waits.on("driver: verdicts fetched", fleet.fetch(graded.grades))
    samples.write(cell.task.name, cell.first, rollouts, grades)
    return sampled, graded
