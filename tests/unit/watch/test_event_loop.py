import asyncio
import time

import pytest

from rlsys.watch.accounting import Times
from rlsys.watch.event_loop import WatchedEventLoop
from rlsys.watch.waits import Observer, Waits


def test_the_driver_is_busy_while_any_task_runs_and_else_waits_for_what_its_line_waits_for() -> (
    None
):
    loop = WatchedEventLoop()
    waits = Waits(60.0, Observer())

    async def work() -> None:
        await asyncio.sleep(0.1)
        started = time.monotonic()
        while time.monotonic() - started < 0.2:
            pass
        await waits.on("driver: verifier", asyncio.sleep(0.1))

    async def line() -> tuple[Times, float]:
        task = asyncio.current_task()
        loop.waits_are_for(lambda: waits.of(task))
        before, started = loop.accounting.times(), time.monotonic()
        await waits.on("driver: learner", work())
        await asyncio.sleep(0.1)
        return loop.accounting.times() - before, time.monotonic() - started

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        times, seconds = runner.run(line())
    assert times.wall_s == pytest.approx(seconds, rel=0.02)
    assert times.busy_s + sum(times.waits.values()) == pytest.approx(times.wall_s)
    assert times.busy_s >= 0.2
    # A wait inside a wait has its own name for as long as it lasts.
    assert min(times.waits[n] for n in ("driver: learner", "driver: verifier")) >= 0.09
    assert times.waits["unnamed"] >= 0.09
