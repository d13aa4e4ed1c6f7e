"""The learner of a reward model, put together from a run's settings."""

import torch

from rlsys.config.run import RunConfig
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.preference import Preference
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule


def preference_learner(model_path: str, config: RunConfig, ranks: Ranks) -> Learner:
    """One rank's."""
    torch.manual_seed(config.run.seed)
    num_updates = config.loop.steps * config.learner.minibatches
    schedule = Schedule(config.learner.optimizer, num_updates)
    return Learner(model_path, Preference(), ranks, schedule)
