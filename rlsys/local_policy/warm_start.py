"""What a policy knows before it is reinforced: supervised fine-tuning on solved examples, by the
learner that every run has, in a process of its own.

The learner sets up DeepSpeed's process group, and environment variables with it, which whoever
prepares a policy must not keep.
"""

import multiprocessing
import random
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from rlsys.config.local_policy import LocalPolicyConfig
from rlsys.config.optimizer import OptimizerConfig, ScheduleShape
from rlsys.config.run import LearnerConfig
from rlsys.errors import WorkerError
from rlsys.imports import imports

_REPORT_EVERY = 20
_MICROBATCH_TOKENS = 2048


def warm_start(
    folder: Path, config: LocalPolicyConfig, seed: int, progress: Callable[[str], None]
) -> None:
    """Train the policy in a folder, in place.

    Args:
        progress: gets a line with step and loss (nats per completion token) now and then.
    Raises:
        WorkerError: the process ended before the policy was there.
    """
    context = multiprocessing.get_context("spawn")
    lines, told = context.Pipe(duplex=False)
    process = context.Process(target=_teach, args=(folder, config, seed, told), daemon=True)
    process.start()
    told.close()
    try:
        while line := lines.recv():
            progress(line)
    except EOFError:
        process.join()
        raise WorkerError(f"the warm start ended with exit status {process.exitcode}") from None
    finally:
        process.terminate()
        process.join()


def _teach(folder: Path, config: LocalPolicyConfig, seed: int, told: Connection) -> None:
    """Sends a line now and then, and an empty one at its end. It ends with an error where nobody
    listens any more."""
    with imports():
        import torch

        from rlsys.data.demonstrations import to_batch
        from rlsys.learning.learner import Learner
        from rlsys.learning.objectives.cross_entropy import CrossEntropy
        from rlsys.learning.ranks import Ranks
        from rlsys.learning.schedule import Schedule
        from rlsys.local_policy.lessons import demonstrations
        from rlsys.local_policy.tokenizer import build_tokenizer
    learner_config = learner_settings(config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.manual_seed(seed)
    ranks = Ranks(0, 1, "127.0.0.1", port, learner_config)
    schedule = Schedule(learner_config.optimizer, config.steps)
    learner = Learner(str(folder), CrossEntropy(), ranks, schedule)
    draw, rng = demonstrations(config, build_tokenizer(), seed), random.Random(seed)
    recent = 0.0
    for step in range(1, config.steps + 1):
        batch = to_batch([draw(rng) for _ in range(config.batch_size)])
        loss = learner.step(batch, step - 1)["loss"]
        recent = loss if step == 1 else 0.9 * recent + 0.1 * loss
        if step % _REPORT_EVERY == 0 or step == config.steps:
            told.send(f"warm start: step {step}/{config.steps}, loss {recent:.3f}")
    learner.policy.model.save_pretrained(folder)
    told.send("")


def learner_settings(config: LocalPolicyConfig) -> LearnerConfig:
    """The learner's, for a warm start; a cosine down to a twentieth of the peak."""
    return LearnerConfig(
        threads=config.threads,
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
