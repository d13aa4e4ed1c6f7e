"""The learner of reinforcement learning, put together from its task."""

import torch

from rlsys import schema
from rlsys.algorithms.registry import Registry
from rlsys.learning.critic import Critic
from rlsys.learning.learner import Learner
from rlsys.learning.loading import load_for_training
from rlsys.learning.objectives.base import check_columns
from rlsys.learning.objectives.distillation import teacher_terms
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.policy import PolicyModel
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.learning.tasks import ReinforcementTask


def reinforcement_learner(model_path: str, task: ReinforcementTask, ranks: Ranks) -> Learner:
    """One rank's.

    Raises:
        ConfigError: the objective needs a column that the run's batches do not have.
    """
    torch.manual_seed(task.seed)
    algorithm, config = task.algorithm, ranks.config
    is_gae = algorithm.advantage.estimator == "gae"
    critic = Critic(model_path, ranks, algorithm.critic) if is_gae else None
    loss = Registry(task.plugins).loss_of(algorithm)
    terms = teacher_terms(task.teacher, task.sampler_dtype)
    objective = PolicyGradient(algorithm, config, task.sampling, critic, terms, loss, task.latents)
    check_columns(objective, schema.training(task.columns).names)
    schedule = Schedule(config.optimizer, task.steps * config.minibatches)
    holds = config.holds_reference and task.asks_reference
    reference = held_reference(model_path, task, ranks) if holds else None
    return Learner(model_path, objective, ranks, schedule, reference)


def held_reference(model_path: str, task: ReinforcementTask, ranks: Ranks) -> PolicyModel:
    """The policy that the run began with, frozen, on the learner's ranks: under ZeRO-3 each holds
    its share, as of the policy, so that no GPU has to have room for the whole."""
    model = load_for_training(model_path, ranks)
    chunk, temperature = ranks.config.logprob_chunk, task.sampling.temperature
    policy = PolicyModel(model, temperature, chunk, latents=task.latents)
    return ranks.frozen(policy).eval()
