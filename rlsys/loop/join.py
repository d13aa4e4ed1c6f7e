"""Join rollouts, scores and reference batches: for the learner, for the samples on the disk, and
for a checkpoint, which keeps what was sampled and not yet trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rlsys import schema
from rlsys.errors import SchemaError

Kept = tuple[pa.RecordBatch, pa.RecordBatch | None, pa.RecordBatch | None]
"""The same rows' rollouts, scores and reference; the last two None where there are none."""

_KEPT = {
    "rollouts.arrow": schema.ROLLOUTS,
    "scores.arrow": schema.SCORES,
    "reference.arrow": schema.REFERENCE,
}


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
    """The step's samples for the disk: the rollouts schema, with reward, status and components.
    Not the kept tokens, which may be many times as large as the rest."""
    table = pa.Table.from_batches(rollouts).drop_columns("kept_token_ids")
    verdicts = pa.Table.from_batches(scores)
    for name in ("reward", "status", "reason", "components"):
        table = table.append_column(name, verdicts.column(name))
    return table.append_column("step", pa.array([step] * table.num_rows, type=pa.int32()))


def write_kept(folder: Path, kept: Sequence[Kept]) -> None:
    """One Arrow file per contract in a new folder; its batch i is of kept[i], empty for None."""
    folder.mkdir()
    for column, (name, contract) in enumerate(_KEPT.items()):
        nothing = pa.RecordBatch.from_pylist([], schema=contract)
        with pa.ipc.new_file(folder / name, contract) as writer:
            for batches in kept:
                batch = batches[column]
                writer.write_batch(nothing if batch is None else batch)


def read_kept(folder: Path) -> list[Kept]:
    """What `write_kept` was given."""
    columns = []
    for name in _KEPT:
        with pa.ipc.open_file(folder / name) as reader:
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        columns.append([batch if batch.num_rows else None for batch in batches])
    return list(zip(*columns, strict=True))
