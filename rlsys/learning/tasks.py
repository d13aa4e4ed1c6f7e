"""What a learner is made for, as its ranks are told.

    driver: task_of(config) -> Task -> a rank: task.learner(model_path, ranks) -> Learner

A task holds what its learner needs of a run's settings and no more. The driver, which makes it,
computes nothing, so what computes is imported where the learner is made. Another kind of training
is another task, and an objective.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.run import Precision, RunConfig, SamplingConfig, StageKind, TeacherConfig
from rlsys.imports import imports
from rlsys.learning.columns import columns_of
from rlsys.plugins import PluginFile
from rlsys.roles import REFERENCE, role_of

if TYPE_CHECKING:
    from rlsys.learning.learner import Learner
    from rlsys.learning.ranks import Ranks


@dataclass(frozen=True)
class Task(ABC):
    """What is learned, whatever the policy and the ranks are."""

    seed: int
    """Of torch, on every rank."""
    steps: int
    """Of the whole run, over which the learning rate is planned."""
    idle: ClassVar[str]
    """What a rank waits for between its steps."""
    is_of_policy: ClassVar[bool] = True
    """Whether it trains a policy, whose logprobs prove that others hold its weights."""

    @abstractmethod
    def learner(self, model_path: str, ranks: "Ranks") -> "Learner":
        """One rank's.

        Raises:
            ConfigError: the objective needs a column that the run's batches do not have.
        """


@dataclass(frozen=True)
class SupervisedTask(Task):
    """Supervised fine-tuning."""

    latents: int = 0
    """That the policy makes of each prompt."""
    idle = "batches"

    def learner(self, model_path: str, ranks: "Ranks") -> "Learner":
        """Of cross-entropy."""
        with imports():
            from rlsys.learning.supervised import supervised_learner
        return supervised_learner(model_path, self, ranks)


@dataclass(frozen=True)
class PreferenceTask(Task):
    """A reward model, from pairs of answers."""

    idle = "batches"
    is_of_policy = False

    def learner(self, model_path: str, ranks: "Ranks") -> "Learner":
        """Of the preference's likelihood."""
        with imports():
            from rlsys.learning.preferences import preference_learner
        return preference_learner(model_path, self, ranks)


@dataclass(frozen=True)
class ReinforcementTask(Task):
    """Reinforcement learning, with a teacher where there is one."""

    algorithm: AlgorithmConfig
    sampling: SamplingConfig
    teacher: TeacherConfig
    sampler_dtype: Precision
    """In which rollout_logprobs are computed."""
    plugins: Sequence[PluginFile]
    """algorithm.plugins, as read where the run was started."""
    latents: int = 0
    """That the policy makes of each prompt."""
    idle = "ready groups"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """What the objective reads that other roles bring."""
        return columns_of(self.algorithm, self.teacher, self.plugins)

    @property
    def asks_reference(self) -> bool:
        """Whether the objective reads what the reference says."""
        return any(role_of(column) == REFERENCE for column in self.columns)

    def learner(self, model_path: str, ranks: "Ranks") -> "Learner":
        """Of the policy gradient."""
        with imports():
            from rlsys.learning.reinforcement import reinforcement_learner
        return reinforcement_learner(model_path, self, ranks)


def task_of(config: RunConfig, plugins: Sequence[PluginFile]) -> Task:
    """Of a run.

    Args:
        plugins: algorithm.plugins, as read where the run was started.
    """
    seed, steps = config.run.seed, config.loop.steps
    if config.run.stage is StageKind.sft:
        return SupervisedTask(seed, steps, config.thinking.fed_back)
    if config.run.stage is StageKind.reward_model:
        return PreferenceTask(seed, steps)
    return ReinforcementTask(
        seed,
        steps,
        config.algorithm,
        config.sampling,
        config.teacher,
        config.rollout.dtype,
        plugins,
        config.thinking.fed_back,
    )
