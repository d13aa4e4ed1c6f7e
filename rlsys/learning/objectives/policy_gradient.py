"""The objective of reinforcement learning: GRPO and its family, as `algorithm:` puts them together.

Columns that the loss reads, [T_i] for each completion:

    rollout_logprobs     under the policy that sampled
    policy_versions      which version that was, token by token
    reference_logprobs   under the frozen initial policy, where there is a KL term
    teacher_logprobs     of a teacher, and so on: whatever the loss names (algorithms/contract.py)
    advantages           one number for all tokens of a completion, or a number for each
    values, returns      of the critic, for estimator=gae; made here
    proximal_logprobs    under the policy at the step's start; made here where several minibatches
                         move it (decoupled_recompute)

Another term of each token's advantage is an AdvantageTerm: it names the columns that it is made of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from rlsys import schema
from rlsys.algorithms.aggregation import sequence_weights
from rlsys.algorithms.contract import Bound, TokenLoss
from rlsys.algorithms.gae import explained_variance
from rlsys.algorithms.kl import adapted_kl_coefficient
from rlsys.algorithms.kl_alone import kl_alone, kl_share
from rlsys.algorithms.losses import LossInputs, policy_loss
from rlsys.algorithms.off_policy import diagnostics, interpolate_proximal
from rlsys.algorithms.registry import Registry, batch_columns
from rlsys.config.algorithm import AlgorithmConfig, OffPolicy, is_per_token
from rlsys.config.run import LearnerConfig, SamplingConfig
from rlsys.learning.columns import policy_columns
from rlsys.learning.critic import Critic
from rlsys.learning.microbatches import Microbatch
from rlsys.learning.network import Outputs
from rlsys.learning.objectives.base import Instead, Loss, Objective, Scorer
from rlsys.learning.report import Update, num_skipped
from rlsys.learning.sequences import Sequences
from rlsys.learning.token_advantages import fill_token_advantages


@dataclass(frozen=True)
class AdvantageTerm:
    """Something that is added to the advantage of each token."""

    columns: tuple[str, ...]
    """Of the batch, that it is made of."""
    values: Callable[[Sequences], list[np.ndarray]]
    """[T_i] for each completion."""
    alone: bool = False
    """In the place of the advantages that follow from rewards."""


class PolicyGradient(Objective):
    """Advantages, importance ratios, off-policy weights and the KL to the reference."""

    name = "policy_gradient"
    recorded = ("log_ratio", "clip")

    def __init__(
        self,
        algorithm: AlgorithmConfig,
        learner: LearnerConfig,
        sampling: SamplingConfig,
        critic: Critic | None = None,
        terms: Sequence[AdvantageTerm] = (),
        loss: Bound[TokenLoss] | None = None,
        latents: int = 0,
    ) -> None:
        """Args:
        critic: for advantage.estimator=gae.
        loss: of a token, where it is a plug-in's; None: the built-in one that is configured.
        latents: that the policy makes of each prompt; a critic reads the prompt without.
        """
        self.latents = latents
        self.token_loss = loss or Registry().loss_of(algorithm)
        self.algorithm, self.critic, self.terms = algorithm, critic, terms
        self.temperature, self.max_tokens = sampling.temperature, sampling.max_tokens
        self.entropy_gradient = (
            algorithm.loss.entropy_coefficient > 0 or "entropy" in self.token_loss.columns
        )
        self.dtype: torch.dtype = getattr(torch, learner.dtype.value)
        moves_within_a_step = learner.minibatches > 1
        self.scores_proximal = (
            moves_within_a_step and algorithm.off_policy.mode is OffPolicy.decoupled_recompute
        )
        self.kl_coefficient = algorithm.kl.coefficient
        """Of the next step; algorithm.kl.target moves it."""
        self.kl_alone = kl_alone(algorithm)
        own = policy_columns(algorithm, self.token_loss)
        asked = [*own, *(name for term in terms for name in term.columns)]
        self.columns = tuple(dict.fromkeys([*schema.training().names, *asked]))

    def prepare(self, batch: pa.RecordBatch, version: int, score: Scorer) -> Sequences:
        """The rows of a `training` batch with advantages, those of each token filled in."""
        sequences = Sequences.from_training(batch, version)
        if not len(sequences):
            return sequences
        columns = sequences.columns
        if self.critic:
            columns["values"] = self.critic.values(sequences)
        if is_per_token(self.algorithm.advantage.estimator):
            fill_token_advantages(sequences, self.algorithm, self.kl_coefficient)
        for term in self.terms:
            added = term.values(sequences)
            pairs = zip(columns["advantages"], added, strict=True)
            columns["advantages"] = added if term.alone else [a + b for a, b in pairs]
        if self.scores_proximal:
            columns["proximal_logprobs"] = score(sequences)
        return sequences

    def weights(self, sequences: Sequences, chosen: Sequence[int]) -> np.ndarray:
        """What algorithm.loss.aggregation divides by."""
        groups = np.array([sequences.groups[i] for i in chosen])
        lengths = sequences.num_trained[list(chosen)]
        return sequence_weights(lengths, groups, self.algorithm.loss.aggregation, self.max_tokens)

    def has_signal(self, sequences: Sequences, chosen: Sequence[int]) -> bool:
        """Whether any trained token has an advantage."""
        return sequences.has_any("advantages", chosen)

    def loss(self, sequences: Sequences, microbatch: Microbatch, outputs: Outputs) -> Loss:
        """The policy loss; see algorithms/losses.py."""
        return self._loss(self.algorithm, sequences, microbatch, outputs)

    def without_signal(self, means: Mapping[str, float]) -> Instead | None:
        """The KL term alone, as slowly as it weighs; see algorithms/kl_alone.py."""
        share = kl_share(means.get("kl", 0.0), self.kl_coefficient, self.dtype)
        return Instead(partial(self._loss, self.kl_alone), share) if share else None

    def learn_beside(
        self, sequences: Sequences, chosen: Sequence[int], weights: np.ndarray
    ) -> dict[str, float]:
        """The critic learns the returns."""
        return self.critic.learn(sequences, chosen, weights) if self.critic else {}

    def advance(self, means: Mapping[str, float]) -> None:
        """Adapt the KL's coefficient, where it has a target."""
        target = self.algorithm.kl.target
        if target:
            observed = means.get("kl", 0.0)
            self.kl_coefficient = adapted_kl_coefficient(self.kl_coefficient, observed, target)

    def report(
        self,
        means: Mapping[str, float],
        samples: Mapping[str, Tensor],
        updates: Sequence[Update],
    ) -> dict[str, float]:
        """The loss's metrics, how far the data are from the policy, and the critic's."""
        report = dict(means)
        if "critic_returns_square" in report:
            report["critic_explained_variance"] = explained_variance(
                report["critic_value_error"],
                report["critic_returns"],
                report.pop("critic_returns_square"),
            )
        clipped = report.get("clipped_low", 0.0) + report.get("clipped_high", 0.0)
        without_signal = sum(not update.has_signal for update in updates)
        return {
            **report,
            **diagnostics(samples["log_ratio"]),
            "clip_fraction": clipped,
            "kl_only_updates": float(without_signal - num_skipped(updates)),
            "kl_coefficient": self.kl_coefficient,
        }

    @property
    def in_deepspeed(self) -> dict[str, Any]:
        """The critic's."""
        return {"deepspeed_critic": self.critic.deepspeed} if self.critic else {}

    def state_dict(self) -> dict[str, Any]:
        """The adapted coefficient."""
        return {"kl_coefficient": self.kl_coefficient}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the adapted coefficient."""
        self.kl_coefficient = state["kl_coefficient"]

    def _loss(
        self,
        algorithm: AlgorithmConfig,
        sequences: Sequences,
        microbatch: Microbatch,
        outputs: Outputs,
    ) -> Loss:
        inputs = self._inputs(sequences, microbatch, outputs)
        output = policy_loss(inputs, self.token_loss, algorithm, self.kl_coefficient)
        samples = {"log_ratio": output.log_ratio}
        return Loss(output.loss, output.metrics, samples, output.tokens)

    def _inputs(self, sequences: Sequences, microbatch: Microbatch, outputs: Outputs) -> LossInputs:
        logprobs, entropy = outputs
        layout = microbatch.layout
        policy = layout.padded(logprobs)
        rollout = sequences.gather("rollout_logprobs", layout)
        has_reference = "reference_logprobs" in sequences.columns
        return LossInputs(
            policy_logprobs=policy,
            rollout_logprobs=rollout,
            proximal_logprobs=self._proximal(sequences, microbatch, policy, rollout),
            reference_logprobs=(
                sequences.gather("reference_logprobs", layout) if has_reference else None
            ),
            advantages=sequences.gather("advantages", layout),
            mask=sequences.mask(layout),
            weights=microbatch.weights,
            entropy=layout.padded(entropy),
            columns={
                name: sequences.gather(name, layout) for name in batch_columns(self.token_loss)
            },
        )

    def _proximal(
        self, sequences: Sequences, microbatch: Microbatch, policy: Tensor, rollout: Tensor
    ) -> Tensor | None:
        """[B, T] logprobs under the policy at the step's start, for the decoupled modes."""
        layout = microbatch.layout
        match self.algorithm.off_policy.mode:
            case OffPolicy.bypass:
                return None
            case OffPolicy.decoupled_interpolate:
                versions = sequences.gather("policy_versions", layout)
                return interpolate_proximal(rollout, policy.detach(), versions, sequences.version)
            case OffPolicy.decoupled_recompute if self.scores_proximal:
                return sequences.gather("proximal_logprobs", layout)
        # With one update a step, the policy being trained is the one of the step's start.
        return policy.detach()
