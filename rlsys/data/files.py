"""From a path to raw rows: Parquet, Arrow, CSV, JSON lines and JSON arrays, each optionally in a
folder; data sets of Hugging Face, and the parts of the tiny world. Several paths stand with commas
between them."""

import gzip
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rlsys.config.data import paths_in
from rlsys.data.csv_files import read_csv
from rlsys.data.data_sets import hub_files, is_hub_id, saved_files
from rlsys.data.raw import RawRow, RowError, shown
from rlsys.data.world.parts import is_part, world_file
from rlsys.errors import DataError, nearest

_TEXTS = (".jsonl", ".json", ".csv", ".tsv")
SUFFIXES = (".parquet", ".arrow", *_TEXTS, *(f"{suffix}.gz" for suffix in _TEXTS))
_SPLIT_WORDS = {"train": "train", "test": "test", "validation": "test", "val": "test"}


@dataclass(frozen=True)
class RawFile:
    """One file's rows, and those that are not rows at all."""

    path: Path
    columns: tuple[str, ...]
    """All columns that occur, in order of appearance."""
    rows: list[RawRow]
    broken: list[RowError]
    """The error of each line that is not a JSON object."""


def find_files(path: str) -> list[Path]:
    """The file itself, or the data files of a folder in the order of their names; those of a data
    set that was saved to a folder, or that the hub has; a part of the tiny world. Those of several
    paths in their order.

    Raises:
        DataError: nothing is there, the folder mixes training and test files, or a path is named
            twice.
    """
    paths = paths_in(path)
    if len(paths) > 1:
        _require_distinct(paths)
        return [file for one in paths for file in find_files(one)]
    if is_part(path):
        return [world_file(path)]
    found = Path(path).expanduser()
    if found.is_file():
        if not found.name.lower().endswith(SUFFIXES):
            raise DataError(f"{found}: expected a file that ends in {_either(SUFFIXES)}")
        return [found]
    if not found.is_dir() and is_hub_id(path):
        return list(hub_files(path))
    if not found.is_dir():
        raise DataError(f"no data file {path}{_nearest(found)}")
    saved = saved_files(found)
    if saved is not None:
        return saved
    files = sorted(p for p in found.iterdir() if p.name.lower().endswith(SUFFIXES))
    if not files:
        raise DataError(f"{path}: the folder holds no file that ends in {_either(SUFFIXES)}")
    splits = {
        split
        for file in files
        for word, split in _SPLIT_WORDS.items()
        if word in re.split(r"[^a-z]+", file.name.lower())
    }
    if len(splits) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{path}: the folder mixes training and test files ({names}); name one")
    return files


def _require_distinct(paths: Sequence[str]) -> None:
    for path in paths:
        if paths.count(path) > 1:
            raise DataError(f"{','.join(paths)}: names {path} {paths.count(path)} times")


def read_file(path: Path) -> RawFile:
    """Read all rows of one file.

    Raises:
        DataError: the file as a whole cannot be read, or holds no rows.
    """
    if not path.stat().st_size:
        raise DataError(f"{path}: the file has no rows, it is empty (0 bytes)")
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".parquet"):
        raw = _of_table(path, _read_parquet(path))
    elif name.endswith(".arrow"):
        raw = _of_table(path, _read_arrow(path))
    elif name.endswith((".csv", ".tsv")):
        columns, rows, broken = read_csv(path, _content(path))
        raw = RawFile(path, tuple(columns), rows, broken)
    else:
        raw = _read_json(path)
    if not raw.rows and not raw.broken:
        raise DataError(f"{path}: the file has no rows")
    return raw


def rows_within(file: RawFile) -> RawFile | None:
    """The rows of a file that is one object around them, as in `{"version": 1, "data": [...]}`;
    None for any other file.

    Raises:
        DataError: several lists of rows are in it, as in `{"train": [...], "test": [...]}`.
    """
    if file.broken or len(file.rows) != 1:
        return None
    inside = {
        key: value
        for key, value in file.rows[0].values.items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    }
    if len(inside) > 1:
        raise DataError(
            f"{file.path}: one object that holds lists of rows under {', '.join(inside)}, where a "
            "file has one: save the one that is meant as a JSON array in a file of its own"
        )
    for rows in inside.values():
        return _of_rows(file.path, [RawRow(str(file.path), n, r) for n, r in enumerate(rows, 1)])
    return None


