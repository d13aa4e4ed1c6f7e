"""From a path to what its rows hold: find the files, recognize how each is laid out, read each row.

Tasks, demonstrations and preference pairs are read by this one reader, so that what cannot be read
is told, counted and left out in one way.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data.files import RawFile, find_files, read_file, rows_within
from rlsys.data.formats import Format, format_of
from rlsys.data.raw import RawRow, RowError
from rlsys.data.rows import Row
from rlsys.data.unsupported import refuse_columns
from rlsys.errors import DataError

T = TypeVar("T")
_TOLD_ERRORS = 9
"""Beside the first."""


@dataclass(frozen=True)
class Layout(Generic[T]):
    """How the rows of one file are read."""

    file: RawFile
    name: str
    read: Callable[[RawRow], Iterable[T]]
    """All that is in a row; raises RowError where it cannot be read."""


@dataclass(frozen=True)
class Reading(Generic[T]):
    """What was read from a path."""

    rows: list[T]
    files: tuple[str, ...]
    formats: tuple[str, ...]
    """One per file that has rows."""
    unreadable: tuple[RowError, ...]
    """One per row left out, in the order of the rows; empty unless config.skip_unreadable_rows."""

    def notes(self, path: str) -> list[str]:
        """What a user should know of the rows of a path."""
        return [f"{path}: {left_out(self.unreadable)}"] if self.unreadable else []


def read_rows(path: str, config: DataConfig) -> Reading[Row]:
    """Read all tasks of a file, or of the files of a folder.

    Raises:
        DataError: as read_all.
    """

    def layout(file: RawFile) -> Layout[Row]:
        raw, found = _recognized(file, config)
        return Layout(raw, found.name.name, lambda row: [_read_row(found, row, config)])

    return read_all(path, config, layout)


def read_all(
    path: str, config: DataConfig, layout_of: Callable[[RawFile], Layout[T]]
) -> Reading[T]:
    """Read all rows of a file, or of the files of a folder.

    Args:
        layout_of: recognizes a file that has rows; raises DataError where it is at fault as a
            whole.
    Raises:
        DataError: naming file, row number, column, what was expected and what was found, for the
            first unreadable rows, unless config.skip_unreadable_rows leaves them out and others can
            be read; or the file and its columns when the file as a whole is at fault.
    """
    rows: list[T] = []
    errors: list[RowError] = []
    files = find_files(path)
    formats = []
    for file in files:
        raw = read_file(file)
        failed = raw.broken
        if raw.rows:
            layout = layout_of(raw)
            formats.append(layout.name)
            for raw_row in layout.file.rows:
                try:
                    rows += layout.read(raw_row)
                except RowError as error:
                    failed.append(error)
        errors += sorted(failed, key=lambda error: error.number)
    require_readable(errors, len(rows), config)
    return Reading(rows, tuple(map(str, files)), tuple(formats), tuple(errors))


def require_readable(errors: Sequence[RowError], num_readable: int, config: DataConfig) -> None:
    """Raise DataError where rows cannot be read and may not be left out, or none is left."""
    if errors and (not config.skip_unreadable_rows or not num_readable):
        raise DataError(_told(errors, num_readable))


def left_out(errors: Sequence[RowError]) -> str:
    """How many rows were left out, and the first."""
    rows = "1 unreadable row" if len(errors) == 1 else f"{len(errors)} unreadable rows"
    return f"{rows} left out, the first: {errors[0]}"


def _recognized(raw: RawFile, config: DataConfig) -> tuple[RawFile, Format]:
    """The rows and their format; those within a single object where that is no row itself."""
    try:
        return raw, format_of(raw, config)
    except DataError:
        inside = rows_within(raw)
        if inside is None:
            raise
    return inside, format_of(inside, config)


def _read_row(layout: Format, raw: RawRow, config: DataConfig) -> Row:
    # An `image` of SWE-bench rows is that of a container.
    if layout.name is not RowFormat.swebench:
        refuse_columns(raw)
    return layout.reader(raw, config)


def _told(errors: Sequence[RowError], num_readable: int) -> str:
    """The first error, the way on when only some rows are unreadable, and the other errors."""
    if not num_readable:
        return f"{errors[0]} (no row can be read)"
    others = errors[1:]
    them = f"this row and {len(others)} more" if others else "this row, the only unreadable one"
    lines = "".join(f"\n  {error}" for error in others[:_TOLD_ERRORS])
    rest = len(others) - _TOLD_ERRORS
    if rest > 0:
        lines += f"\n  and {rest} more; `rlsys inspect` lists all by reason"
    return f"{errors[0]}; data.skip_unreadable_rows=true leaves out {them}{lines}"
