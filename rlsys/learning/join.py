"""Join rollouts, scores and reference batches: for the learner, for the samples on the disk, and
for a checkpoint, which keeps what was sampled and not yet trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rlsys import schema
from rlsys.disk import disk_errors
from rlsys.errors import SchemaError

Kept = tuple[pa.RecordBatch, pa.RecordBatch | None, pa.RecordBatch | None]
"""The same rows' rollouts, scores and reference; the last two None where there are none."""

TRAIN, HELD_OUT = "train", "held_out"
"""The column `split` of samples."""

_VERDICT = ("reward", "status", "reason", "components")
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
    groups: Sequence[Kept],
    step: int,
    split: str = TRAIN,
    reasons: Sequence[str] = (),
    advantages: np.ndarray | None = None,
) -> pa.Table:
    """Samples for the disk, one row an answer, the same columns whatever became of the answer: the
    rollouts schema, the verdict, then what training made of it. Without the kept tokens, which may
    be many times as large as the rest.

    Args:
        groups: an answer without scores gets nulls for its verdict.
        reasons: per group, why it was dropped; none: it was not.
        advantages: [N], NaN for an answer without one; None: none has one.
    """
    table = pa.Table.from_batches([rollouts for rollouts, _, _ in groups])
    table = table.drop_columns("kept_token_ids")
    verdicts = pa.Table.from_batches([_verdicts(scores, r.num_rows) for r, scores, _ in groups])
    for name in _VERDICT:
        table = table.append_column(name, verdicts.column(name))
    count = table.num_rows
    dropped = np.repeat(list(reasons) or [""] * len(groups), [r.num_rows for r, _, _ in groups])
    told = np.full(count, np.nan) if advantages is None else advantages
    reference = [s for r, _, frozen in groups for s in _sums(frozen, "reference_logprobs", r)]
    sampled = [s for r, _, _ in groups for s in _sums(r, "rollout_logprobs", r)]
    columns = {
        "step": pa.array([step] * count, type=pa.int32()),
        "split": pa.array([split] * count, type=pa.string()),
        "dropped": pa.array(dropped.tolist(), type=pa.string()),
        "advantage": pa.array(told, type=pa.float32(), from_pandas=True),
        "reference_logprob": pa.array(reference, type=pa.float64(), from_pandas=True),
        "kl": pa.array(np.subtract(sampled, reference), type=pa.float64(), from_pandas=True),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def _verdicts(scores: pa.RecordBatch | None, count: int) -> pa.RecordBatch:
    """The verdict's columns; nulls where nobody graded."""
    if scores is not None:
        return scores.select(list(_VERDICT))
    fields = [schema.SCORES.field(name) for name in _VERDICT]
    nothing = [pa.nulls(count, field.type) for field in fields]
    return pa.RecordBatch.from_arrays(nothing, schema=pa.schema(fields, schema.SCORES.metadata))


def _sums(batch: pa.RecordBatch | None, name: str, rollouts: pa.RecordBatch) -> list[float]:
    """A column of per-token numbers, summed over each answer; NaN without a batch."""
    if batch is None:
        return [np.nan] * rollouts.num_rows
    return [float(np.sum(row.values.to_numpy(), dtype=float)) for row in batch.column(name)]


def write_table(table: pa.Table, path: Path) -> None:
    """A Parquet file that is whole or absent.

    Raises:
        DiskError: the disk is full or fails.
    """
    unfinished = path.with_suffix(".unfinished")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, unfinished, compression="zstd")
        unfinished.replace(path)


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
