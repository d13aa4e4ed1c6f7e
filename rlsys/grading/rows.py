"""The rows of a file of completions: what to grade, by which verifier, within which limits."""

import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rlsys.data.countdown import COLUMNS, read_puzzle
from rlsys.data.expected import PUZZLE, flaw
from rlsys.data.raw import shown
from rlsys.errors import DataError
from rlsys.json_text import decode_object
from verifiers.base import Completion

_OWN_COLUMNS = ("id", "completion", "verifier", "answer", "source", "finish_reason")
_PROMPT_COLUMNS = ("prompt", "question", "problem", "text")
_NEED_ANSWERS = ("choice", "countdown", "math")
_LIMITS = ("wall_s", "memory_mb")
_BY_COLUMNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("test", "entry_point"), "code_functions"),
    (("test_list",), "code_functions"),
    (("tests",), "code_programs"),
    (("answer", "options"), "choice"),
    (("answer", "choices"), "choice"),
    (("answer",), "math"),
    (COLUMNS, "countdown"),
)


@dataclass(frozen=True)
class GradeRow:
    """One completion to grade."""

    number: int
    """Its line in the file, counted from 1."""
    id: str | int
    verifier: str
    completion: Completion
    """`info` has the row's other columns, `limits` among them."""


@dataclass(frozen=True)
class MalformedRow:
    """A line that cannot be graded, and why."""

    number: int
    id: str | int | None
    reason: str


@dataclass(frozen=True)
class Survey:
    """What a file of completions asks for."""

    num_rows: int
    verifiers: frozenset[str]
    longest_s: float
    """The longest that a row's own limits allow, seconds: wall_s for each of its tests."""


def look_through(path: Path, known: list[str]) -> Survey:
    """Read a file once for what has to be known before its first row is graded.

    Raises:
        DataError: the file cannot be read.
    """
    num_rows, verifiers, longest_s = 0, set(), 0.0
    for row in read_rows(path, known):
        num_rows += 1
        if isinstance(row, GradeRow):
            verifiers.add(row.verifier)
            longest_s = max(longest_s, _longest_s(row))
    return Survey(num_rows, frozenset(verifiers), longest_s)


def _longest_s(row: GradeRow) -> float:
    tests = row.completion.info.get("tests")
    num_tests = len(tests) if isinstance(tests, list) else 1
    return float(row.completion.info["limits"].get("wall_s", 0.0)) * max(1, num_tests)


def read_rows(path: Path, known: list[str]) -> Iterator[GradeRow | MalformedRow]:
    """The rows of a JSON lines file (`.gz` is unpacked), one at a time.

    Args:
        known: names of the verifiers.

    Raises:
        DataError: the file cannot be read. A bad row is a MalformedRow instead.
    """
    try:
        with path.open("rb") as file, _unpacked(file, path) as lines:
            # Only "\n" ends a line: strings may hold other Unicode line separators.
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield read_row(number, line, known)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def read_row(number: int, line: bytes, known: list[str]) -> GradeRow | MalformedRow:
    """One line; never raises for the sake of what it holds."""
    identity: Any = None
    try:
        values = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode())
        if not isinstance(values, dict):
            raise DataError(f"expected a JSON object, got {shown(values)}")
        identity = values.get("id")
        return _row(number, values, known)
    except (ValueError, RecursionError) as error:  # DataError is a ValueError
        is_one = isinstance(identity, str | int) and not isinstance(identity, bool)
        identity = identity if is_one else None
        return MalformedRow(number, identity, f"row {number}: {error}")


@contextmanager
def _unpacked(file: IO[bytes], path: Path) -> Iterator[Iterable[bytes]]:
    if path.suffix != ".gz":
        yield file
        return
    with gzip.open(file) as unpacked:
        yield unpacked


def _row(number: int, values: dict[str, Any], known: list[str]) -> GradeRow:
    identity = values.get("id")
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise _wrong("id", "a text or an integer", values)
    if not isinstance(values.get("completion"), str):
        raise _wrong("completion", "a text", values)
    answer = _answer(values)
    verifier = values.get("verifier") or _verifier_for(values, answer)
    if verifier not in known:
        raise _wrong("verifier", f"one of {', '.join(known)}", values)
    found = flaw(answer) if verifier in _NEED_ANSWERS else ""
    if found:
        there = values if "answer" in values else {"answer": answer}
        raise _wrong("answer", "an answer that a completion can match", there, f": {found}")
    prompt = next((values[c] for c in _PROMPT_COLUMNS if isinstance(values.get(c), str)), "")
    info = {k: v for k, v in values.items() if k not in _OWN_COLUMNS and v is not None}
    info["limits"] = _limits(values)
    completion = Completion(
        prompt=prompt,
        text=values["completion"],
        answer=answer,
        info=info,
        source=str(values.get("source") or ""),
        finish_reason=str(values.get("finish_reason") or "stop"),
    )
    return GradeRow(number, identity, verifier, completion)


def _answer(values: dict[str, Any]) -> Any:
    """A puzzle may stand as text, as samples have it, or in the columns of the hub's sets."""
    answer = values.get("answer")
    if answer is None and all(values.get(column) is not None for column in COLUMNS):
        return dict(zip(PUZZLE, (values[column] for column in COLUMNS), strict=True))
    decoded = decode_object(answer)
    return answer if read_puzzle(decoded) is None else decoded


def _verifier_for(values: dict[str, Any], answer: Any) -> str:
    if read_puzzle(answer) is not None:
        return "countdown"
    for columns, name in _BY_COLUMNS:
        if all(values.get(column) is not None for column in columns):
            return name
    needs = ", or ".join(" with ".join(columns) for columns, _ in _BY_COLUMNS)
    raise DataError(
        f"no column says how to grade it: needs verifier, or {needs}; there are: "
        f"{', '.join(values)}"
    )


def _limits(values: dict[str, Any]) -> dict[str, float]:
    limits = values.get("limits")
    if limits is None:
        return {}
    expected = f"an object of {' and '.join(_LIMITS)}, numbers above 0"
    if not isinstance(limits, dict) or not set(limits) <= set(_LIMITS):
        raise _wrong("limits", expected, values)
    for value in limits.values():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < sys.float_info.max:
            raise _wrong("limits", expected, values)
    return limits


def _wrong(column: str, expected: str, values: dict[str, Any], why: str = "") -> DataError:
    got = shown(values[column]) + why if column in values else "no such column"
    return DataError(f"column {column}: expected {expected}, got {got}")
