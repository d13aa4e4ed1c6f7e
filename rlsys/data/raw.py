"""One row as it lies in its file, with access to its columns that explains what is wrong."""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlsys.errors import DataError
from rlsys.json_text import decode_object

_ABSENT = object()
_SHOWN_CHARACTERS = 80


class RowError(DataError):
    """One row cannot be read: where it lies, what was expected and what was found.

    As in `train.jsonl, row 7, column answer: expected an answer, got null`.
    """

    def __init__(self, file: str, number: int, column: str, expected: str, got: str) -> None:
        super().__init__(file, number, column, expected, got)  # so that it survives pickling
        self.file, self.number = file, number
        self.column = column
        """Empty where the line as a whole is at fault."""
        self.expected, self.got = expected, got

    @property
    def reason(self) -> str:
        """What rows of the same fault have in common: column and expectation."""
        return f"{f'column {self.column}: ' if self.column else ''}expected {self.expected}"

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        where = f"{self.file}, row {self.number}{column}"
        return f"{where}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class RawRow:
    """The values of one row, by column.

    `number` counts from 1: the line in a JSONL file, the row in any other.
    """

    file: str
    number: int
    values: dict[str, Any]

    def error(self, column: str, expected: str, got: str) -> RowError:
        """The error of this row: its file, number and column, what was expected and found."""
        return RowError(self.file, self.number, column, expected, got)

    def value(self, column: str, expected: str) -> Any:
        """A column that must be there and not null."""
        value = self.values.get(column, _ABSENT)
        if value is _ABSENT:
            raise self.error(column, expected, f"no such column among {', '.join(self.values)}")
        if value is None:
            raise self.error(column, expected, "null")
        return value

    def text(self, column: str, expected: str = "a text") -> str:
        """A column that must hold a text with more than white space in it."""
        value = self.value(column, expected)
        if not isinstance(value, str) or not value.strip():
            raise self.error(column, expected, shown(value))
        return value

    def texts(self, column: str, expected: str = "a list of texts") -> list[str]:
        """A column that must hold a list of texts, none of them null."""
        value = self.value(column, expected)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(column, expected, shown(value))
        return value

    def mapping(self, column: str, expected: str = "a struct or a JSON object") -> dict[str, Any]:
        """A column that holds a struct, or a JSON text of one; null and absent give {}."""
        value = self.values.get(column)
        if value is None:
            return {}
        decoded = decode_object(value)
        if not isinstance(decoded, dict):
            raise self.error(column, expected, shown(value))
        return decoded

    def rest(self, *used: str) -> dict[str, Any]:
        """All columns but these and the empty ones."""
        return {k: v for k, v in self.values.items() if k not in used and v is not None}


def first_number(values: Mapping[str, Any], *columns: str) -> float | None:
    """The first of these columns that holds a number (`Level 5` counts as 5), else None."""
    for column in columns:
        value = values.get(column)
        if isinstance(value, str):
            value = _parse_number(value.removeprefix("Level "))
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def is_filled(value: Any) -> bool:
    """Whether a column's value holds something: not null, NaN, false, blank or empty all through.

    `[{"path": null, "bytes": null}]`, as Parquet gives it for a row without pictures, does not.
    """
    if isinstance(value, Mapping):
        return any(map(is_filled, value.values()))
    if isinstance(value, list):
        return any(map(is_filled, value))
    if isinstance(value, str):
        return not is_blank(value) and value.strip() not in ("[]", "{}", "null")
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is not None and value is not False and value != b""


def is_blank(text: str) -> bool:
    """Whether nothing in a text can be seen: white space, control and zero-width characters."""
    return all(unicodedata.category(character)[0] in "ZC" for character in text)


def shown(value: Any) -> str:
    """A value for an error message: its type and its beginning."""
    text = repr(value)
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[:_SHOWN_CHARACTERS]}... ({len(text)} characters)"
    return f"{text} ({type(value).__name__})"


def _parse_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
