"""From a path to rows: find the files, recognize their format, read each row."""

from dataclasses import dataclass

from rlsys.config.data import DataConfig, RowFormat
from rlsys.data.files import RawFile, find_files, read_file, rows_within
from rlsys.data.formats import Format, format_of
from rlsys.data.raw import RawRow, RowError
from rlsys.data.rows import Row
from rlsys.data.unsupported import refuse_columns
from rlsys.errors import DataError

_TOLD_ERRORS = 9
"""Beside the first."""


@dataclass(frozen=True)
class Reading:
    """What was read from a path."""

    rows: list[Row]
    files: tuple[str, ...]
    formats: tuple[RowFormat, ...]
    """One per file that has rows."""
    unreadable: tuple[RowError, ...]
    """One per row left out, in the order of the rows; empty unless config.skip_unreadable_rows."""


def read_rows(path: str, config: DataConfig) -> Reading:
    """Read all rows of a file, or of the files of a folder.

    Raises:
        DataError: naming file, row number, column, what was expected and what was found, for the
            first unreadable rows; or the file and its columns when the file as a whole is at fault.
    """
    rows: list[Row] = []
    errors: list[RowError] = []
    files = find_files(path)
    formats = []
    for file in files:
        raw = read_file(file)
        failed = raw.broken
        if raw.rows:
            raw, layout = _recognized(raw, config)
            formats.append(layout.name)
            for raw_row in raw.rows:
                try:
                    rows.append(_read_row(layout, raw_row, config))
                except RowError as error:
                    failed.append(error)
        errors += sorted(failed, key=lambda error: error.number)
    if errors and (not config.skip_unreadable_rows or not rows):
        raise DataError(_told(errors, len(rows)))
    return Reading(rows, tuple(map(str, files)), tuple(formats), tuple(errors))


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


def _told(errors: list[RowError], num_readable: int) -> str:
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
