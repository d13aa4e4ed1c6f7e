"""A training batch as arrays: what the learner and the critic read and fill in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from rlsys import schema
from rlsys.data.kept_tokens import KeptTokens, kept_column
from rlsys.errors import SchemaError
from rlsys.learning.layout import Layout
from rlsys.schema import list_column


@dataclass
class Sequences:
    """One entry per trained answer; the inner arrays have one value per answer token."""

    prompts: list[np.ndarray]
    answers: list[np.ndarray]
    rollout_logprobs: list[np.ndarray]
    versions: list[np.ndarray]
    forced: list[np.ndarray]
    """Bool: tokens that the policy did not choose, masked out of the loss."""
    reference: list[np.ndarray] | None
    advantages: list[np.ndarray]
    rewards: np.ndarray
    groups: list[int]
    kept: list[KeptTokens] | None = None
    """What truncated sampling left at each token's position; None: it did not truncate."""
    proximal: list[np.ndarray] | None = None
    """Logprobs under the policy at the step's start, for decoupled_recompute with several
    minibatches."""
    values: list[np.ndarray] | None = None
    """Of the critic at the step's start; with returns, only for advantage=gae."""
    returns: list[np.ndarray] | None = None

    @classmethod
    def from_batch(cls, batch: pa.RecordBatch) -> "Sequences":
        """The unmasked rows of a `training` batch.

        Raises:
            SchemaError: only some rows have reference logprobs, so the KL would be of a part; or
                only some have kept tokens.
        """
        has_reference = "reference_logprobs" in batch.schema.names
        columns = ("reference_logprobs",) if has_reference else ()
        schema.check(batch, schema.training(columns))
        batch = batch.filter(batch.column("advantages").is_valid())
        for name in columns:
            if without := batch.column(name).null_count:
                raise SchemaError(f"training: {without} of {batch.num_rows} rows have no {name}")
        return cls(
            prompts=list_column(batch, "prompt_token_ids"),
            answers=list_column(batch, "token_ids"),
            rollout_logprobs=list_column(batch, "rollout_logprobs"),
            kept=kept_column(batch),
            versions=list_column(batch, "policy_versions"),
            forced=list_column(batch, "forced"),
            reference=list_column(batch, "reference_logprobs") if has_reference else None,
            advantages=list_column(batch, "advantages"),
            rewards=batch.column("reward").to_numpy(zero_copy_only=False),
            groups=batch.column("group_id").to_pylist(),
        )

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def num_trained(self) -> np.ndarray:
        """[N] answer tokens of each sequence that the loss counts."""
        return np.array([(~forced).sum() for forced in self.forced], dtype=np.int64)

    def has_advantage(self, chosen: Sequence[int]) -> bool:
        """Whether a trained token of the chosen answers has an advantage that is not 0."""
        return any((self.advantages[i][self.forced[i] == 0] != 0).any() for i in chosen)

    def mask(self, layout: Layout) -> torch.Tensor:
        """[B, T] bool of a microbatch: answer tokens that the policy chose."""
        return layout.mask & (self.gather(self.forced, layout) == 0)

    def gather(self, values: list[np.ndarray], layout: Layout) -> torch.Tensor:
        """[B, T] float32 of a microbatch's sequences, zero outside its mask, on its device."""
        chosen = [values[i] for i in layout.sequences]
        flat = np.concatenate(chosen) if chosen else np.empty(0)
        return layout.padded(torch.from_numpy(flat).float().to(layout.mask.device))
