"""A learner that is made anew from its checkpoint learns on as if nothing had been."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.optimizer import ScheduleShape
from rlsys.config.run import LearnerConfig
from rlsys.errors import CheckpointError
from rlsys.learning.checkpoint import load, save
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.policy_gradient import PolicyGradient
from rlsys.learning.weights_out import WeightsOut
from tests.helpers.learners import SAMPLING, learner_of, one_rank, same, saved, weights
from tests.helpers.tiny_tokenizer import save_tokenizer
from tests.helpers.training_batches import training_batch

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(model: PreTrainedModel, tmp_path: Path) -> Iterator[Path]:
    threads = torch.get_num_threads()
    folder = saved(model, tmp_path / "policy")
    save_tokenizer(folder)
    yield folder
    torch.set_num_threads(threads)
