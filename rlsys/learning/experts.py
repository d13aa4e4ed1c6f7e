"""What a learner does about its policy's experts: counts their load, balances it, replays a choice.

    a step:     rehearse     without gradient, where a choice is replayed or a loss needs the load
                each row     its routers are seen, and go by the choice of the rehearsal
                advance      the bias follows the step's load, and the load becomes metrics

Load is counted over the step's tokens on all ranks, a prompt once for each of its completions
(algorithms/balance.py), so nothing here depends on microbatches or ranks. A policy without routers
has none of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from rlsys.algorithms.balance import (
    balance_loss,
    load_of,
    max_load,
    moved_bias,
    num_starved,
    total_entropy,
)
from rlsys.config.experts import ExpertsConfig, Replay
from rlsys.errors import ConfigError
from rlsys.learning.layout import Layout
from rlsys.learning.microbatches import Microbatch
from rlsys.learning.ranks import Ranks
from rlsys.learning.routing import BIAS, Routers, Routing


@dataclass
class Counted:
    """Over some rows of this rank; what is summed over ranks is the batch's."""

    load: Tensor
    """[L, E] float64."""
    entropy: Tensor
    """[L] float64, as total_entropy has it."""
    probability: Tensor
    """[L, E] float64, summed."""
    tokens: float = 0.0
    """That were counted: sum of c_t."""

    def add(self, routings: Sequence[Routing], counts: Tensor) -> None:
        """A row's."""
        for layer, routing in enumerate(routings):
            p = routing.probabilities.detach()
            self.load[layer] += load_of(routing.experts, counts, p.shape[-1])
            self.entropy[layer] += total_entropy(p, counts)
            self.probability[layer] += (counts[:, None] * p).sum(0)
        self.tokens += float(counts.sum())


@dataclass(frozen=True)
class Rehearsal:
    """A minibatch that went through the policy before its update."""

    experts: list[list[Tensor]]
    """Of each of this rank's rows, by layer: [S, k] int16, on the CPU; nothing where they are not
    replayed."""
    load: Tensor
    """[L, E] on all ranks."""
    tokens: float


