"""Laws of completion lengths: how many tokens sampled completions have."""

from dataclasses import dataclass
from math import log
from typing import Protocol

import numpy as np


class LengthLaw(Protocol):
    """Draws completion lengths."""

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """[count] int tokens, at least 1."""
        ...


@dataclass(frozen=True)
class Constant:
    """Every completion has the same length."""

    tokens: int

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        return np.full(count, self.tokens)


@dataclass(frozen=True)
class LogNormal:
    """Most completions are short, a few many times as long."""

    mean: float
    """Tokens, before the cut."""
    sigma: float
    """Standard deviation of the length's logarithm: with 1.0, one completion in a hundred is longer
    than six times the mean."""
    limit: int
    """Tokens at which a completion is cut off."""

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        drawn = random.lognormal(log(self.mean) - self.sigma**2 / 2, self.sigma, count)
        return np.ceil(np.minimum(drawn, self.limit)).astype(np.int64)


@dataclass(frozen=True)
class Bursts:
    """Easy prompts and hard ones come by turns, as in rows that nobody has shuffled."""

    easy: LengthLaw
    hard: LengthLaw
    turn: int
    """Completions of either; thousands are drawn at once, a multiple of two turns."""

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        is_hard = np.arange(count) // self.turn % 2 == 1
        return np.where(is_hard, self.hard.draw(random, count), self.easy.draw(random, count))


@dataclass(frozen=True)
class Pareto:
    """A power law: P(length > x) = (shortest / x) ** shape, so the cut carries much of the work."""

    mean: float
    """Tokens, before the cut."""
    shape: float
    """Above 1; the nearer to 1, the heavier the tail."""
    limit: int
    """Tokens at which a completion is cut off."""

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        shortest = self.mean * (self.shape - 1) / self.shape
        drawn = shortest * (1 + random.pareto(self.shape, count))
        return np.ceil(np.minimum(drawn, self.limit)).astype(np.int64)
