"""The learner of a reward model, put together from its task."""

import torch

from rlsys.learning.learner import Learner
from rlsys.learning.objectives.preference import Preference
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.learning.tasks import Task


def preference_learner(model_path: str, task: Task, ranks: Ranks) -> Learner:
    """One rank's."""
    torch.manual_seed(task.seed)
    schedule = Schedule(ranks.config.optimizer, task.steps * ranks.config.minibatches)
    return Learner(model_path, Preference(), ranks, schedule)
