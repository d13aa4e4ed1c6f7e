"""How much of a countable piece of work is left, and how long that takes at the pace so far."""

import time


class Remaining:
    """Done and to do; its text is `512 of 1,024 completions, about 9 s left`.

    Args:
        total: how many there are.
        done: of them, those that were there before: they say nothing of the pace.
        what: what is counted.
    """

    def __init__(self, total: int, done: int = 0, what: str = "completions") -> None:
        self.total, self.done, self.before, self.what = total, done, done, what
        self.started = time.monotonic()

    def add(self, count: int) -> None:
        """So many more are done."""
        self.done += count

    @property
    def left_s(self) -> float | None:
        """Estimate from the pace so far; None before the first of them is done."""
        fresh = self.done - self.before
        if not fresh:
            return None
        return (time.monotonic() - self.started) / fresh * (self.total - self.done)

    @property
    def estimate(self) -> str:
        """`, about 9 s left`, as the end of a line; empty where nothing is known, or left."""
        left = self.left_s
        return f", about {duration(left)} left" if left else ""

    def __str__(self) -> str:
        return f"{self.done:,} of {self.total:,} {self.what}{self.estimate}"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
