"""Learning: one DeepSpeed rank that turns training batches into policy versions."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import torch

from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.kl import adapted_kl_coefficient
from rlsys.algorithms.kl_alone import kl_alone, kl_share
from rlsys.algorithms.losses import LossInputs, policy_loss
from rlsys.algorithms.packing import plan_microbatches
from rlsys.algorithms.proximal import interpolate_proximal
from rlsys.config.algorithm import Advantage, AlgorithmConfig, OffPolicy
from rlsys.config.run import LearnerConfig
from rlsys.determinism import random_states, set_random_states
from rlsys.errors import CheckpointError
from rlsys.learning.critic import Critic
from rlsys.learning.deepspeed_setup import Rank, import_deepspeed, initialize
from rlsys.learning.layout import Layout, block_length, blocks_of, lay_out
from rlsys.learning.packing_proof import check_packing
from rlsys.learning.policy import PolicyModel, checkpoint_layers, load_causal_lm
from rlsys.learning.reference import score_sequences
from rlsys.learning.report import (
    SKIPPED,
    Update,
    add,
    mean_over_tokens,
    step_report,
    updates_report,
)
from rlsys.learning.sequences import Sequences
from rlsys.learning.token_advantages import fill_token_advantages
from rlsys.weights.bundle import Manifest, Named, pack, plan_buckets
from rlsys.weights.canary import Canary
from rlsys.weights.saved_form import SavedForm

T = TypeVar("T")
_SAVED_AT_ONCE = 64 << 20
"""Bytes that ZeRO-3 gathers at a time for a checkpoint."""


class LearnerEngine:
    """One rank. Every rank is given the same batch and takes its own microbatches of it."""

    def __init__(
        self,
        model_path: str,
        config: LearnerConfig,
        algorithm: AlgorithmConfig,
        temperature: float,
        max_tokens: int,
        place: Rank,
        seed: int,
    ) -> None:
        self.config, self.algorithm, self.place = config, algorithm, place
        self.max_tokens = max_tokens
        self.updates = 0
        self.device = torch.device("cuda" if config.gpus else "cpu")
        deepspeed = import_deepspeed(place, config.gpus > 0, config.threads)
        torch.manual_seed(seed)
        model = load_causal_lm(model_path, torch.float32)
        if config.gradient_checkpointing:
            checkpoint_layers(model)
        policy = PolicyModel(
            model, temperature, config.logprob_chunk, algorithm.entropy_coefficient > 0
        )
        self.engine = initialize(deepspeed, policy, config, config.optimizer.learning_rate)
        self.gathered = deepspeed.zero.GatheredParameters
        self.policy: PolicyModel = self.engine.module
        self.saved_form = SavedForm(self.policy.model, self._own_shapes())
        self.critic = (
            Critic(deepspeed, model_path, config, algorithm)
            if algorithm.advantage is Advantage.gae
            else None
        )

    # --- one optimizer step --------------------------------------------------------------------

    def step(self, batch: pa.RecordBatch, version: int) -> dict[str, float]:
        """One step (config.minibatches updates) on a `training` batch.

        Args:
            batch: the whole global batch, the same on every rank.
            version: the policy version being trained.
        Returns: metrics; means over trained tokens where not said otherwise.
        """
        started = time.monotonic()
        sequences = Sequences.from_batch(batch)
        if not len(sequences):
            return {"trained_sequences": 0.0, "trained_tokens": 0.0}
        if self.critic:
            everything = self._layouts(sequences, range(len(sequences)), all_ranks=True)
            sequences.values = self.critic.values(sequences, [layout for layout, _ in everything])
        if self.algorithm.advantage in (Advantage.gae, Advantage.token_returns):
            fill_token_advantages(sequences, self.algorithm)
        several = self.config.minibatches > 1
        if several and self.algorithm.off_policy is OffPolicy.decoupled_recompute:
            sequences.proximal = self._score(sequences)
        totals: dict[str, float] = {}
        log_ratios: list[torch.Tensor] = []
        updates = [
            self._update(sequences, minibatch, version, totals, log_ratios)
            for minibatch in self._minibatches(sequences)
        ]
        report = step_report(sequences, totals, log_ratios, self.place, self.device)
        report |= updates_report(updates)
        if self.algorithm.kl_target and report["skipped_updates"] < len(updates):
            observed = report.get("kl", 0.0)
            self.algorithm = replace(
                self.algorithm,
                kl_coefficient=adapted_kl_coefficient(
                    self.algorithm.kl_coefficient, observed, self.algorithm.kl_target
                ),
            )
        return report | {
            "kl_coefficient": self.algorithm.kl_coefficient,
            "learn_s": time.monotonic() - started,
        }

    def _minibatches(self, sequences: Sequences) -> Iterator[list[int]]:
        """Whole groups, in order, shared among config.minibatches updates."""
        groups = list(dict.fromkeys(sequences.groups))
        for part in np.array_split(np.array(groups), self.config.minibatches):
            members = set(part.tolist())
            chosen = [i for i, group in enumerate(sequences.groups) if group in members]
            if chosen:
                yield chosen

    def _update(
        self,
        sequences: Sequences,
        minibatch: list[int],
        version: int,
        totals: dict[str, float],
        log_ratios: list[torch.Tensor],
    ) -> Update:
        """One optimizer update, or none where answers have no advantage and the KL asks for none.

        Adds to `totals` and `log_ratios` what the forward of the batch's own loss gave.
        """
        weights = np.zeros(len(sequences), dtype=np.float32)
        weights[minibatch] = sequence_weights(
            sequences.num_trained[minibatch],
            np.array([sequences.groups[i] for i in minibatch]),
            self.algorithm,
            self.max_tokens,
        )
        learns = sequences.has_advantage(minibatch)
        batch = (sequences, minibatch, weights, version)
        sums, ratios = self._through_policy(*batch, self.algorithm, learns)
        add(totals, sums)
        log_ratios += ratios
        if self.critic:
            for layout, _, own, is_last in self._microbatches(sequences, minibatch, weights):
                world = self.place.world_size
                add(totals, self.critic.learn(sequences, layout, own, world, is_last))
        share = 1.0
        if not learns:
            kl = mean_over_tokens(sums, "kl", self.place, self.device)
            share = kl_share(kl, self.algorithm.kl_coefficient, self.weight_dtype)
            if not share:
                return SKIPPED
            self._through_policy(*batch, kl_alone(self.algorithm), learns=True)
        learning_rate = self._set_learning_rate(share)
        self.engine.step()
        self.updates += 1
        norm = self.engine.get_global_grad_norm()
        return Update(learns, learning_rate, None if norm is None else float(norm))

    def _through_policy(
        self,
        sequences: Sequences,
        minibatch: list[int],
        weights: np.ndarray,
        version: int,
        algorithm: AlgorithmConfig,
        learns: bool,
    ) -> tuple[dict[str, float], list[torch.Tensor]]:
        """Forward over this rank's microbatches; to learn, backward too.

        Returns: sums of metrics over trained tokens, and the log ratios of each microbatch.
        """
        totals: dict[str, float] = {}
        log_ratios = []
        # A forward that no backward follows must not reach DeepSpeed's bookkeeping of them.
        policy = self.engine if learns else self.policy
        for layout, chunks, own, is_last in self._microbatches(sequences, minibatch, weights):
            self.engine.set_gradient_accumulation_boundary(is_last)
            with torch.set_grad_enabled(learns):
                logprobs, entropy = policy(layout, chunks)
                inputs = self._loss_inputs(sequences, layout, version, own, logprobs, entropy)
                output = policy_loss(inputs, algorithm)
            if learns:
                # DeepSpeed averages gradients over ranks; the weights already count all of them.
                self.engine.backward(output.loss * self.place.world_size)
            log_ratios.append(output.log_ratio.float().cpu())
            sums = {"loss": output.loss.detach(), **output.metrics}
            add(totals, {name: float(value) for name, value in sums.items()})
        return totals, log_ratios

    def _microbatches(
        self, sequences: Sequences, minibatch: list[int], weights: np.ndarray
    ) -> Iterator[tuple[Layout, int | None, torch.Tensor, bool]]:
        """This rank's: layout, the head's calls, its answers' weights, and whether it is last."""
        layouts = list(self._layouts(sequences, minibatch))
        for number, (layout, num_chunks) in enumerate(layouts):
            own = torch.from_numpy(weights[list(layout.sequences)]).to(self.device)
            yield layout, num_chunks, own, number == len(layouts) - 1

    def _layouts(
        self, sequences: Sequences, chosen: list[int] | range, all_ranks: bool = False
    ) -> Iterator[tuple[Layout, int | None]]:
        """This rank's microbatches, or every rank's, with the head's calls for each."""
        groups = [sequences.groups[i] for i in chosen]
        blocks = blocks_of(groups, len(chosen), self.config.share_prompts)
        blocks = [[chosen[i] for i in block] for block in blocks]
        lengths = [block_length(block, sequences.prompts, sequences.answers) for block in blocks]
        world = 1 if all_ranks else self.place.world_size
        plan = plan_microbatches(lengths, self.config.microbatch_tokens, world)
        answers = sequences.answers
        nothing = [np.empty(0, dtype=np.int64)] * len(sequences)
        for number, microbatch in enumerate(plan[0 if all_ranks else self.place.rank]):
            # A rank without work must still take part in ZeRO's collectives.
            layout = (
                lay_out([blocks[b] for b in microbatch], sequences.prompts, answers, sequences.kept)
                if microbatch
                else lay_out([[chosen[0]]], sequences.prompts, nothing)
            )
            tokens = [
                sum(len(answers[i]) for b in ranks[number] for i in blocks[b]) for ranks in plan
            ]
            chunks = max(1, -(-max(tokens) // self.config.logprob_chunk))
            yield layout.to(self.device), chunks if self.config.zero_stage == 3 else None

    def _loss_inputs(
        self,
        sequences: Sequences,
        layout: Layout,
        version: int,
        weights: torch.Tensor,
        logprobs: torch.Tensor,
        entropy: torch.Tensor,
    ) -> LossInputs:
        policy = layout.padded(logprobs)
        rollout = sequences.gather(sequences.rollout_logprobs, layout)
        proximal = None
        if self.algorithm.off_policy is OffPolicy.decoupled_interpolate:
            versions = sequences.gather(sequences.versions, layout)
            proximal = interpolate_proximal(rollout, policy.detach(), versions, version)
        elif self.algorithm.off_policy is OffPolicy.decoupled_recompute:
            # With one update a step, the policy being trained is the one of the step's start.
            scored = sequences.proximal
            proximal = policy.detach() if scored is None else sequences.gather(scored, layout)
        reference = sequences.reference
        return LossInputs(
            policy_logprobs=policy,
            rollout_logprobs=rollout,
            proximal_logprobs=proximal,
            reference_logprobs=None if reference is None else sequences.gather(reference, layout),
            advantages=sequences.gather(sequences.advantages, layout),
            mask=sequences.mask(layout),
            weights=weights,
            entropy=layout.padded(entropy),
        )

    def _score(self, sequences: Sequences) -> list[np.ndarray]:
        """Logprobs of every answer under the policy as it is, without gradient."""
        return score_sequences(
            self.policy,
            sequences.prompts,
            sequences.answers,
            sequences.groups,
            self.config.share_prompts,
            self.config.microbatch_tokens,
            sequences.kept,
        )

    def _set_learning_rate(self, share: float) -> float:
        """For the next update: that of the warm-up's place, and `share` of it."""
        optimizer = self.config.optimizer
        warm = min(1.0, (self.updates + 1) / max(1, optimizer.warmup_steps))
        for group in self.engine.optimizer.param_groups:
            group["lr"] = optimizer.learning_rate * warm * share
        return optimizer.learning_rate * warm * share

    # --- weights -------------------------------------------------------------------------------

    def publish(
        self, version: int, bucket_bytes: int, send: Callable[[list[np.ndarray]], T]
    ) -> tuple[Manifest, list[T]] | None:
        """The weights in buckets, each given to `send`; see bundle.pack. All ranks must call;
        rank 0 returns the manifest and what `send` returned."""
        buckets = self.buckets(bucket_bytes)
        if self.place.rank == 0:
            return pack(version, buckets, send)
        for _ in buckets:
            pass
        return None

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors that every publish holds, by their names in a checkpoint; whole shapes."""
        return self.saved_form.shapes

    def _own_shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the policy's parameters, by their names in the model; whole shapes."""
        named: list[tuple[str, Any]] = list(self.policy.model.named_parameters())
        sharded = self.config.zero_stage == 3
        return {name: tuple(p.ds_shape if sharded else p.shape) for name, p in named}

    @property
    def weight_dtype(self) -> torch.dtype:
        """What the weights are published in."""
        return getattr(torch, self.config.dtype.value)

    def buckets(self, bucket_bytes: int) -> Iterator[list[Named]]:
        """All weights as a checkpoint holds them, on the learner's device; whole tensors, no more
        than bucket_bytes (or one parameter) at a time. They live as those of `_gathered` do."""
        for bucket in self._gathered(bucket_bytes):
            yield list(self.saved_form.of(bucket))

    def _gathered(self, bucket_bytes: int) -> Iterator[list[Named]]:
        """All parameters under their own names.

        ZeRO-3 gathers a bucket as it is asked for and lets it go when the next one is: its
        tensors must not be used after that. All ranks must go through all buckets.
        """
        dtype = self.weight_dtype
        named = list(self.policy.model.named_parameters())
        sizes = [
            math.prod(shape) * max(dtype.itemsize, parameter.itemsize)
            for shape, (_, parameter) in zip(self._own_shapes().values(), named, strict=True)
        ]
        for indices in plan_buckets(sizes, bucket_bytes):
            bucket = [named[i] for i in indices]
            parameters = [parameter for _, parameter in bucket]
            with self.gathered(parameters, enabled=self.config.zero_stage == 3):
                yield [(name, parameter.detach().to(dtype)) for name, parameter in bucket]

    def prove_packing(self, token_ids: list[int]) -> None:
        """Raise ConfigError unless sequences of one row see nothing of each other in this model."""
        check_packing(self.policy, np.array(token_ids), self.config.dtype)

    def canary(self, token_ids: list[int]) -> Canary:
        """Logprobs of a fixed sequence under the present weights, at temperature 1."""
        prompt, answer = np.array(token_ids[:1]), np.array(token_ids[1:])
        temperature, self.policy.temperature = self.policy.temperature, 1.0
        (logprobs,) = score_sequences(self.policy, [prompt], [answer], [0], False, 1 << 30)
        self.policy.temperature = temperature
        return Canary(token_ids, logprobs.tolist(), self.config.dtype)

    # --- checkpoints ---------------------------------------------------------------------------

    def save(self, folder: Path, tokenizer_path: str) -> None:
        """DeepSpeed's state under folder/deepspeed, the policy in Hugging Face form under
        folder/policy. All ranks must call; the caller renames the folder when all are done."""
        for name, engine in self._engines().items():
            engine.save_checkpoint(str(folder / name), tag="state")
        own = {
            "updates": self.updates,
            "kl_coefficient": self.algorithm.kl_coefficient,
            "random": random_states(),
        }
        torch.save(own, folder / f"rank-{self.place.rank}.pt")
        weights = {n: t.cpu().clone() for b in self._gathered(_SAVED_AT_ONCE) for n, t in b}
        if self.place.rank == 0:
            from transformers import AutoTokenizer

            self.policy.model.save_pretrained(folder / "policy", state_dict=weights)
            AutoTokenizer.from_pretrained(tokenizer_path).save_pretrained(folder / "policy")

    def load(self, folder: Path) -> None:
        """Go on where `save` was called: weights, optimizers, counters and random states. All
        ranks must call, on an engine that has not stepped yet, as many as there were then.

        Raises:
            CheckpointError: DeepSpeed finds no state of this rank in the folder.
        """
        for name, engine in self._engines().items():
            path, _ = engine.load_checkpoint(str(folder / name), tag="state")
            if path is None:
                raise CheckpointError(f"{folder / name}: no state of rank {self.place.rank}")
        own = torch.load(folder / f"rank-{self.place.rank}.pt", weights_only=True)
        self.updates = own["updates"]
        self.algorithm = replace(self.algorithm, kl_coefficient=own["kl_coefficient"])
        set_random_states(own["random"])

    def _engines(self) -> dict[str, Any]:
        """DeepSpeed's engines by the name of their folder in a checkpoint."""
        critic = {"deepspeed_critic": self.critic.engine} if self.critic else {}
        return {"deepspeed": self.engine} | critic
