"""Prompts that occur more than once: with the same answer, or with answers that exclude each other.

Of two answers to one prompt at most one is right, and a policy that is rewarded for both in turn
learns to guess.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DecimalException
from pathlib import Path
from typing import Any

from rlsys.data.countdown import read_puzzle
from rlsys.data.rows import PromptKind, Row

_SHOWN_CHARACTERS = 60
_EXACT = Context(prec=10_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Digits of the longest answers that are read as numbers; 28, the default, would round them."""
_COMMA = re.compile(r"(?<=[0-9])(?:,|\{,\}|\\!)+(?=[0-9]{3})")


@dataclass(frozen=True)
class Repeats:
    """The rows of a file whose prompt an earlier row has."""

    same: list[tuple[Row, Row]]
    """The first row with a prompt, and each later one that expects the same."""
    different: list[tuple[Row, Row]]
    """The first row with a prompt, and the first later one that expects something else."""

    several_files: bool

    def notes(self, most: int = 1) -> Iterator[str]:
        """A line for each kind of repetition that there is.

        Args:
            most: pairs of rows that are named.
        """
        if self.different:
            count = len(self.different)
            prompts = "1 prompt has" if count == 1 else f"{count:,} prompts have"
            pairs = [
                f"{self._where(first)} expects {_told(first.expected)}, {self._where(other)} "
                f"{_told(other.expected)}"
                for first, other in self.different[:most]
            ]
            yield (
                f"{prompts} rows with different answers, of which one at most can be right: "
                f"{'; '.join(pairs)}{_and_more(count, most)}"
            )
        if self.same:
            count = len(self.same)
            rows = "1 row repeats" if count == 1 else f"{count:,} rows repeat"
            pairs = [f"{self._where(a)} in {self._where(b)}" for a, b in self.same[:most]]
            yield (
                f"{rows} prompt and answer of an earlier one ({', '.join(pairs)}"
                f"{_and_more(count, most)})"
            )

    def _where(self, row: Row) -> str:
        of_file = f" of {Path(row.file).name}" if self.several_files else ""
        return f"row {row.number}{of_file}"


def find_repeats(rows: Sequence[Row]) -> Repeats:
    """Compare the rows of each prompt with its first.

    Programs and patches are graded by tests, so their known solutions are not compared.
    """
    firsts: dict[bytes, Row] = {}
    found = Repeats([], [], len({row.file for row in rows}) > 1)
    contradicted: set[bytes] = set()
    for row in rows:
        key = prompt_key(row)
        first = firsts.setdefault(key, row)
        if first is row:
            continue
        if row.kind in (PromptKind.PROGRAM, PromptKind.PATCH) or _agree(
            first.expected, row.expected
        ):
            found.same.append((first, row))
        elif key not in contradicted:
            contradicted.add(key)
            found.different.append((first, row))
    return found


def prompt_key(row: Row) -> bytes:
    """A hash of what is asked, white space aside; source and answer play no part.

    A countdown puzzle is its numbers, in any order, and its target, however it is worded.
    """
    content: list[Any] = [[m["role"], " ".join(m["content"].split())] for m in row.messages]
    puzzle = read_puzzle(row.expected)
    if puzzle is not None:
        numbers, target = puzzle
        content = [sorted(numbers), target]
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).digest()


def _agree(one: Any, other: Any) -> bool:
    """Whether a completion can match both: one of the alternatives of each reads the same."""
    if read_puzzle(one) is not None and read_puzzle(other) is not None:
        return True  # the same numbers and target, or the prompts would not be the same
    return bool(_readings(one) & _readings(other))


def _readings(expected: Any) -> set[str]:
    if isinstance(expected, list):
        return set().union(*map(_readings, expected))
    if isinstance(expected, dict) or expected is None:
        return {json.dumps(expected, sort_keys=True)}
    text = _COMMA.sub("", "".join(str(expected).split()).strip("$")).replace("\\dfrac", "\\frac")
    try:
        return {str(_EXACT.normalize(Decimal(text)))}
    except DecimalException:  # no number, or one that is too large to be rewritten
        return {text}


def _and_more(count: int, shown: int) -> str:
    return f" and {count - shown:,} more" if count > shown else ""


def _told(expected: Any) -> str:
    text = json.dumps(expected, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
