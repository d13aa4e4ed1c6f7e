"""The survey of a file for a terminal: one line for each thing that matters to a run."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rlsys.data.inspection.gold_check import GoldCheck
from rlsys.data.inspection.survey import Survey
from rlsys.data.raw import RowError
from rlsys.data.rows import Row

NO_LIMIT = 1_000_000
"""Prompt tokens allowed without a config: to be left out is a matter of a run."""

_SHOWN_RUNS = 12
"""Of rows with consecutive numbers; a fault that hits every second row would fill the screen."""
_SHOWN_COUNTS = 10
_SHOWN_PAIRS = 5
_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|[0-9.]+")
"""Of a verdict's reason: what differs from answer to answer."""
_TYPE_AND_FLAW = re.compile(r"\([A-Za-z_]+\)(?:: .*)?$")
_WARNING = "yellow"
_FAULT = "bold red"
Line = tuple[str, str, str]
"""A name, empty where it is that of the line above; what is to be said; its style."""
Where = Callable[[Sequence[Row] | Sequence[RowError]], str]
"""Says which rows."""


def render_survey(
    survey: Survey, gold: GoldCheck | None, verifiers: str, every_row: bool = False
) -> RenderableType:
    """The first screen.

    Args:
        gold: None where nothing could be graded.
        verifiers: by which gold answers were graded, or why none was.
        every_row: name all rows of a fault, however many.
    """
    return render_lines(_lines(survey, gold, verifiers, naming(survey.files, every_row)))


def naming(files: Sequence[str], every_row: bool) -> Where:
    """How rows of these files are named.

    Args:
        every_row: all rows of a fault, however many.
    """
    most = sys.maxsize if every_row else _SHOWN_RUNS
    return partial(rows_said, several=len(files) > 1, most=most)


def render_lines(lines: Iterable[Line]) -> RenderableType:
    """A name and what is to be said in each."""
    table = Table.grid(padding=(0, 2))
    named = ""
    for name, said, style in lines:
        table.add_row(Text("" if name == named else name, style="bold"), Text(said, style=style))
        named = name
    return table


def _lines(survey: Survey, gold: GoldCheck | None, verifiers: str, where: Where) -> Iterator[Line]:
    yield "files", ", ".join(survey.files), ""
    yield "format", ", ".join(survey.formats), ""
    yield "rows", f"{survey.num_rows:,} read, {len(survey.unreadable):,} unreadable", ""
    yield from unreadable_lines(survey.unreadable, where)
    yield from _lengths(survey, where)
    yield "sources", _counts(survey.sources), ""
    yield "answers", _counts(survey.kinds), ""
    yield from _gold(gold, verifiers, where)
    repeats = list(survey.repeats.notes(_SHOWN_PAIRS))
    for note in repeats:
        yield "repeats", note, _WARNING if survey.repeats.different else ""
    if not repeats:
        yield "repeats", "none", ""
    for odd in survey.oddities:
        seen = ", ".join(odd.examples) + (", ..." * (odd.num_sights > len(odd.examples)))
        yield "odd", f"{odd.name}: {len(odd.rows):,}, {where(odd.rows)}: {seen}", _WARNING
    if not survey.oddities:
        yield "odd", "nothing", ""


def unreadable_lines(errors: Sequence[RowError], where: Where) -> Iterator[Line]:
    """All rows that cannot be read, by reason, and what a run does with them."""
    alike: dict[tuple[str, str], list[RowError]] = {}
    for error in errors:
        # What was found counts by its type and flaw, not by its value.
        found = _TYPE_AND_FLAW.search(error.got)
        alike.setdefault((error.reason, found.group() if found else ""), []).append(error)
    for (reason, _), those in sorted(alike.items(), key=lambda item: -len(item[1])):
        yield "rows", f"{len(those):,}, {where(those)}: {reason}, got {those[0].got}", _FAULT
    if errors:
        said = "a run stops at such rows; data.skip_unreadable_rows=true leaves them out"
        yield "rows", said, _FAULT


