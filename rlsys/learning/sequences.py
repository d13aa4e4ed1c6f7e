"""A batch to train on as arrays: prompts, completions, and named columns beside them.

    sequences = Sequences.from_training(batch, version=7)
    sequences.columns["rollout_logprobs"][3]     # [T_3] float32, nats, of the fourth completion

What a column means is its objective's business. Another list column in a batch is another name
here, and nothing else changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch

from rlsys import schema
from rlsys.data.kept_tokens import KeptTokens, kept_column
from rlsys.errors import SchemaError
from rlsys.learning.layout import Layout
from rlsys.schema import list_column

_OWN = ("prompt_token_ids", "token_ids", "kept_token_ids", "forced")
"""List columns that have a field of their own."""


@dataclass
class Sequences:
    """One entry per trained completion."""

    prompts: list[np.ndarray]
    completions: list[np.ndarray]
    """Token ids of the completions, [T_i] each."""
    groups: list[int]
    """Equal for completions of one prompt, which may share its copy in a row."""
    trained: list[np.ndarray]
    """Bool [T_i]: tokens that the loss counts."""
    columns: dict[str, list[np.ndarray]]
    """Per completion token, [T_i] each; those that the batch has, and those that the objective
    makes of them."""
    rewards: np.ndarray = field(default_factory=lambda: np.empty(0))
    """[N], where there are rewards."""
    kept: list[KeptTokens] | None = None
    """What truncated sampling left at each token's position; None: it did not truncate."""
    version: int = 0
    """Of the policy at the step's start."""

    @classmethod
    def from_training(cls, batch: pa.RecordBatch, version: int) -> "Sequences":
        """The rows of a `training` batch that take part: those with advantages.

        Raises:
            SchemaError: some rows lack a column, so what is made of it would be of a part.
        """
        everywhere = schema.training().names
        asked = [name for name in batch.schema.names if name not in everywhere]
        schema.check(batch, schema.training(asked))
        batch = batch.filter(batch.column("advantages").is_valid())
        return cls(
            prompts=list_column(batch, "prompt_token_ids"),
            completions=list_column(batch, "token_ids"),
            groups=batch.column("group_id").to_pylist(),
            # Tokens that a limit forced were not the policy's choice.
            trained=[forced == 0 for forced in list_column(batch, "forced")],
            columns=_named_columns(batch, "training"),
            rewards=batch.column("reward").to_numpy(zero_copy_only=False),
            kept=kept_column(batch),
            version=version,
        )

    @classmethod
    def from_demonstrations(cls, batch: pa.RecordBatch) -> "Sequences":
        """The rows of a `demonstrations` batch, each a group of its own. Without `loss_weights`
        every token of a completion weighs 1.

        Raises:
            SchemaError: some rows have loss_weights and some have none, or they are not one number
                of 0 or more for each token.
        """
        schema.check(batch, schema.DEMONSTRATIONS)
        completions = list_column(batch, "token_ids")
        columns = _named_columns(batch, "demonstrations", optional=("loss_weights",))
        ones = [np.ones(len(completion), dtype=np.float32) for completion in completions]
        weights = columns.setdefault("loss_weights", ones)
        _check_weights(weights, completions)
        return cls(
            prompts=list_column(batch, "prompt_token_ids"),
            completions=completions,
            groups=list(range(batch.num_rows)),
            trained=[own > 0 for own in weights],
            columns=columns,
        )

    @classmethod
    def from_rollouts(cls, batch: pa.RecordBatch) -> "Sequences":
        """All rows of a `rollouts` batch, as a frozen policy scores them."""
        schema.check(batch, schema.ROLLOUTS)
        completions = list_column(batch, "token_ids")
        return cls(
            prompts=list_column(batch, "prompt_token_ids"),
            completions=completions,
            groups=batch.column("group_id").to_pylist(),
            trained=[np.ones(len(completion), dtype=bool) for completion in completions],
            columns={},
            kept=kept_column(batch),
        )

    @classmethod
    def from_pairs(cls, batch: pa.RecordBatch) -> "Sequences":
        """The rows of a `pairs` batch, each a group of two: the chosen side, then the rejected."""
        schema.check(batch, schema.PAIRS)
        prompts, *sides = (list_column(batch, name) for name in batch.schema.names)
        completions = [side for pair in zip(*sides, strict=True) for side in pair]
        return cls(
            prompts=[prompt for prompt in prompts for _ in sides],
            completions=completions,
            groups=[row for row in range(batch.num_rows) for _ in sides],
            trained=[np.ones(len(completion), dtype=bool) for completion in completions],
            columns={},
        )

    def __len__(self) -> int:
        return len(self.completions)

    @property
    def num_trained(self) -> np.ndarray:
        """[N] tokens of each completion that the loss counts."""
        return np.array([trained.sum() for trained in self.trained], dtype=np.int64)

    def has_any(self, name: str, chosen: Sequence[int]) -> bool:
        """Whether a trained token of the chosen completions has a value of the column that is
        not 0."""
        column = self.columns[name]
        return any((column[i][self.trained[i]] != 0).any() for i in chosen)

    def mask(self, layout: Layout) -> torch.Tensor:
        """[B, T] bool of a microbatch: tokens that the loss counts."""
        return layout.mask & (self._padded(self.trained, layout) != 0)

    def gather(self, name: str, layout: Layout) -> torch.Tensor:
        """[B, T] float32 of a column, for a microbatch's sequences, zero outside of its mask, on
        its device."""
        return self._padded(self.columns[name], layout)

    @staticmethod
    def _padded(values: list[np.ndarray], layout: Layout) -> torch.Tensor:
        chosen = [values[i] for i in layout.sequences]
        flat = np.concatenate(chosen) if chosen else np.empty(0)
        return layout.padded(torch.from_numpy(flat).float().to(layout.mask.device))


def _named_columns(
    batch: pa.RecordBatch, contract: str, optional: tuple[str, ...] = ()
) -> dict[str, list[np.ndarray]]:
    """Every other list column; without an optional one that no row has."""
    columns = {}
    for declared in batch.schema:
        name = declared.name
        if not pa.types.is_list(declared.type) or name in _OWN:
            continue
        without = batch.column(name).null_count
        if without == batch.num_rows and name in optional:
            continue
        if without:
            raise SchemaError(f"{contract}: {without} of {batch.num_rows} rows have no {name}")
        columns[name] = list_column(batch, name)
    return columns


def _check_weights(weights: list[np.ndarray], completions: list[np.ndarray]) -> None:
    for row, (own, completion) in enumerate(zip(weights, completions, strict=True)):
        if len(own) != len(completion):
            raise SchemaError(
                f"demonstrations: row {row} has {len(own)} loss_weights for "
                f"{len(completion)} tokens"
            )
        wrong = own[~(np.isfinite(own) & (own >= 0))]
        if len(wrong):
            raise SchemaError(
                f"demonstrations: row {row} has a loss_weight of {wrong[0]:g}; nearest valid: 0"
            )
