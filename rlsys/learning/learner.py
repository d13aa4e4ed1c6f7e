"""Learning: one rank that turns batches into policy versions, by whatever objective it is given.

    step(batch):  objective.prepare -> minibatches -> an update each -> report
    an update:    forward and backward over this rank's microbatches, the learning rate, a step

Ranks are given the same batch, and each takes its own microbatches of it. What the loss is, which
columns it reads and what else learns beside the policy is the objective's (objectives/base.py).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from rlsys.learning.experts import Experts
from rlsys.learning.lora import add_adapter, without_adapter
from rlsys.learning.microbatches import Microbatch, Microbatches, minibatches
from rlsys.learning.network import Network
from rlsys.learning.objectives.base import LossFunction, Objective
from rlsys.learning.packing_proof import check_packing
from rlsys.learning.policy import PolicyModel, checkpoint_layers
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import annotation
from rlsys.learning.report import (
    SKIPPED,
    Totals,
    Update,
    num_skipped,
    numbers,
    updates_report,
)
from rlsys.learning.schedule import Schedule
from rlsys.learning.sequences import Sequences
from rlsys.learning.token_record import TokenRecord
from rlsys.learning.work import memory_report, speed_report, work_of
from rlsys.roles import REFERENCE

Saw = Callable[[int, int, Microbatch, Mapping[str, torch.Tensor]], None]
"""Told of each of a minibatch's microbatches: rank, its number, itself, what it made of tokens."""


