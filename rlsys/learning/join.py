"""Join what the roles say of the same completions: for the learner, for the samples on the disk,
and for a checkpoint, which keeps what was sampled and not yet trained."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rlsys import schema
from rlsys.errors import SchemaError
from rlsys.roles import CONTRACTS, REFERENCE, ROLLOUT, VERIFIER, Annotated, role_of

TRAIN, HELD_OUT = "train", "held_out"
"""The column `split` of samples."""

_VERDICT = ("reward", "status", "reason", "components", "level")


def training_batch(
    groups: Sequence[Annotated],
    columns: Sequence[str],
    advantages: np.ndarray,
    rewards: np.ndarray,
    trained: np.ndarray,
) -> pa.RecordBatch:
    """One `training` batch from the groups of a step.

    Args:
        groups: per group, the same rows of each role's batch; N rows in all.
        columns: what the objective needs of other roles, numbers per token.
        advantages: [N] one per completion, constant over its tokens.
        rewards: [N], NaN where there is none.
        trained: [N] bool; false rows get null advantages and take no part in the loss.
    Raises:
        SchemaError: the rows of a group do not belong together.
    """
    whole = _of(ROLLOUT, groups)
    if whole.num_rows != len(advantages):
        raise SchemaError(f"training: {whole.num_rows} rows for {len(advantages)} advantages")
    lengths = [len(ids) for ids in whole.column("token_ids")]
    per_token = [
        np.full(length, advantage, dtype=np.float32) if ok else None
        for length, advantage, ok in zip(lengths, advantages, trained, strict=True)
    ]
    made = {"advantages": per_token, "reward": np.where(np.isnan(rewards), 0.0, rewards)}
    asked = {name: _aligned(name, whole, groups) for name in columns}
    contract = schema.training(columns)
    taken = {n: whole.column(n) for n in contract.names if n not in made and n not in asked}
    return schema.build(contract, taken | asked | made)


def annotated(
    groups: Sequence[Annotated], score: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> list[Annotated]:
    """Groups with what the reference says of them, where the learner is it.

    Args:
        score: of a `rollouts` batch a `reference` batch.
    """
    sampled = [group[ROLLOUT] for group in groups]
    said = score(pa.concat_batches(sampled))
    starts = np.cumsum([0, *(rows.num_rows for rows in sampled)])
    return [
        {**group, REFERENCE: said.slice(start, rows.num_rows)}
        for group, rows, start in zip(groups, sampled, starts.tolist(), strict=False)
    ]


def _of(role: str, groups: Sequence[Annotated]) -> pa.RecordBatch:
    """All groups' rows of what a role says."""
    if any(role not in group for group in groups):
        raise SchemaError(f"training: a group has nothing from the role {role}")
    return pa.concat_batches([schema.check(group[role], CONTRACTS[role]) for group in groups])


def _aligned(column: str, whole: pa.RecordBatch, groups: Sequence[Annotated]) -> pa.Array:
    """A column of another role, of the very rows that were sampled."""
    role = role_of(column)
    said = _of(role, groups)
    for key in ("group_id", "sample_index"):
        if not said.column(key).equals(whole.column(key)):
            raise SchemaError(f"training: {key} of {ROLLOUT} and {role} do not agree")
    return said.column(column)


