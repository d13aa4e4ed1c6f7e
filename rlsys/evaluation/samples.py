"""Graded completions on disk: Parquet in the rollouts schema with the verdicts beside them.

    samples/<task>/part-000128.parquet     prompts from the 128th on; the task of an evaluation is
                                           <benchmark>/<setting>

A part is complete or absent: it is written under another name and renamed. That is all that a
killed driver needs to continue.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rlsys import schema
from rlsys.disk import write_table
from rlsys.errors import SchemaError

_GRADE_COLUMNS = ("reward", "components", "status", "reason", "seconds", "level")


class Samples:
    """The samples of one evaluation, or of one run of `rlsys sample`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(
        self, task: str, first: int, rollouts: pa.RecordBatch, grades: pa.RecordBatch
    ) -> None:
        """One part: completions and their verdicts, rows in the same order.

        Raises:
            DiskError: the disk is full or fails.
            SchemaError: the batches are not of these contracts, or of different rows.
        """
        table = join(rollouts, grades)
        write_table(table, self.folder / task / f"part-{first:06d}.parquet")

    def parts(self, task: str) -> list[Path]:
        """The finished parts, in order."""
        return sorted((self.folder / task).glob("part-*.parquet"))

    def done(self, task: str) -> set[str]:
        """Ids of the prompts that have been sampled and graded."""
        table = self.read(task, ["prompt_id"])
        return set() if table is None else set(table.column("prompt_id").to_pylist())

    def read(self, task: str, columns: Sequence[str]) -> pa.Table | None:
        """Columns of all parts; None when there are none."""
        tables = list(self.tables(task, columns))
        return pa.concat_tables(tables) if tables else None

    def tables(self, task: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of one part after the other: all completions of a prompt are in one of them."""
        for part in self.parts(task):
            yield pq.read_table(part, columns=list(columns))

    def drop_ungraded(self, task: str) -> None:
        """Take away the parts with a completion that has no verdict, to be sampled and graded
        again: what failed then, such as a judge's server, may work now."""
        for part in self.parts(task):
            if pq.read_table(part, columns=["reward"]).column("reward").null_count:
                part.unlink()


def join(rollouts: pa.RecordBatch, grades: pa.RecordBatch) -> pa.Table:
    """Completions and their verdicts as one table, without the kept tokens: nobody trains on it.

    Raises:
        SchemaError: as Samples.write.
    """
    schema.check(rollouts, schema.ROLLOUTS)
    schema.check(grades, schema.GRADES)
    for column in ("group_id", "sample_index"):
        if not rollouts.column(column).equals(grades.column(column)):
            raise SchemaError(f"rollouts and grades differ in {column}: they are of other rows")
    table = pa.Table.from_batches([rollouts]).drop_columns("kept_token_ids")
    for column in _GRADE_COLUMNS:
        table = table.append_column(column, grades.column(column))
    return table
