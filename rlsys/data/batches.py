"""The batches of supervised training: passes over the rows, each in an order of its own.

    Batches(num_rows=10, size=4, epochs=2.0, seed=0)    5 steps of 4 rows, the third of both passes

A batch may begin in one pass and end in the next, so every row is seen equally often and every
batch but the last has its whole size. What a step takes follows from the seed and its number alone:
a resumed run needs no more than that.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rlsys.config.run import RunConfig


@dataclass(frozen=True)
class Batches:
    """Which rows each step takes."""

    num_rows: int
    size: int
    """Rows of a step."""
    epochs: float
    seed: int
    shuffle: bool = True
    """A new order in each pass; false keeps that of the rows."""

    @classmethod
    def of_run(cls, config: RunConfig, num_rows: int, size: int) -> "Batches":
        """Those of as many steps as a run has."""
        epochs = config.loop.steps * size / num_rows
        return cls(num_rows, size, epochs, config.run.seed, config.data.shuffle)

    @property
    def steps(self) -> int:
        """Of all passes together; the last one may be smaller."""
        return max(1, math.ceil(self._num_taken / self.size))

    def rows(self, step: int) -> list[int]:
        """Indices of the rows of a step, which is counted from 1.

        Raises:
            IndexError: there is no such step.
        """
        if not 1 <= step <= self.steps:
            raise IndexError(f"step {step} of {self.steps}")
        begin = (step - 1) * self.size
        taken = range(begin, min(begin + self.size, max(1, self._num_taken)))
        return [int(self._order(i // self.num_rows)[i % self.num_rows]) for i in taken]

    @property
    def _num_taken(self) -> int:
        # A product such as 1.1 * 10 is a little above what it stands for.
        return math.ceil(round(self.epochs * self.num_rows, 6))

    def _order(self, epoch: int) -> np.ndarray:
        if not self.shuffle:
            return np.arange(self.num_rows)
        return _shuffled(self.num_rows, self.seed, epoch)


@lru_cache(maxsize=2)
def _shuffled(num_rows: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(num_rows)