class Learner:
    """One rank's policy, wrapped by DeepSpeed."""

    def __init__(
        self,
        model_path: str,
        objective: Objective,
        ranks: Ranks,
        schedule: Schedule,
        reference: PolicyModel | None = None,
    ) -> None:
        """reference: the policy that the run began with, where these ranks hold it beside their
        own."""
        self.objective, self.ranks, self.schedule = objective, ranks, schedule
        self.config = ranks.config
        self.updates = 0
        """Made so far; skipped ones are not among them."""
        self.trained: dict[str, pa.Array] = {}
        """The newest step's tokens, a row for each sequence that took part; see TokenRecord."""
        network = objective.network(model_path, ranks)
        self.work = work_of(network.model.config, has_adapter=self.config.lora is not None)
        self.microbatches = Microbatches(
            ranks, objective.whole_groups, objective.latents, self.work
        )
        if self.config.lora:
            add_adapter(network.model, self.config.lora, network.new_parts)
        if self.config.gradient_checkpointing:
            checkpoint_layers(network.model)
        self.deepspeed = ranks.into_deepspeed(network, schedule.config.learning_rate)
        self.policy: Network = self.deepspeed.module
        self.reference = reference
        self.experts = Experts(self.policy.model, ranks)

    def step(self, batch: pa.RecordBatch, version: int) -> dict[str, float]:
        """One step: config.minibatches updates.

        Args:
            batch: the whole global batch, the same on every rank.
            version: the policy version being trained.
        Returns: metrics; means over what the loss counts where not said otherwise.
        """
        started = time.monotonic()
        sequences = self.objective.prepare(batch, version, self.score)
        self.trained = {}
        if not len(sequences):
            return {"trained_sequences": 0.0, "trained_tokens": 0.0}
        totals, parts = Totals(), list(minibatches(sequences, self.config.minibatches))
        self.experts.begin(parts, partial(self._rows, sequences), self._forward)
        record = TokenRecord(sequences, self.objective.recorded)
        updates = [
            self._update(sequences, chosen, totals, partial(record.saw, number))
            for number, chosen in enumerate(parts)
        ]
        if self.objective.recorded:
            self.trained = record.columns(self.ranks)
        means, samples = totals.means(self.ranks), totals.all_samples(self.ranks)
        moved = num_skipped(updates) < len(updates)
        if moved:
            self.objective.advance(means)
        return {
            **self.objective.report(means, samples, updates),
            **updates_report(updates),
            **self.experts.advance(moved),
            **memory_report(self.ranks.device),
            "trained_tokens": float(sequences.num_trained.sum()),
            "trained_sequences": float(len(sequences)),
            **self._speed(sequences, parts, updates, time.monotonic() - started),
        }

    def measure(self, batch: pa.RecordBatch, version: int) -> dict[str, float]:
        """The objective's loss on a batch, and its metrics, without learning from it."""
        sequences = self.objective.prepare(batch, version, self.score)
        everything = list(range(len(sequences)))
        weights = self.objective.weights(sequences, everything).astype(np.float32)
        totals = self._through_policy(
            sequences, everything, weights, self.objective.loss, learns=False
        )
        return totals.means(self.ranks)

    def score(self, sequences: Sequences) -> list[np.ndarray]:
        """Logprobs of every completion under the policy as it is, without gradient. All ranks must
        call with the same sequences; each scores its share."""
        return self._scored(sequences, self.policy)

    def score_reference(self, rollouts: pa.RecordBatch) -> pa.RecordBatch:
        """A `reference` batch of the same rows: logprobs of each completion token under the policy
        that the run began with, which is the one held beside the policy, or else the policy without
        its adapter. All ranks must call with the same batch; each scores its share."""
        sequences = Sequences.from_rollouts(rollouts)
        with without_adapter(self.policy.model), self.experts.as_at_the_start():
            logprobs = self._scored(sequences, self.reference or self.policy)
        return annotation(REFERENCE, rollouts, logprobs)

    def _scored(self, sequences: Sequences, policy: Network) -> list[np.ndarray]:
        return self.microbatches.numbers(
            sequences, lambda own: policy(own.layout, own.num_chunks)[0]
        )

    def prove_packing(self, token_ids: list[int]) -> None:
        """Raise ConfigError unless sequences of one row see nothing of each other in this model."""
        check_packing(self.policy, np.array(token_ids), self.config.dtype)

    @property
    def in_deepspeed(self) -> dict[str, Any]:
        """What DeepSpeed wraps, by the name of its folder in a checkpoint."""
        return {"deepspeed": self.deepspeed, **self.objective.in_deepspeed}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold beside what DeepSpeed keeps."""
        return {
            "updates": self.updates,
            "objective": self.objective.state_dict(),
            "experts": self.experts.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.updates = state["updates"]
        self.objective.load_state_dict(state["objective"])
        self.experts.load_state_dict(state["experts"])

    def _update(self, sequences: Sequences, chosen: list[int], totals: Totals, saw: Saw) -> Update:
        """One optimizer update, or none where there is nothing to follow. What the minibatch's own
        loss gave is included in `totals`."""
        weights = np.zeros(len(sequences), dtype=np.float32)
        weights[chosen] = self.objective.weights(sequences, chosen)
        learns = self.objective.has_signal(sequences, chosen)
        self.experts.prepare(chosen, partial(self._rows, sequences), self._forward)
        own = self._through_policy(sequences, chosen, weights, self.objective.loss, learns, saw)
        totals.include(own)
        totals.add(self.objective.learn_beside(sequences, chosen, weights))
        share = 1.0
        if not learns:
            instead = self.objective.without_signal(own.means(self.ranks))
            if instead is None:
                return SKIPPED
            self._through_policy(sequences, chosen, weights, instead.loss, learns=True)
            share = instead.share
        learning_rate = self.schedule.rate(self.updates) * share
        for group in self.deepspeed.optimizer.param_groups:
            group["lr"] = learning_rate
        self.deepspeed.step()
        self.updates += 1
        norm = self.deepspeed.get_global_grad_norm()
        return Update(learns, learning_rate, None if norm is None else float(norm))

    def _speed(
        self,
        sequences: Sequences,
        parts: Sequence[list[int]],
        updates: Sequence[Update],
        seconds: float,
    ) -> dict[str, float]:
        """How long a step took, and what each rank computed in it, of updates that were made."""
        if self.work is None:
            return {"learn_s": seconds}
        made = (part for part, update in zip(parts, updates, strict=True) if update != SKIPPED)
        flops = sum(self.microbatches.flops(sequences, part) for part in made)
        own = flops / self.ranks.world_size
        return {"learn_s": seconds, **speed_report(own, seconds, self.ranks.device)}

    def _through_policy(
        self,
        sequences: Sequences,
        chosen: list[int],
        weights: np.ndarray,
        loss: LossFunction,
        learns: bool,
        saw: Saw | None = None,
    ) -> Totals:
        """Forward over this rank's microbatches; to learn, backward too.

        Args:
            saw: told of each row of a step's own pass, whose tokens are the experts' load, too.
        """
        totals = Totals()
        # A forward that no backward follows must not reach DeepSpeed's bookkeeping of them.
        policy = self.deepspeed if learns else self.policy
        for number, microbatch in enumerate(self.microbatches.own(sequences, chosen, weights)):
            self.deepspeed.set_gradient_accumulation_boundary(microbatch.is_last)
            with torch.set_grad_enabled(learns):
                with self.experts.over(chosen, number) as routings:
                    outputs = policy(microbatch.layout, microbatch.num_chunks)
                output = loss(sequences, microbatch, outputs)
            if saw:
                self.experts.count(routings, microbatch.layout)
            if learns:
                balance = self.experts.loss(chosen, routings, microbatch.layout)
                # DeepSpeed averages gradients over ranks; the weights already count all of them.
                self.deepspeed.backward((output.loss + balance) * self.ranks.world_size)
            totals.add(numbers({"loss": output.loss.detach(), **output.sums}))
            totals.keep(output.samples)
            if saw and output.tokens:
                saw(self.ranks.rank, number, microbatch, output.tokens)
        self.experts.rest()
        return totals

    def _rows(self, sequences: Sequences, chosen: Sequence[int]) -> Iterator[Microbatch]:
        """This rank's of a minibatch, where nothing is learned from them."""
        return self.microbatches.own(sequences, chosen, np.zeros(len(sequences), np.float32))

    def _forward(self, row: Microbatch) -> object:
        return self.policy(row.layout, row.num_chunks)
