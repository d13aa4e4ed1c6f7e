"""What is known of a stage before anything starts: its settings, its rows, what it is called."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlsys.config.run import RunConfig
from rlsys.data.templates import Prompt
from rlsys.lineage.kinds import given, kind_of
from rlsys.observe.next_steps import next_commands, policy_of
from rlsys.observe.run_summary import RunSummary
from rlsys.run.checkpointer import Checkpointer, Origin, newest
from rlsys.stages.base import Stage, Surroundings
from rlsys.stages.inputs import find_policy

_CANARY_TOKENS = 64
"""Of a few tokens, two that a router sends to other experts by rounding would be a fifth."""


@dataclass
class Plan(ABC):
    """Of one run, read from its settings and its rows. Needs no cluster and no weights."""

    config: RunConfig
    """With the run's length in steps alone."""
    length: str
    """The length in words."""
    prompts: Sequence[Prompt]
    """All that will be asked for, in training and held out."""
    notes: list[str] = field(default_factory=list)
    """What the user should know of the rows."""

    @property
    @abstractmethod
    def longest(self) -> Sequence[int]:
        """Token ids of the longest text that the policy meets."""

    @property
    def canary_ids(self) -> list[int]:
        """The text on which weights and packing are proved."""
        others = (prompt.token_ids for prompt in self.prompts)
        return canary_ids_of(self.longest, others, self.config.model.max_context)

    @abstractmethod
    def stage(
        self, name: str, model_path: str, checkpointer: Checkpointer, around: Surroundings
    ) -> Stage:
        """The stage itself, once there is a fleet."""

    def needs_fleet(self, folder: Path) -> bool:
        """Whether anything is to be done with one; there may be a run in the folder."""
        return True

    def policy(self, progress: Callable[[str], None]) -> str:
        """Where the policy is that it begins with; made first, where it is the local one."""
        return find_policy(self.config, progress)

    def inputs(self, model_path: str) -> dict[str, str]:
        """What it reads, by the words of a manifest (rlsys/lineage/kinds.py)."""
        return given(kind_of(self.config), self.config) | {"policy": model_path}

    def outputs(self, folder: Path) -> dict[str, Path]:
        """What it has made when it ends: the policy of the newest checkpoint; without any it leaves
        no manifest."""
        policy = policy_of(folder)
        return {"policy": policy} if policy else {}

    def origin(self, folder: Path) -> Origin:
        """Where a resumed run is taken up.

        Raises:
            CheckpointError, ResumeError: as rlsys.run.checkpointer.newest.
        """
        return newest(folder, self.config.loop.steps)

    def next_commands(self, folder: Path, steps: int, resume_by: str) -> list[str]:
        """What to type after the run, with what each command is for.

        Args:
            steps: that the run has done.
            resume_by: the command that goes on, but for the run.
        """
        return next_commands(folder, self.config, steps, resume_by)

    def closing_notes(self, summary: RunSummary, samples: Path) -> list[str]:
        """Warnings that only the whole run shows."""
        return []


def canary_ids_of(
    longest: Sequence[int], others: Iterable[Sequence[int]], max_context: int
) -> list[int]:
    """The end of the longest text, behind other ones where it has too few tokens."""
    size = min(_CANARY_TOKENS, max_context - 1)
    found = list(longest)
    for other in others:
        if len(found) >= size:
            break
        found = [*other, *found]
    return [int(token) for token in found[-size:]]
