import asyncio
import time

from rlsys.watch.lag import LagMeter


def test_a_coroutine_that_blocks_the_loop_shows_as_lag() -> None:
    meter = LagMeter()

    async def scenario() -> None:
        measuring = asyncio.create_task(meter.run())
        await asyncio.sleep(0.2)
        time.sleep(0.3)
        await asyncio.sleep(0.1)
        measuring.cancel()

    asyncio.run(scenario())
    metrics = meter.take()
    # The sleep that was due while the loop stood still began at most 0.05 s before.
    assert metrics["driver/loop_lag_max_s"] >= 0.25
    assert 0.0 <= metrics["driver/loop_lag_p99_s"] <= metrics["driver/loop_lag_max_s"]
    assert meter.take() == {}
