"""From a path to raw rows: Parquet, JSON lines and JSON arrays, each optionally in a folder."""

import difflib
import gzip
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rlsys.data.raw import RawRow, RowError, shown
from rlsys.errors import DataError

SUFFIXES = (".parquet", ".jsonl", ".json", ".jsonl.gz", ".json.gz")
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
    """The file itself, or the data files of a folder in the order of their names.

    Raises:
        DataError: nothing is there, or the folder mixes training and test files.
    """
    found = Path(path).expanduser()
    if found.is_file():
        if not found.name.lower().endswith(SUFFIXES):
            raise DataError(f"{found}: expected a file that ends in {_either(SUFFIXES)}")
        return [found]
    if not found.is_dir():
        raise DataError(f"no data file {path}{_nearest(found)}")
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


def read_file(path: Path) -> RawFile:
    """Read all rows of one file.

    Raises:
        DataError: the file as a whole cannot be read, or holds no rows.
    """
    if not path.stat().st_size:
        raise DataError(f"{path}: the file has no rows, it is empty (0 bytes)")
    is_parquet = path.name.lower().endswith(".parquet")
    raw = _read_parquet(path) if is_parquet else _read_json(path)
    if not raw.rows and not raw.broken:
        raise DataError(f"{path}: the file has no rows")
    return raw


def _read_parquet(path: Path) -> RawFile:
    try:
        # Through a file handle: reading by name would guess partitions from parent folders.
        with path.open("rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        start = path.read_bytes()[:40]
        raise DataError(
            f"{path}: expected a Parquet file, got one that begins with {start!r} ({error})"
        ) from error
    rows = [RawRow(str(path), n, row) for n, row in enumerate(table.to_pylist(), start=1)]
    return RawFile(path, tuple(table.column_names), rows, [])


def _read_json(path: Path) -> RawFile:
    content = path.read_bytes()
    if path.name.lower().endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: expected a gzip file, got {error}") from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        items = _array_items(path, content)
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
    columns = dict.fromkeys(column for row in rows for column in row.values)
    return RawFile(path, tuple(columns), rows, broken)


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
    names = sorted(
        p.name for p in parent.iterdir() if p.is_dir() or p.name.lower().endswith(SUFFIXES)
    )
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    if close:
        return f"; nearest existing: {parent / close[0]}"
    listed = ", ".join(names[:12]) or "no data files"
    return f"; in {parent} there are: {listed}"


def _either(choices: tuple[str, ...]) -> str:
    return ", ".join(choices[:-1]) + " or " + choices[-1]
