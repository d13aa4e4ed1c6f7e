"""Join rollouts, scores and reference batches into what the learner trains on."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from rlsys import schema
from rlsys.errors import SchemaError


def training_batch(
    rollouts: Sequence[pa.RecordBatch],
    references: Sequence[pa.RecordBatch] | None,
    advantages: np.ndarray,
    rewards: np.ndarray,
    trained: np.ndarray,
) -> pa.RecordBatch:
    """One `training` batch from the groups of a step.

    Args:
        rollouts: per group, its rows of a `rollouts` batch; N rows in all.
        references: per group, the same rows of a `reference` batch; None without a reference.
        advantages: [N] one per answer, constant over its tokens.
        rewards: [N], NaN where there is none.
        trained: [N] bool; false rows get null advantages and take no part in the loss.
    Raises:
        SchemaError: the rows of a group do not belong together.
    """
    whole = pa.concat_batches([schema.check(b, schema.ROLLOUTS) for b in rollouts])
    if whole.num_rows != len(advantages):
        raise SchemaError(f"training: {whole.num_rows} rows for {len(advantages)} advantages")
    reference = pa.nulls(whole.num_rows, schema.TRAINING.field("reference_logprobs").type)
    if references is not None:
        scored = pa.concat_batches([schema.check(b, schema.REFERENCE) for b in references])
        for key in ("group_id", "sample_index"):
            if not scored.column(key).equals(whole.column(key)):
                raise SchemaError(f"training: {key} of rollouts and reference do not agree")
        reference = scored.column("reference_logprobs")
    lengths = [len(ids) for ids in whole.column("token_ids")]
    per_token = [
        np.full(length, advantage, dtype=np.float32) if ok else None
        for length, advantage, ok in zip(lengths, advantages, trained, strict=True)
    ]
    columns = {
        name: whole.column(name)
        for name in schema.TRAINING.names
        if name not in ("reference_logprobs", "advantages", "reward")
    }
    columns |= {
        "reference_logprobs": reference,
        "advantages": per_token,
        "reward": np.where(np.isnan(rewards), 0.0, rewards),
    }
    return schema.build(schema.TRAINING, columns)


def samples_table(
    rollouts: Sequence[pa.RecordBatch], scores: Sequence[pa.RecordBatch], step: int
) -> pa.Table:
    """The step's samples for the disk: the rollouts schema, with reward, status and components."""
    table = pa.Table.from_batches(rollouts)
    verdicts = pa.Table.from_batches(scores)
    for name in ("reward", "status", "reason", "components"):
        table = table.append_column(name, verdicts.column(name))
    return table.append_column("step", pa.array([step] * table.num_rows, type=pa.int32()))