class Experts:
    """Of one rank's policy."""

    def __init__(self, model: PreTrainedModel, ranks: Ranks) -> None:
        """Raises:
        ConfigError: a choice is to be replayed, and there are no routers.
        """
        self.config: ExpertsConfig = ranks.config.experts
        self.ranks = ranks
        self.replays = self.config.replay is Replay.learner
        self.routers = Routers(model, proves=self.replays)
        self.coefficient = coefficient_of(self.config, model.config) if self.routers else 0.0
        if self.replays and not self.routers:
            raise ConfigError(
                f"learner.experts.replay=learner: {type(model).__name__} has no experts whose "
                "choice could be replayed; nearest valid: none"
            )
        self._biased = [m for m in self.routers.modules if hasattr(m, BIAS)]
        self._first = [getattr(module, BIAS).clone() for module in self._biased]
        self._rehearsals: dict[tuple[int, ...], Rehearsal] = {}
        self._counted = self._nothing()

    def begin(
        self,
        parts: Sequence[Sequence[int]],
        rows: Callable[[Sequence[int]], Iterable[Microbatch]],
        forward: Callable[[Microbatch], object],
    ) -> None:
        """At a step's start. The first minibatch meets the policy as it is, so it needs no replay.

        Args:
            parts: the step's minibatches.
            rows: this rank's of a minibatch.
            forward: through the policy.
        """
        self._counted, self._rehearsals = self._nothing(), {}
        if self.replays:
            for chosen in parts[1:]:
                self._rehearse(chosen, rows, forward)

    def prepare(
        self,
        chosen: Sequence[int],
        rows: Callable[[Sequence[int]], Iterable[Microbatch]],
        forward: Callable[[Microbatch], object],
    ) -> None:
        """Before a minibatch's update, which needs to know the load where there is a loss."""
        if self.coefficient and tuple(chosen) not in self._rehearsals:
            self._rehearse(chosen, rows, forward)

    @contextmanager
    def over(self, chosen: Sequence[int], number: int) -> Iterator[list[Routing]]:
        """Around the forward pass of a row, by its number in the minibatch; `over` of the next row
        or `rest` ends what it replays."""
        rehearsal = self._rehearsals.get(tuple(chosen))
        self.routers.replay(rehearsal.experts[number] if rehearsal and rehearsal.experts else None)
        with self.routers.seen() as routings:
            yield routings

    def rest(self) -> None:
        """Routers choose by themselves again."""
        self.routers.replay(None)

    def count(self, routings: Sequence[Routing], layout: Layout) -> None:
        """A row's load belongs to the step's."""
        self._counted.add(routings, layout.counts)

    def loss(self, chosen: Sequence[int], routings: Sequence[Routing], layout: Layout) -> Tensor:
        """[] of a row, the mean over layers, with its coefficient; 0 where there is none."""
        if not self.coefficient:
            return layout.counts.new_zeros(())
        known = self._rehearsals[tuple(chosen)]
        losses = [
            balance_loss(routing.probabilities, layout.counts, load, known.tokens)
            for routing, load in zip(routings, known.load, strict=True)
        ]
        return self.coefficient * torch.stack(losses).mean()

    def advance(self, moves: bool) -> dict[str, float]:
        """At a step's end; all ranks must call.

        Args:
            moves: an update was made, so the bias follows the load.
        Returns: metrics.
        """
        self._rehearsals = {}
        if not self.routers:
            return {}
        counted = self._summed(self._counted)
        if moves and self.config.bias_speed and counted.tokens:
            for layer, module in enumerate(self.routers.modules):
                if hasattr(module, BIAS):
                    bias = getattr(module, BIAS)
                    bias.copy_(moved_bias(bias, counted.load[layer], self.config.bias_speed))
        return _report(counted) if counted.tokens else {}

    @contextmanager
    def as_at_the_start(self) -> Iterator[None]:
        """Inside, biases are those that the run began with, as the reference has them."""
        now = [getattr(module, BIAS).clone() for module in self._biased]
        self._set(self._first)
        try:
            yield
        finally:
            self._set(now)

    def state_dict(self) -> dict[str, Any]:
        """The biases [E] by the router's name."""
        named = zip(self.routers.names, self.routers.modules, strict=True)
        return {n: getattr(m, BIAS).cpu().clone() for n, m in named if hasattr(m, BIAS)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self._set([tensor.to(self.ranks.device) for tensor in state.values()])

    def _set(self, biases: Sequence[Tensor]) -> None:
        for module, bias in zip(self._biased, biases, strict=True):
            getattr(module, BIAS).copy_(bias)

    @torch.no_grad()
    def _rehearse(
        self,
        chosen: Sequence[int],
        rows: Callable[[Sequence[int]], Iterable[Microbatch]],
        forward: Callable[[Microbatch], object],
    ) -> None:
        counted, kept = self._nothing(), []
        for row in rows(chosen):
            with self.routers.seen() as routings:
                forward(row)
            counted.add(routings, row.layout.counts)
            if self.replays:
                kept.append([routing.experts.to("cpu", torch.int16) for routing in routings])
        counted = self._summed(counted)
        self._rehearsals[tuple(chosen)] = Rehearsal(kept, counted.load, counted.tokens)

    def _nothing(self) -> Counted:
        layers = len(self.routers)
        experts = max((module.num_experts for module in self.routers.modules), default=0)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float64, device=self.ranks.device)

        return Counted(zeros(layers, experts), zeros(layers), zeros(layers, experts))

    def _summed(self, own: Counted) -> Counted:
        """Over all ranks."""
        tokens = self.ranks.sums({"tokens": own.tokens})["tokens"]
        return Counted(
            self.ranks.summed(own.load),
            self.ranks.summed(own.entropy),
            self.ranks.summed(own.probability),
            tokens,
        )


def coefficient_of(config: ExpertsConfig, model: PreTrainedConfig) -> float:
    """Of the load-balancing loss, for a model."""
    if config.auxiliary_loss is not None:
        return config.auxiliary_loss
    trains = getattr(model, "output_router_logits", False)
    return float(getattr(model, "router_aux_loss_coef", 0.0)) if trains else 0.0


def _report(counted: Counted) -> dict[str, float]:
    """Of each layer, and of the worst one; entropies of the least."""
    loads, entropies = counted.load.cpu(), (counted.entropy / counted.tokens).tolist()
    fullest, starved = [max_load(load) for load in loads], [num_starved(load) for load in loads]
    shares = counted.load / counted.tokens
    means = counted.probability / counted.tokens
    losses = loads.shape[1] * (shares * means).sum(1)
    by_layer: dict[str, float] = {}
    for layer, values in enumerate(zip(fullest, starved, entropies, strict=True)):
        by_layer[f"experts/layer_{layer}/max_load"] = values[0]
        by_layer[f"experts/layer_{layer}/starved"] = float(values[1])
        by_layer[f"experts/layer_{layer}/entropy"] = values[2]
    return {
        "experts/max_load": max(fullest),
        "experts/starved": max(starved) / loads.shape[1],
        "experts/entropy": min(entropies),
        "experts/balance_loss": float(losses.mean()),
        **by_layer,
    }
