"""The learner of reinforcement learning, put together from a run's settings."""

from collections.abc import Sequence

import torch

from rlsys import schema
from rlsys.algorithms.registry import Registry
from rlsys.config.run import RunConfig
from rlsys.learning.columns import columns_of
from rlsys.learning.critic import Critic
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.base import check_columns
from rlsys.learning.objectives.distillation import teacher_terms
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.plugins import PluginFile


def reinforcement_learner(
    model_path: str, config: RunConfig, ranks: Ranks, plugins: Sequence[PluginFile] = ()
) -> Learner:
    """One rank's.

    Args:
        plugins: algorithm.plugins, as read where the run was started.

    Raises:
        ConfigError: the objective needs a column that the run's batches do not have.
    """
    torch.manual_seed(config.run.seed)
    algorithm = config.algorithm
    is_gae = algorithm.advantage.estimator == "gae"
    critic = Critic(model_path, ranks, algorithm.critic) if is_gae else None
    loss = Registry(plugins).loss_of(algorithm)
    terms = teacher_terms(config.teacher, config.rollout.dtype)
    objective = PolicyGradient(algorithm, config.learner, config.sampling, critic, terms, loss)
    check_columns(objective, schema.training(columns_of(config, plugins)).names)
    num_updates = config.loop.steps * config.learner.minibatches
    return Learner(model_path, objective, ranks, Schedule(config.learner.optimizer, num_updates))
