"""What a policy knows before it is reinforced: supervised fine-tuning on solved examples, by the
learner that every run has, in a process of its own.

The learner sets up DeepSpeed's process group, and environment variables with it, which whoever
prepares a policy must not keep.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rlsys.config.local_policy import Architecture, Corpus, LocalPolicyConfig
from rlsys.config.optimizer import OptimizerConfig, ScheduleShape
from rlsys.config.run import LearnerConfig, Precision
from rlsys.errors import WorkerError
from rlsys.imports import imports
from rlsys.network import free_port
from rlsys.openmp import wait_policy

_HOST = "127.0.0.1"
_SAID = "warm start:"
_REPORT_EVERY = 20
_MICROBATCH_TOKENS = 2048


def warm_start(
    folder: Path, config: LocalPolicyConfig, seed: int, progress: Callable[[str], None]
) -> None:
    """Train the policy in a folder, in place.

    Args:
        progress: gets a line with step, loss (nats per completion token) and time left now and
            then.
    Raises:
        WorkerError: the process ended before the policy was there.
    """
    command = [sys.executable, "-m", __name__, str(folder), json.dumps(asdict(config)), str(seed)]
    path = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | wait_policy() | {"PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith(_SAID):  # libraries print there, too
                    progress(line.rstrip())
        except BaseException:  # a Ctrl-C as well: whoever waits no longer wants it
            process.terminate()
            raise
    if process.returncode:
        raise WorkerError(f"the warm start ended with exit status {process.returncode}")


def _teach(folder: Path, config: LocalPolicyConfig, seed: int) -> None:
    """Prints a line now and then, and ends with an error where nobody reads any more."""
    with imports():
        import torch
        from transformers.utils.logging import disable_progress_bar

        from rlsys.data.demonstrations import to_batch
        from rlsys.learning.learner import Learner
        from rlsys.learning.objectives.cross_entropy import CrossEntropy
        from rlsys.learning.ranks import Ranks
        from rlsys.learning.schedule import Schedule
        from rlsys.local_policy.lessons import demonstrations
        from rlsys.local_policy.tokenizer import build_tokenizer
        from rlsys.watch.remaining import Remaining
    disable_progress_bar()
    learner_config = learner_settings(config)
    torch.manual_seed(seed)
    ranks = Ranks(0, 1, _HOST, free_port(_HOST), learner_config)
    schedule = Schedule(learner_config.optimizer, config.steps)
    learner = Learner(str(folder), CrossEntropy(), ranks, schedule)
    draw, rng = demonstrations(config, build_tokenizer(config.corpus), seed), random.Random(seed)
    recent, remaining = 0.0, Remaining(config.steps)
    for step in range(1, config.steps + 1):
        batch = to_batch([draw(rng) for _ in range(config.batch_size)])
        loss = learner.step(batch, step - 1)["loss"]
        recent = loss if step == 1 else 0.9 * recent + 0.1 * loss
        remaining.add(1)
        if step % _REPORT_EVERY == 0 or step == config.steps:
            told = f"{_SAID} step {step}/{config.steps}, loss {recent:.3f}{remaining.estimate}"
            print(told, flush=True)
    learner.policy.model.save_pretrained(folder)


def learner_settings(config: LocalPolicyConfig) -> LearnerConfig:
    """The learner's, for a warm start; a cosine down to a twentieth of the peak."""
    return LearnerConfig(
        threads=config.threads,
        dtype=Precision.float32,
        zero_stage=0,
        microbatch_tokens=_MICROBATCH_TOKENS,
        optimizer=OptimizerConfig(
            learning_rate=config.learning_rate,
            schedule=ScheduleShape.cosine,
            floor=0.05,
            warmup_steps=config.warmup_steps,
            weight_decay=0.1,
            beta2=0.98,
        ),
    )


if __name__ == "__main__":
    settings = json.loads(sys.argv[2])
    settings["corpus"] = Corpus(settings["corpus"])
    settings["architecture"] = Architecture(settings["architecture"])
    _teach(Path(sys.argv[1]), LocalPolicyConfig(**settings), int(sys.argv[3]))
