"""What a learner's ranks are told of a run."""

import subprocess
import sys
from pathlib import Path

import pytest
from transformers import PreTrainedModel

from rlsys.config.run import LearnerConfig, Precision, RunConfig, StageKind
from rlsys.data.demonstrations import Demonstration, to_batch
from rlsys.learning.tasks import ReinforcementTask, SupervisedTask, task_of
from tests.helpers.learners import one_rank, saved


def test_a_run_of_sft_tells_its_ranks_seed_and_steps_and_no_algorithm() -> None:
    config = RunConfig()
    config.run.stage, config.run.seed, config.loop.steps = StageKind.sft, 3, 7
    assert task_of(config, ()) == SupervisedTask(seed=3, steps=7)


def test_a_run_on_rewards_tells_its_ranks_what_its_objective_reads() -> None:
    config = RunConfig()
    config.rollout.dtype, config.teacher.path = Precision.bfloat16, "runs/local"
    task = task_of(config, ())
    assert isinstance(task, ReinforcementTask)
    assert task.columns == ("reference_logprobs", "teacher_logprobs")
    assert task.sampler_dtype is Precision.bfloat16
    assert (task.idle, SupervisedTask.idle) == ("ready groups", "batches")


def test_a_task_is_made_without_what_its_learner_computes_with() -> None:
    script = "import sys, rlsys.learning.tasks; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.slow
def test_the_learner_of_sft_learns_what_it_is_shown_at_the_rate_of_its_step(
    model: PreTrainedModel, tmp_path: Path
) -> None:
    config = LearnerConfig()
    config.optimizer.learning_rate, config.optimizer.warmup_steps = 1e-2, 2
    learner = SupervisedTask(seed=0, steps=3).learner(str(saved(model, tmp_path)), one_rank(config))
    batch = to_batch([Demonstration("test", (1, 2, 3), (7, 8, 9, 10))])
    steps = [learner.step(batch, version) for version in range(3)]
    assert learner.objective.name == "cross_entropy"
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert [step["learning_rate"] for step in steps] == pytest.approx([5e-3, 1e-2, 1e-2])
