"""Files of a run's folder: what fails is named, and what is replaced is never half there."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rlsys.errors import ConfigError, DataError, DiskError

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block, such as that of a full disk, into DiskError with the path."""
    try:
        yield
    except OSError as error:
        raise DiskError(f"{path} could not be written: {error}") from error


@contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """Turn what Arrow says of a Parquet file in the block that is not whole, as after a copy that
    was cut, into DataError with the path."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(_not_whole(path, error)) from error


def read_object(path: Path) -> dict[str, Any]:
    """What a JSON file of a run's folder says; empty where there is no such file.

    Raises:
        DataError: it is not whole, or no object.
    """
    try:
        content = json.loads(path.read_bytes()) if path.exists() else {}
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(_not_whole(path, error)) from error
    if not isinstance(content, dict):
        raise DataError(_not_whole(path, "no object"))
    return content


def _not_whole(path: Path, error: object) -> str:
    return (
        f"{path} cannot be read, as after a copy that was cut off ({error}); copy it again "
        "from where it is whole, or move it away"
    )


def fault_of_place(folder: Path) -> str:
    """Make a folder; why no file can be written to it, or nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def require_writable(directory: str) -> None:
    """Make the folder of all runs, and raise ConfigError where no file can be written to it."""
    if fault := fault_of_place(Path(directory).expanduser()):
        raise ConfigError(
            f"run.directory={directory!r}: no file can be written there ({fault}); the default is "
            "run.directory=runs, below the working directory"
        )


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_text(path: Path, text: str) -> None:
    """Write a whole file: after a crash it has the old text or the new one.

    Raises:
        DiskError: the disk is full or fails; the old text is still there.
    """
    new = path.with_name(f".{path.name}.new")
    with disk_errors(path):
        new.write_text(text, encoding="utf-8")
        sync(new)
        new.replace(path)
        sync(path.parent)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file to write to in the block, which takes its place when the block has come to its
    end: until then what was there before stays, and after an error the new one stays beside it, as
    NAME.unfinished. What is no file, as a pipe is not, is written to directly.

    Raises:
        DiskError: it cannot be made, or the disk is full or fails.
    """
    place = path.resolve()
    is_file = place.is_file() or not path.exists()
    unfinished = place.with_name(f"{place.name}.unfinished") if is_file else path
    with disk_errors(path):
        file = unfinished.open("w", encoding="utf-8")
    with file:
        yield file
    if is_file:
        with disk_errors(path):
            unfinished.replace(place)


def write_table(table: "pa.Table", path: Path) -> None:
    """A Parquet file that is whole or absent.

    Raises:
        DiskError: the disk is full or fails.
    """
    from pyarrow import parquet

    unfinished = path.with_suffix(".unfinished")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, unfinished, compression="zstd")
        unfinished.replace(path)
