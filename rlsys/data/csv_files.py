"""Rows of CSV files: the first line names the columns, every cell is a text, an empty one is null.

Cells of columns that hold lists or structs elsewhere are read as JSON.
"""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

from rlsys.data.raw import RawRow, RowError, shown
from rlsys.errors import DataError

_DELIMITERS = ",;\t"
_STRUCTURED = frozenset(
    ("prompt", "messages", "conversations", "options", "choices", "tests", "test_list", "nums")
)
"""All others stay texts: `[2, 5]` as an answer is an interval."""


def read_csv(path: Path, content: bytes) -> tuple[list[str], list[RawRow], list[RowError]]:
    """Columns, rows and broken rows of a CSV file, comma, semicolon or tab between cells.

    Raises:
        DataError: it is not UTF-8, its quotes do not end, or two columns have one name.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a CSV file in UTF-8, got {error}") from error
    csv.field_size_limit(sys.maxsize)
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header, *records = [cells for cells in lines if cells] or [[]]
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: not valid CSV: {error}") from error
    columns = [name.strip() for name in header]
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are named {twice!r}")
    rows, broken = [], []
    for number, cells in enumerate(records, start=1):
        if len(cells) == len(columns):
            values = {c: _value(c, cell) for c, cell in zip(columns, cells, strict=True)}
            rows.append(RawRow(str(path), number, values))
        else:
            expected = f"{len(columns)} cells, as the first line has"
            got = f"{len(cells)}: {shown(delimiter.join(cells))}"
            broken.append(RowError(str(path), number, "", expected, got))
    return columns, rows, broken


def _value(column: str, cell: str) -> Any:
    if not cell.strip():
        return None
    if column in _STRUCTURED and cell.lstrip().startswith(("[", "{")):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell
