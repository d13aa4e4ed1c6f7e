"""How a stretch of time went, part by part: what stood still when, where sums say only how long.

It takes a fixed room however long the stretch is: a state's seconds are kept in at most BINS equal
bins, and when time runs past the last one, two neighbours become one bin that is twice as wide. So
a bin is never wider than two BINSths of the stretch, or LEAST_S.
"""

from collections.abc import Mapping

BINS = 64
LEAST_S = 0.005
"""A first bin's width in seconds: what is shorter is not looked at."""
_TICK = 1e-9
"""What a clock cannot tell from nothing, in seconds."""
PARTS = 20
"""Equal parts that a stretch, such as a step of the run, is told in."""

Parts = Mapping[str, tuple[float, ...]]
"""By state, its share of each of PARTS equal parts of a stretch, in [0, 1]."""


class Course:
    """The states of one process since the stretch began."""

    def __init__(self) -> None:
        self._width = LEAST_S
        self._passed = 0.0
        self._seconds: dict[str, list[float]] = {}

    def book(self, state: str, seconds: float) -> None:
        """It was in this state for so long, from where the last one ended."""
        if seconds < _TICK:
            return
        begin, end = self._passed, self._passed + seconds
        while end > self._width * BINS:
            self._double()
        bins = self._seconds.setdefault(state, [0.0] * BINS)
        _fill(bins, self._width, begin, end)
        self._passed = end

    def parts(self) -> Parts:
        """The whole stretch; empty where no time has passed."""
        if not self._passed:
            return {}
        width = self._passed / PARTS
        told: dict[str, tuple[float, ...]] = {}
        for state, bins in self._seconds.items():
            parts = [0.0] * PARTS
            for index, seconds in enumerate(bins):
                if seconds:
                    begin = index * self._width
                    end = min(begin + self._width, self._passed)
                    _fill(parts, width, begin, end, seconds / (end - begin))
            told[state] = tuple(min(1.0, seconds / width) for seconds in parts)
        return told

    def _double(self) -> None:
        self._width *= 2
        for state, bins in self._seconds.items():
            pairs = [bins[i] + bins[i + 1] for i in range(0, BINS, 2)]
            self._seconds[state] = pairs + [0.0] * (BINS - len(pairs))


def _fill(bins: list[float], width: float, begin: float, end: float, density: float = 1.0) -> None:
    """Add the time from begin to end to the bins that it falls into.

    Args:
        density: seconds to add per second that passed.
    """
    for index in range(int(begin / width), min(len(bins), int(end / width) + 1)):
        overlap = min(end, (index + 1) * width) - max(begin, index * width)
        if overlap > 0:
            bins[index] += overlap * density
