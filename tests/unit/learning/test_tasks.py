"""What a learner's ranks are told of a run."""

import subprocess
import sys

from rlsys.config.run import Precision, RunConfig, StageKind
from rlsys.learning.tasks import ReinforcementTask, SupervisedTask, task_of


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
