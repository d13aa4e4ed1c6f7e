"""What an objective is: how a batch becomes a loss. The learner knows no more of it than this.

A step goes through an objective in this order:

    prepare                    once: the batch as sequences, with whatever columns the loss reads
    for each minibatch:
      weights, has_signal
      loss                     of each microbatch
      learn_beside             another model learns from the same minibatch (a critic)
      without_signal           only where has_signal said no: what is followed instead, if anything
    advance                    state that follows from a step, e.g. an adapted coefficient
    report

Losses are sums, of weights that are counted over the whole minibatch: adding up microbatches and
ranks gives the minibatch's loss, exactly.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from rlsys.errors import CheckpointError, ConfigError
from rlsys.learning.loading import load_for_training
from rlsys.learning.microbatches import Microbatch
from rlsys.learning.network import Network, Outputs
from rlsys.learning.policy import PolicyModel
from rlsys.learning.ranks import Ranks
from rlsys.learning.report import Update
from rlsys.learning.sequences import Sequences


@dataclass(frozen=True)
class Loss:
    """Of one microbatch."""

    loss: Tensor
    """[], to call backward on; connected to the outputs even where nothing is trained, so that
    every rank can."""
    sums: dict[str, Tensor]
    """Metrics, each summed over what the loss counts (trained tokens, or pairs), and `count`, how
    many these are: what is reported are the means over all of them."""
    samples: dict[str, Tensor] = field(default_factory=dict)
    """[n] values of the trained tokens, detached, of which a mean says too little."""
    tokens: dict[str, Tensor] = field(default_factory=dict)
    """[B, T] by the objective's `recorded`, detached; NaN where a token is not trained."""


LossFunction = Callable[[Sequences, Microbatch, Outputs], Loss]
"""Of what the network gave for a microbatch."""

Scorer = Callable[[Sequences], list[np.ndarray]]
"""Logprobs [T_i] of each completion under the policy as it is, nats, without gradient."""


@dataclass(frozen=True)
class Instead:
    """What an update follows where its minibatch has no signal."""

    loss: LossFunction
    share: float
    """Of the learning rate."""


class Objective(ABC):
    """How a batch becomes a loss, on every rank alike: each is given the whole batch."""

    name: str
    """For messages."""
    columns: tuple[str, ...]
    """Of the batch, that it cannot do without."""
    temperature: float = 1.0
    """At which logprobs are taken."""
    entropy_gradient: bool = False
    """Whether the loss has a gradient through the entropies."""
    recorded: tuple[str, ...] = ()
    """What the samples keep of each token that was trained on; see learning/token_record.py."""
    whole_groups: bool = False
    """Whether the loss compares a group's sequences, which then lie in one microbatch."""
    latents: int = 0
    """That the policy makes of each prompt (rlsys/thinking/latents.py)."""

    def network(self, model_path: str, ranks: Ranks) -> Network:
        """What learns: a causal language model that gives logprobs and entropies [N]."""
        return PolicyModel(
            load_for_training(model_path, ranks),
            self.temperature,
            ranks.config.logprob_chunk,
            self.entropy_gradient,
            self.latents,
        )

    @abstractmethod
    def prepare(self, batch: pa.RecordBatch, version: int, score: Scorer) -> Sequences:
        """What a step trains on; empty where no row takes part.

        Args:
            version: of the policy at the step's start.
        """

    @abstractmethod
    def weights(self, sequences: Sequences, chosen: Sequence[int]) -> np.ndarray:
        """[n] float64: by what each token's loss is multiplied, for each of a minibatch's n
        sequences."""

    @abstractmethod
    def loss(self, sequences: Sequences, microbatch: Microbatch, outputs: Outputs) -> Loss:
        """Of one microbatch; a LossFunction."""

    @abstractmethod
    def report(
        self,
        means: Mapping[str, float],
        samples: Mapping[str, Tensor],
        updates: Sequence[Update],
    ) -> dict[str, float]:
        """Metrics of a step.

        Args:
            means: of the losses' and learn_beside's sums over the trained tokens of all ranks.
            samples: of all ranks.
        """

    def has_signal(self, sequences: Sequences, chosen: Sequence[int]) -> bool:
        """Whether a minibatch has something to learn; without, its loss is only measured."""
        return True

    def without_signal(self, means: Mapping[str, float]) -> Instead | None:
        """What a minibatch without a signal follows; None: its update is skipped.

        Args:
            means: as `report` has them, of the minibatch alone.
        """
        return None

    def learn_beside(
        self, sequences: Sequences, chosen: Sequence[int], weights: np.ndarray
    ) -> dict[str, float]:
        """Let another model learn from a minibatch; returns sums as `Loss` has them."""
        return {}

    def advance(self, means: Mapping[str, float]) -> None:  # noqa: B027  most have nothing to do
        """Take up what follows from a step in which an update was made."""

    @property
    def in_deepspeed(self) -> dict[str, Any]:
        """What DeepSpeed wraps beside the policy, by the name of its folder in a checkpoint."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold beside what DeepSpeed keeps, as torch.save's plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            CheckpointError: the state is that of another objective.
        """
        if state:
            raise CheckpointError(
                f"the objective {self.name} has no state, but the checkpoint has {sorted(state)}"
            )


def check_columns(objective: Objective, brought: Collection[str]) -> None:
    """Raise ConfigError, before anything starts, unless a run's batches bring all columns that the
    objective needs."""
    missing = [name for name in objective.columns if name not in brought]
    if missing:
        raise ConfigError(
            f"the objective {objective.name} needs {', '.join(missing)}, which nothing in this run "
            f"brings; its batches have {', '.join(sorted(brought))}"
        )