def samples_table(
    groups: Sequence[Annotated],
    step: int,
    split: str = TRAIN,
    reasons: Sequence[str] = (),
    advantages: np.ndarray | None = None,
    trained: Mapping[str, pa.Array] | None = None,
) -> pa.Table:
    """Samples for the disk, one row a completion, the same columns whatever became of it: the
    rollouts schema, the verdict, then what training made of it. Without the kept tokens, which may
    be many times as large as the rest.

    Args:
        groups: a completion without grades gets nulls for its verdict.
        reasons: per group, why it was dropped; none: it was not.
        advantages: [N], NaN for a completion without one; None: none has one.
        trained: [N] each, columns of schema.TRAINED; None: nothing was trained.
    """
    sampled = [group[ROLLOUT] for group in groups]
    table = pa.Table.from_batches(sampled).drop_columns("kept_token_ids")
    verdicts = [_verdicts(group.get(VERIFIER), group[ROLLOUT].num_rows) for group in groups]
    for name in _VERDICT:
        table = table.append_column(name, pa.Table.from_batches(verdicts).column(name))
    count = table.num_rows
    dropped = np.repeat(list(reasons) or [""] * len(groups), [rows.num_rows for rows in sampled])
    told = np.full(count, np.nan) if advantages is None else advantages
    reference = [
        total
        for group in groups
        for total in _sums(group.get(REFERENCE), "reference_logprobs", group[ROLLOUT].num_rows)
    ]
    rollout = [t for rows in sampled for t in _sums(rows, "rollout_logprobs", rows.num_rows)]
    columns = {
        "step": pa.array([step] * count, type=pa.int32()),
        "split": pa.array([split] * count, type=pa.string()),
        "dropped": pa.array(dropped.tolist(), type=pa.string()),
        "advantage": pa.array(told, type=pa.float32(), from_pandas=True),
        "reference_logprob": pa.array(reference, type=pa.float64(), from_pandas=True),
        "kl": pa.array(np.subtract(rollout, reference), type=pa.float64(), from_pandas=True),
    }
    for name, type_ in schema.TRAINED.items():
        columns[name] = trained[name] if trained else pa.nulls(count, type_)
    for name, column in columns.items():
        table = table.append_column(name, column)
    return table


def spread(trained: Mapping[str, pa.Array], took_part: np.ndarray) -> dict[str, pa.Array]:
    """Columns of the rows that took part in a step as columns of all of its rows, with nulls.

    Args:
        took_part: [N] bool.
    """
    rows = pa.array(np.cumsum(took_part) - 1, mask=~took_part)
    return {name: column.take(rows) for name, column in trained.items()}


def _verdicts(grades: pa.RecordBatch | None, count: int) -> pa.RecordBatch:
    """The verdict's columns; nulls where nobody graded."""
    if grades is not None:
        return grades.select(list(_VERDICT))
    fields = [schema.GRADES.field(name) for name in _VERDICT]
    nothing = [pa.nulls(count, field.type) for field in fields]
    return pa.RecordBatch.from_arrays(nothing, schema=pa.schema(fields, schema.GRADES.metadata))


def _sums(batch: pa.RecordBatch | None, name: str, count: int) -> list[float]:
    """A column of per-token numbers, summed over each of `count` completions; NaN without one."""
    if batch is None:
        return [np.nan] * count
    return [float(np.sum(row.values.to_numpy(), dtype=float)) for row in batch.column(name)]


def write_kept(folder: Path, kept: Sequence[Annotated]) -> None:
    """One Arrow file in a new folder for each role that said anything; its batch i is of kept[i],
    empty where it said nothing of that."""
    folder.mkdir()
    for role in {role for group in kept for role in group}:
        contract = CONTRACTS[role]
        nothing = pa.RecordBatch.from_pylist([], schema=contract)
        with pa.ipc.new_file(folder / _file_of(contract), contract) as writer:
            for group in kept:
                writer.write_batch(group.get(role, nothing))


def read_kept(folder: Path) -> list[Annotated]:
    """What `write_kept` was given."""
    batches: dict[str, list[pa.RecordBatch]] = {}
    for role, contract in CONTRACTS.items():
        if (file := folder / _file_of(contract)).exists():
            with pa.ipc.open_file(file) as reader:
                batches[role] = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    if ROLLOUT not in batches:
        return []
    return [
        {role: own[i] for role, own in batches.items() if own[i].num_rows}
        for i in range(len(batches[ROLLOUT]))
    ]


def _file_of(contract: pa.Schema) -> str:
    return f"{schema.contract_name(contract)}.arrow"
