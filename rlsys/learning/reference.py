"""Scoring: logprobs of sampled completions under a frozen policy, such as the reference."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from rlsys import schema
from rlsys.algorithms.packing import plan_microbatches
from rlsys.config.run import LearnerConfig, ReferenceConfig
from rlsys.data.kept_tokens import KeptTokens, kept_column
from rlsys.learning.layout import block_length, blocks_of, lay_out
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.roles import CONTRACTS
from rlsys.schema import list_column


class FrozenPolicy:
    """Scores completions for a role: its columns carry the role's name."""

    def __init__(
        self,
        role: str,
        model_path: str,
        config: ReferenceConfig,
        learner: LearnerConfig,
        temperature: float,
        latents: int = 0,
    ) -> None:
        self.role = role
        if config.gpus == 0:
            torch.set_num_threads(config.threads)
        self.config = config
        self.share_prompts = learner.share_prompts
        self.device = torch.device("cuda" if config.gpus else "cpu")
        model = load_causal_lm(model_path, getattr(torch, config.dtype.value))
        policy = PolicyModel(model, temperature, learner.logprob_chunk, latents=latents)
        self.policy = policy.to(self.device).eval()

    @torch.no_grad()
    def score(self, rollouts: pa.RecordBatch) -> pa.RecordBatch:
        """Logprobs of each completion token, nats, at the sampling temperature and over the tokens
        that truncated sampling kept.

        Args:
            rollouts: a `rollouts` batch.
        Returns: a batch of the role's contract, the same rows in the same order.
        """
        schema.check(rollouts, schema.ROLLOUTS)
        prompts = list_column(rollouts, "prompt_token_ids")
        completions = list_column(rollouts, "token_ids")
        groups = rollouts.column("group_id").to_pylist()
        logprobs = score_sequences(
            self.policy,
            prompts,
            completions,
            groups,
            self.share_prompts,
            self.config.microbatch_tokens,
            kept_column(rollouts),
        )
        return annotation(self.role, rollouts, logprobs)


def annotation(
    role: str, rollouts: pa.RecordBatch, logprobs: Sequence[np.ndarray]
) -> pa.RecordBatch:
    """What a role that scores says of a `rollouts` batch.

    Args:
        logprobs: [T_i] of each row's completion, nats.
    """
    keys = {name: rollouts.column(name) for name in ("group_id", "sample_index")}
    return schema.build(CONTRACTS[role], keys | {f"{role}_logprobs": logprobs})


@torch.no_grad()
def score_sequences(
    policy: PolicyModel,
    prompts: list[np.ndarray],
    completions: list[np.ndarray],
    groups: list[int],
    share_prompts: bool,
    microbatch_tokens: int,
    kept: list[KeptTokens] | None = None,
) -> list[np.ndarray]:
    """Logprobs [T_i] float32 of each completion under a policy, without gradient; over the kept
    tokens of each position, where they are given."""
    device = next(policy.parameters()).device
    blocks = blocks_of(groups, len(completions), share_prompts)
    latents = policy.latents
    lengths = [block_length(block, prompts, completions, latents, kept) for block in blocks]
    (plan,) = plan_microbatches(lengths, microbatch_tokens, 1)
    logprobs: list[np.ndarray] = [np.empty(0, dtype=np.float32)] * len(completions)
    for microbatch in plan:
        chosen = [blocks[b] for b in microbatch]
        layout = lay_out(chosen, prompts, completions, kept, latents).to(device)
        of_layout, _ = policy(layout)
        values = of_layout.float().cpu().numpy()
        start = 0
        for i in layout.sequences:
            logprobs[i] = values[start : start + len(completions[i])]
            start += len(completions[i])
    return logprobs
