"""Scoring: logprobs of sampled answers under a frozen policy, such as the reference."""

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
    """Scores answers for a role: its columns carry the role's name."""

    def __init__(
        self,
        role: str,
        model_path: str,
        config: ReferenceConfig,
        learner: LearnerConfig,
        temperature: float,
    ) -> None:
        self.contract = CONTRACTS[role]
        if config.gpus == 0:
            torch.set_num_threads(config.threads)
        self.config = config
        self.share_prompts = learner.share_prompts
        self.device = torch.device("cuda" if config.gpus else "cpu")
        model = load_causal_lm(model_path, getattr(torch, config.dtype.value))
        self.policy = PolicyModel(model, temperature, learner.logprob_chunk).to(self.device).eval()

    @torch.no_grad()
    def score(self, rollouts: pa.RecordBatch) -> pa.RecordBatch:
        """Logprobs of each answer token, nats, at the sampling temperature and over the tokens that
        truncated sampling kept.

        Args:
            rollouts: a `rollouts` batch.
        Returns: a batch of the role's contract, the same rows in the same order.
        """
        schema.check(rollouts, schema.ROLLOUTS)
        prompts = list_column(rollouts, "prompt_token_ids")
        answers = list_column(rollouts, "token_ids")
        groups = rollouts.column("group_id").to_pylist()
        scores = score_sequences(
            self.policy,
            prompts,
            answers,
            groups,
            self.share_prompts,
            self.config.microbatch_tokens,
            kept_column(rollouts),
        )
        return schema.build(
            self.contract,
            {
                "group_id": rollouts.column("group_id"),
                "sample_index": rollouts.column("sample_index"),
                self.contract.names[-1]: scores,
            },
        )


@torch.no_grad()
def score_sequences(
    policy: PolicyModel,
    prompts: list[np.ndarray],
    answers: list[np.ndarray],
    groups: list[int],
    share_prompts: bool,
    microbatch_tokens: int,
    kept: list[KeptTokens] | None = None,
) -> list[np.ndarray]:
    """Logprobs [T_i] float32 of each answer under a policy, without gradient; over the kept tokens
    of each position, where they are given."""
    device = next(policy.parameters()).device
    blocks = blocks_of(groups, len(answers), share_prompts)
    lengths = [block_length(block, prompts, answers) for block in blocks]
    (plan,) = plan_microbatches(lengths, microbatch_tokens, 1)
    scores: list[np.ndarray] = [np.empty(0, dtype=np.float32)] * len(answers)
    for microbatch in plan:
        layout = lay_out([blocks[b] for b in microbatch], prompts, answers, kept).to(device)
        logprobs, _ = policy(layout)
        values = logprobs.float().cpu().numpy()
        start = 0
        for i in layout.sequences:
            scores[i] = values[start : start + len(answers[i])]
            start += len(answers[i])
    return scores
