"""The event loop's lag: how late the driver gets to what is due."""

import asyncio
from collections import deque

import numpy as np

_INTERVAL_S = 0.05
_MOST = 100_000


class LagMeter:
    """Sleeps again and again, and measures by how much each sleep is too long.

    Every coroutine of the driver shares one thread: while one computes, answers of the whole
    fleet lie waiting. The lag is what that costs.
    """

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=_MOST)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(_INTERVAL_S)
            self._lags.append(max(0.0, loop.time() - began - _INTERVAL_S))

    def take(self) -> dict[str, float]:
        """Metrics in seconds over the time since the last call; none when nothing was measured."""
        if not self._lags:
            return {}
        lags = np.array(self._lags)
        self._lags.clear()
        return {
            "driver/loop_lag_max_s": float(lags.max()),
            "driver/loop_lag_p99_s": float(np.quantile(lags, 0.99)),
        }