def _lengths(survey: Survey, where: Where) -> Iterator[Line]:
    shortest, median, most, nearly_all, longest = (f"{n:,}" for n in survey.prompt_tokens)
    yield (
        "prompt tokens",
        f"shortest {shortest}, median {median}, 90 % up to {most}, 99 % up to {nearly_all}, "
        f"longest {longest}",
        "",
    )
    limit = survey.max_prompt_tokens
    if survey.too_long:
        count = len(survey.too_long)
        named = where(survey.too_long)
        said = f"{count:,} over data.max_prompt_tokens={limit}, left out: {named}"
        yield "prompt tokens", said, _FAULT if count == survey.num_rows else _WARNING
    elif limit < NO_LIMIT:
        yield "prompt tokens", f"none over data.max_prompt_tokens={limit}", ""


def _gold(gold: GoldCheck | None, verifiers: str, where: Where) -> Iterator[Line]:
    name = "gold answers"
    if gold is None:
        yield name, f"not graded: {verifiers}", _WARNING
        return
    graded = gold.looked_at - len(gold.unknown) - len(gold.unsolvable)
    if graded:
        of_all = f"of {gold.num_rows:,} rows, evenly spread; --all grades every one"
        looked_at = "every row" if gold.looked_at == gold.num_rows else of_all
        said = f"{gold.accepted:,} of {graded:,} accepted by {verifiers} ({looked_at})"
        yield name, said, "green" if gold.accepted == graded else _WARNING
    if gold.unknown:
        said = f"none known of {len(gold.unknown):,} rows, which {verifiers} can grade: "
        yield name, said + where(gold.unknown), _WARNING
    if gold.unsolvable:
        puzzles = "1 puzzle" if len(gold.unsolvable) == 1 else f"{len(gold.unsolvable):,} puzzles"
        said = f"no solution to {puzzles}, which nothing can be paid for: "
        yield name, said + where(gold.unsolvable), _FAULT
    alike: dict[str, list[Row]] = {}
    reasons: dict[str, str] = {}
    for row, verdict in gold.refused:
        said = "no verdict" if verdict.reward is None else str(verdict.status)
        # Reward functions give no reason.
        reason = f": {verdict.reason}" if verdict.reason else ""
        kind = said + _VALUES.sub("", reason)
        alike.setdefault(kind, []).append(row)
        reasons.setdefault(kind, said + reason)
    for kind, rows in sorted(alike.items(), key=lambda item: -len(item[1])):
        yield name, f"{len(rows):,} not accepted, {where(rows)}: {reasons[kind]}", _FAULT


def rows_said(
    rows: Sequence[Row] | Sequence[RowError], several: bool, most: int = _SHOWN_RUNS
) -> str:
    """As in `rows 3, 17-19, 80 and 12 more`, with their files where there are several.

    Args:
        most: runs of consecutive rows that are named.
    """
    runs: list[list[Row | RowError]] = []
    for row in rows:
        last = runs[-1][-1] if runs else None
        follows = last is not None and (row.file, row.number) == (last.file, last.number + 1)
        if follows:
            runs[-1].append(row)
        else:
            runs.append([row])
    named = []
    for run in runs[:most]:
        first, last = run[0], run[-1]
        numbers = f"{first.number}" + (f"-{last.number}" * (len(run) > 1))
        named.append(f"{numbers}{f' of {Path(first.file).name}' if several else ''}")
    rest = sum(map(len, runs[most:]))
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(named)}" + (
        f" and {rest:,} more" * (rest > 0)
    )


def _counts(counter: Counter[str]) -> str:
    most = [f"{name or '(none)'} {count:,}" for name, count in counter.most_common(_SHOWN_COUNTS)]
    others = len(counter) - len(most)
    return ", ".join(most) + (f", {others:,} more" * (others > 0))
