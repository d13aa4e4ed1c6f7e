"""The Fleet protocol: what the training loop asks of whoever samples, grades, scores and learns.

The loop holds refs and small metadata; whether a ref is a Ray ObjectRef or, in a test, the batch
itself, only the fleet knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rlsys.config.run import SamplingConfig
from rlsys.data.templates import Prompt
from rlsys.loop.ready import ReadyGroup
from rlsys.watch.clock import Times


@dataclass(frozen=True, slots=True)
class Message:
    """Some groups that travel together through sampling, grading and reference scoring."""

    group_ids: tuple[int, ...]
    prompts: tuple[Prompt, ...]
    size: int
    """Answers per group."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Sampled answers. Arrays are [groups * size], rows in group order."""

    rollouts: Any
    """Ref of a `rollouts` batch."""
    oldest_version: np.ndarray
    """int, of each answer's tokens."""
    newest_version: np.ndarray
    num_tokens: np.ndarray
    truncated: np.ndarray


@dataclass(frozen=True, slots=True)
class Scored:
    """Verdicts of a message's answers. Arrays are [groups * size]."""

    scores: Any
    """Ref of a `scores` batch."""
    rewards: np.ndarray
    """float64, NaN for status infrastructure."""
    correct: np.ndarray
    components: dict[str, np.ndarray]
    infrastructure: list[str]
    """Reasons of the rows without a verdict."""
    statuses: tuple[str, ...] = ()
    """Of every row; empty from a fleet that has no statuses."""


@dataclass(frozen=True, slots=True)
class Referenced:
    """A message's answers under the reference."""

    reference: Any
    """Ref of a `reference` batch."""
    kl: np.ndarray
    """[groups * size] float64, nats: log-ratio of sampler to reference summed over each answer."""


@dataclass(frozen=True)
class LearnRequest:
    """What one optimizer step trains on. Arrays are [N], rows in group order."""

    step: int
    version: int
    groups: Sequence[ReadyGroup]
    advantages: np.ndarray
    rewards: np.ndarray
    trained: np.ndarray


@dataclass(frozen=True)
class Rows:
    """Rows of batches that the fleet holds: a group's, or a whole message's."""

    refs: tuple[Any, ...]
    """Of a rollouts, a scores and a reference batch; the last two None where there are none."""
    row: int
    """Where the rows begin in those batches."""
    size: int


@dataclass(frozen=True)
class Untrained:
    """Answers that are kept though nobody trains on them: a held-out check's, or dropped ones."""

    file: str
    """Below the run's samples, as in `heldout/step-000010.parquet`."""
    step: int
    split: str
    """Of the prompts, as rlsys.learning.join has it."""
    groups: Sequence[Rows]
    reasons: Sequence[str] = ()
    """Why each group was dropped; none for a check."""


@dataclass(frozen=True)
class PublishReport:
    """How a rollout worker's update went; of several workers, the slowest one's."""

    version: int
    pause_s: float
    """Sampling stood still."""
    total_s: float
    """The pause, and the canary's proof beside sampling that goes on."""
    canary_error: float
    """Largest difference to the learner's logprobs, nats."""
    num_bytes: int


class Fleet(Protocol):
    """Everything the loop needs of the cluster. Each call may raise WorkerError."""

    async def sample(self, message: Message, sampling: SamplingConfig) -> Sampled: ...

    async def grade(self, sampled: Sampled) -> Scored: ...

    async def score_reference(self, sampled: Sampled) -> Referenced | None:
        """None when the run has no reference worker."""
        ...

    async def learn(self, request: LearnRequest) -> dict[str, float]: ...

    async def publish(self, version: int) -> PublishReport:
        """Every rollout worker holds and has proved `version` when this returns."""
        ...

    async def write_samples(self, answers: Untrained) -> None:
        """They are on the disk when this returns."""
        ...

    async def save(self, folder: Path, kept: Sequence[Rows]) -> None:
        """Learner state, policy and the kept rows into an existing folder."""
        ...

    async def restore(self, folder: Path) -> list[tuple[Any, ...]]:
        """Refs to the rows that `save` kept in the folder, each the whole of its batches."""
        ...

    async def times(self) -> dict[str, Times]:
        """Per role, since the fleet was ready."""
        ...
