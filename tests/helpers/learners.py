"""Learners of a tiny model on the CPU, without Ray: one rank here, or several in processes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.multiprocessing import start_processes
from transformers import PreTrainedModel

from rlsys.config.run import LearnerConfig, Precision, SamplingConfig
from rlsys.learning.learner import Learner
from rlsys.learning.objectives.base import Objective
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.ranks import Ranks
from rlsys.learning.schedule import Schedule
from rlsys.learning.weights_out import WeightsOut
from rlsys.network import free_port
from tests.helpers.fresh_processes import START_METHOD, fresh_processes

LEARNING_RATE = 1e-2
"""One that shows every step."""
SAMPLING = SamplingConfig(max_tokens=16)


def one_rank(config: LearnerConfig) -> Ranks:
    """In float32, where the config leaves the precision to the machine."""
    return Ranks(0, 1, "127.0.0.1", free_port(), in_float32(config))


def in_float32(config: LearnerConfig) -> LearnerConfig:
    """The same, with a precision."""
    return replace(config, dtype=Precision.float32) if config.dtype is Precision.auto else config


def learner_of(
    model: str | Path, objective: Objective, ranks: Ranks, num_updates: int = 100
) -> Learner:
    ranks.config.optimizer.learning_rate = LEARNING_RATE
    schedule = Schedule(ranks.config.optimizer, num_updates)
    return Learner(str(model), objective, ranks, schedule)


def weights(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def on_ranks(count: int, folder: Path, work: Callable[..., Any], *arguments: Any) -> Any:
    """What rank 0 returned of work(rank, count, port, *arguments), called in `count` processes.

    Args:
        folder: for the result, tensors in plain containers.
        work: a function of a module, as processes are started afresh.
    """
    file = folder / "found.pt"
    fresh_processes()
    given = (count, free_port(), file, work, arguments)
    start_processes(_on_rank, given, nprocs=count, start_method=START_METHOD)
    return torch.load(file)


def _on_rank(rank: int, count: int, port: int, file: Path, work: Any, arguments: Any) -> None:
    found = work(rank, count, port, *arguments)
    if rank == 0:
        torch.save(found, file)


def saved(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


Fitted = tuple[list[float], dict[str, torch.Tensor]]
"""The loss of each step, and the weights after the last one."""


def fitted(model: str | Path, ranks: Ranks, batch: pa.RecordBatch, steps: int) -> Fitted:
    """A learner that has trained on demonstrations."""
    learner = learner_of(model, CrossEntropy(), ranks)
    losses = [learner.step(batch, version)["loss"] for version in range(steps)]
    (bucket,) = WeightsOut(learner.policy, ranks).gathered(1 << 30)
    return losses, {name: tensor.clone() for name, tensor in bucket}


def fitted_on_ranks(
    rank: int,
    count: int,
    port: int,
    model: str,
    batch: pa.RecordBatch,
    steps: int,
    configs: list[LearnerConfig],
) -> list[Fitted]:
    """The same on one of several ranks, under each of the configs."""
    found = []
    for config in configs:
        ranks = Ranks(rank, count, "127.0.0.1", port, in_float32(config))
        found.append(fitted(model, ranks, batch, steps))
    return found
