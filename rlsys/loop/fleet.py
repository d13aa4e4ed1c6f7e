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
from rlsys.roles import Annotations
from rlsys.sampling.engine_figures import EngineFigures
from rlsys.watch.accounting import Times


@dataclass(frozen=True, slots=True)
class GroupBatch:
    """Some groups that travel together through sampling, grading and scoring, a call each."""

    group_ids: tuple[int, ...]
    prompts: tuple[Prompt, ...]
    size: int
    """Completions per group."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Sampled completions. Arrays are [groups * size], rows in group order."""

    rollouts: Any
    """Ref of a `rollouts` batch."""
    oldest_version: np.ndarray
    """int, of each completion's tokens."""
    newest_version: np.ndarray
    num_tokens: np.ndarray
    truncated: np.ndarray


@dataclass(frozen=True, slots=True)
class Graded:
    """Verdicts of a group batch's completions. Arrays are [groups * size]."""

    grades: Any
    """Ref of a `grades` batch."""
    rewards: np.ndarray
    """float64, NaN for status infrastructure."""
    correct: np.ndarray
    components: dict[str, np.ndarray]
    infrastructure: list[str]
    """Reasons of the rows without a verdict."""
    statuses: tuple[str, ...] = ()
    """Of every row; empty from a fleet that has no statuses."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A group batch's completions under a frozen policy."""

    logprobs: Any
    """Ref of a batch of the role's contract."""
    log_ratio: np.ndarray
    """[groups * size] float64, nats: of the sampler to that policy, summed over each completion."""


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
    """Rows of batches that the fleet holds: a group's, or a whole group batch's."""

    annotations: Annotations
    row: int
    """Where the rows begin in those batches."""
    size: int


@dataclass(frozen=True)
class Untrained:
    """Completions that are kept though nobody trains on them: of a held-out check, or dropped."""

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
    """To the learner's logprobs, nats that nine in ten tokens are below."""
    num_bytes: int
    engine: EngineFigures | None = None
    """What its engine did since the update before; of several workers, what all of theirs did. None
    where there is no engine, as in a simulation."""


class Fleet(Protocol):
    """Everything the loop needs of the cluster. Each call may raise WorkerError."""

    @property
    def scorers(self) -> Sequence[str]:
        """The roles that score every completion under a frozen policy; none in a run without."""
        ...

    async def sample(self, batch: GroupBatch, sampling: SamplingConfig) -> Sampled: ...

    async def grade(self, sampled: Sampled) -> Graded: ...

    async def score(self, role: str, sampled: Sampled) -> Scored:
        """The completions under the frozen policy of one of `scorers`."""
        ...

    async def learn(self, request: LearnRequest) -> dict[str, float]: ...

    async def publish(self, version: int) -> PublishReport:
        """Every rollout worker holds and has proved `version` when this returns."""
        ...

    async def write_samples(self, untrained: Untrained) -> None:
        """They are on the disk when this returns."""
        ...

    async def copy_state(self, folder: Path) -> None:
        """Copy the learner's state as it is now, for `save` to write into this folder, which is
        there; the learner may go on once this returns."""
        ...

    async def save(self, folder: Path, kept: Sequence[Rows]) -> None:
        """The copied state, the policy and the kept rows are in the folder when this returns."""
        ...

    async def restore(self, folder: Path) -> list[Annotations]:
        """Refs to the rows that `save` kept in the folder, each the whole of its batches."""
        ...

    async def times(self) -> dict[str, Times]:
        """Per role, since the fleet was ready."""
        ...
