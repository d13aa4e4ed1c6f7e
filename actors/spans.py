"""Rows of a call's batches: each batch goes along once, whatever many groups lie in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rlsys.loop.fleet import Rows
from rlsys.roles import Annotated


@dataclass(frozen=True)
class Span:
    """One group's rows in the batches of a call."""

    batches: Mapping[str, int]
    """By role, which of the call's batches."""
    row: int
    size: int


def spans_of(rows: Sequence[Rows]) -> tuple[list[Any], list[Span]]:
    """The distinct refs of some rows, and where in their batches each entry lies."""
    index: dict[Any, int] = {}
    spans = [
        Span(
            {role: index.setdefault(ref, len(index)) for role, ref in entry.annotations.items()},
            entry.row,
            entry.size,
        )
        for entry in rows
    ]
    return list(index), spans


def rows_of(span: Span, batches: Sequence[pa.RecordBatch]) -> Annotated:
    """A span's rows of each role's batch."""
    return {role: batches[i].slice(span.row, span.size) for role, i in span.batches.items()}