def _of_table(path: Path, table: pa.Table) -> RawFile:
    """
    Raises:
        DataError: two columns have one name, or a value is none in Python, such as a date in the
            year 3,000,000 or bytes that are no text.
    """
    names = tuple(table.column_names)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"{path}: two columns are named {twice!r}")
    columns = []
    for name in names:
        try:
            columns.append(table.column(name).to_pylist())
        except (ValueError, OverflowError) as error:
            raise DataError(f"{path}: column {name}: a value cannot be read: {error}") from error
    values = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return RawFile(path, names, [RawRow(str(path), n, one) for n, one in enumerate(values, 1)], [])


def _read_parquet(path: Path) -> pa.Table:
    try:
        # Through a file handle: reading by name would guess partitions from parent folders.
        with path.open("rb") as file:
            return pq.read_table(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise _no_table(path, "a Parquet file", error) from error


def _read_arrow(path: Path) -> pa.Table:
    """Arrow's stream format, as `datasets` writes it, or its file format."""
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
        file.seek(0)
        try:
            opened = pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)
            return opened.read_all()
        except (pa.ArrowInvalid, OSError) as error:
            raise _no_table(path, "an Arrow file", error) from error


def _no_table(path: Path, expected: str, error: Exception) -> DataError:
    start = path.read_bytes()[:40]
    return DataError(f"{path}: expected {expected}, got one that begins with {start!r} ({error})")


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if not path.name.lower().endswith(".gz"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a gzip file, got {error}") from error


def _read_json(path: Path) -> RawFile:
    content = _content(path).removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        items = _array_items(path, content)
    elif (whole := _whole_object(path, content)) is not None:
        items = [(1, whole)]
    else:
        # Only "\n" ends a line: strings may hold other Unicode line separators.
        lines = enumerate(content.split(b"\n"), start=1)
        items = [(number, line) for number, line in lines if line.strip()]
    rows: list[RawRow] = []
    broken: list[RowError] = []
    for number, item in items:
        try:
            value = json.loads(item.decode()) if isinstance(item, bytes) else item
        except (ValueError, RecursionError) as error:
            broken.append(_broken(path, number, f"{error} in {shown(item)}"))
            continue
        if isinstance(value, dict):
            rows.append(RawRow(str(path), number, value))
        else:
            broken.append(_broken(path, number, shown(value)))
    return _of_rows(path, rows, broken)


def _of_rows(path: Path, rows: list[RawRow], broken: Sequence[RowError] = ()) -> RawFile:
    columns = dict.fromkeys(column for row in rows for column in row.values)
    return RawFile(path, tuple(columns), rows, list(broken))


def _whole_object(path: Path, content: bytes) -> dict[str, Any] | None:
    """What a .json file holds that is one object over several lines, rather than one a line."""
    if not path.name.lower().removesuffix(".gz").endswith(".json"):
        return None
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _array_items(path: Path, content: bytes) -> list[tuple[int, Any]]:
    try:
        values = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a JSON array of objects, got {error}") from error
    return list(enumerate(values, start=1))


def _broken(path: Path, number: int, got: str) -> RowError:
    return RowError(str(path), number, "", "a JSON object", got)


def _nearest(path: Path) -> str:
    """Where the path breaks off, and what has nearly that name there."""
    parent, wanted = path.parent, path.name
    while not parent.is_dir():
        parent, wanted = parent.parent, parent.name
    there = [p for p in parent.iterdir() if not p.name.startswith(".")]
    files = sorted(p.name for p in there if p.is_file() and p.name.lower().endswith(SUFFIXES))
    folders = sorted(p.name for p in there if p.is_dir())
    if close := nearest(wanted, [*files, *folders], cutoff=0.5):
        return f"; nearest existing: {parent / close}"
    listed = ", ".join([*files, *(f"{name}/" for name in folders)][:12]) or "no data files"
    return f"; in {parent.resolve()} there are: {listed}"


def _either(choices: tuple[str, ...]) -> str:
    return ", ".join(choices[:-1]) + " or " + choices[-1]
