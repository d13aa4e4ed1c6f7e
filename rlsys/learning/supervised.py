"""The learner of supervised fine-tuning, put together from its task."""

import torch

from rlsys.learning.learner import Learner
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.learning.tasks import SupervisedTask


def supervised_learner(model_path: str, task: SupervisedTask, ranks: Ranks) -> Learner:
    """One rank's."""
    torch.manual_seed(task.seed)
    schedule = Schedule(ranks.config.optimizer, task.steps * ranks.config.minibatches)
    return Learner(model_path, CrossEntropy(task.latents), ranks, schedule)
