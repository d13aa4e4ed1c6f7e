"""What is to be sampled: prompts that are asked in one way, and which of their completions exist.

A benchmark under one setting is such a task, and so are the rows of `rlsys sample`. A completion's
random numbers come from the run's seed, the task's name, its prompt and its own number, and from
nothing else that is sampled; so its bytes do not depend on the batches that it was sampled in, nor
on a kill in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rlsys.config.run import SamplingConfig
from rlsys.data.templates import Prompt
from rlsys.evaluation.samples import Samples
from rlsys.loop.fleet import GroupBatch


@dataclass(frozen=True)
class SamplingTask:
    """Prompts that are asked in one way; their samples are in a folder of their own."""

    name: str
    """That folder, below those of other tasks: `gsm8k/t0.6`."""
    prompts: tuple[Prompt, ...]
    size: int
    """Completions per prompt."""
    sampling: SamplingConfig

    @property
    def completions(self) -> int:
        """How many it asks for."""
        return len(self.prompts) * self.size

    def group_id(self, prompt: Prompt) -> int:
        """The number under which a prompt's completions are sampled."""
        name = f"{self.name}/{prompt.prompt_id}"
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 1


@dataclass(frozen=True)
class Cell:
    """Some prompts of a task, sampled and graded together."""

    task: SamplingTask
    first: int
    """Index of the first prompt."""
    prompts: tuple[Prompt, ...]

    @property
    def completions(self) -> int:
        """How many it asks for."""
        return len(self.prompts) * self.task.size

    @property
    def batch(self) -> GroupBatch:
        """As a fleet is asked for it."""
        ids = tuple(self.task.group_id(prompt) for prompt in self.prompts)
        return GroupBatch(ids, self.prompts, self.task.size)


def distinct(prompts: Iterable[Prompt]) -> list[Prompt]:
    """The first of each id: those alike ask and expect the same, and would be given the very same
    completions, which then counted as samples of their own."""
    found: dict[str, Prompt] = {}
    for prompt in prompts:
        found.setdefault(prompt.prompt_id, prompt)
    return list(found.values())


def left_out(repeated: int) -> str:
    """What is said of prompts that are not `distinct`."""
    return f"{repeated:,} rows left out: they ask the same as others, and expect the same"


def missing(tasks: Sequence[SamplingTask], samples: Samples, size: int) -> Iterator[Cell]:
    """The cells of at most `size` prompts that no earlier driver has finished, in order."""
    for task in tasks:
        done = samples.done(task.name)
        todo = [i for i, p in enumerate(task.prompts) if p.prompt_id not in done]
        for begin in range(0, len(todo), size):
            chosen = todo[begin : begin + size]
            yield Cell(task, chosen[0], tuple(task.prompts[i] for i in chosen))
