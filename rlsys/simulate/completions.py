"""The completions of a run: how long they are, and how many of their tokens a model computes.

With learner.share_prompts learner and reference compute a group's prompt once, and its equal
completions once. Of a group of m completions, drawn from one of G in which completion d, of L_d
tokens, occurs c_d times, that is

    W(m) = prompt + sum over d of L_d (1 - C(G - c_d, m) / C(G, m))

tokens (rarefaction: Hurlbert, The nonconcept of species diversity, 1971, eq. 15). For m > G the sum
grows as it did from G / 2 to G, by a power of m.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb, log2
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from rlsys.disk import parquet_errors
from rlsys.errors import ConfigError
from rlsys.run.folder import SAMPLES
from rlsys.simulate.laws import Measured

_LENGTHS = 4096
"""Completions whose lengths stand for all."""
_COLUMNS = ["group_id", "token_ids", "prompt_token_ids"]

Group = tuple[int, list[tuple[int, ...]]]
"""Tokens of a prompt, and its completions."""


@dataclass(frozen=True)
class Computed:
    """Tokens that a model computes of a group."""

    prompt: float
    """Of its prompt, mean over groups."""
    completion: float
    """Of a completion, mean."""
    distinct: tuple[float, ...]
    """Of the completions that differ, in groups of 1, 2, ... G."""

    @property
    def group_size(self) -> int:
        """G."""
        return len(self.distinct)

    def per_token(self, size: int, is_shared: bool) -> float:
        """Tokens computed per completion token, in groups of so many.

        Args:
            is_shared: see learner.share_prompts.
        """
        if not is_shared:
            return (self.prompt + self.completion) / self.completion
        return (self.prompt + self._differing(size)) / (size * self.completion)

    def _differing(self, size: int) -> float:
        known = self.group_size
        if size <= known:
            return self.distinct[size - 1]
        if known == 1:
            return size * self.distinct[0]
        half = self.distinct[known // 2 - 1]
        power = log2(self.distinct[-1] / half) / log2(known / (known // 2))
        return float(self.distinct[-1] * (size / known) ** power)


def completions_of(folder: Path, rows: Sequence[dict[str, Any]]) -> tuple[Measured, Computed]:
    """Of the steps of these metrics.

    Raises:
        ConfigError: none of them left samples.
        DataError: a file of samples cannot be read.
    """
    groups = [group for row in rows for group in _groups(folder, int(row["step"]))]
    lengths = sorted(len(one) for _, completions in groups for one in completions)
    if not lengths:
        raise ConfigError(f"{folder / SAMPLES}: no samples of its steps, so no lengths to go by")
    size = min(len(completions) for _, completions in groups)
    distinct = np.mean([_distinct(completions, size) for _, completions in groups], axis=0)
    every = max(1, len(lengths) // _LENGTHS)
    return Measured(tuple(lengths[::every])), Computed(
        prompt=float(np.mean([prompt for prompt, _ in groups])),
        completion=float(np.mean(lengths)),
        distinct=tuple(map(float, distinct)),
    )


def _groups(folder: Path, step: int) -> Iterator[Group]:
    path = folder / SAMPLES / f"step-{step:06d}.parquet"
    if not path.exists():
        return
    with parquet_errors(path):
        table = pq.read_table(path, columns=_COLUMNS)
    found: dict[int, Group] = {}
    for row in table.to_pylist():
        _, completions = found.setdefault(row["group_id"], (len(row["prompt_token_ids"]), []))
        completions.append(tuple(row["token_ids"]))
    yield from found.values()


def _distinct(completions: list[tuple[int, ...]], size: int) -> list[float]:
    """[size] tokens of the completions that differ among 1, 2, ... of these."""
    times, all_of_them = Counter(completions), len(completions)
    return [
        sum(
            len(one) * (1 - comb(all_of_them - count, m) / comb(all_of_them, m))
            for one, count in times.items()
        )
        for m in range(1, size + 1)
    ]
