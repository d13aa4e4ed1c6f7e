"""The survey of a file for a terminal: one line for each thing that matters to a run."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
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

_SHOWN_ROWS = 3
_SHOWN_REASONS = 6
_SHOWN_COUNTS = 10
_SHOWN_REFUSED = 5
_TYPE_AND_FLAW = re.compile(r"\([A-Za-z_]+\)(?:: .*)?$")
_WARNING = "yellow"
_FAULT = "bold red"
Line = tuple[str, str, str]
"""A name, empty where it is that of the line above; what is to be said; its style."""


def render_survey(survey: Survey, gold: GoldCheck | None, verifiers: str) -> RenderableType:
    """The first screen.

    Args:
        gold: None where nothing could be graded.
        verifiers: by which gold answers were graded, or why none was.
    """
    table = Table.grid(padding=(0, 2))
    named = ""
    for name, said, style in _lines(survey, gold, verifiers):
        table.add_row(Text("" if name == named else name, style="bold"), Text(said, style=style))
        named = name
    return table


def _lines(survey: Survey, gold: GoldCheck | None, verifiers: str) -> Iterator[Line]:
    several = len(survey.files) > 1
    yield "files", ", ".join(survey.files), ""
    yield "format", ", ".join(survey.formats), ""
    yield "rows", f"{survey.num_rows:,} read, {len(survey.unreadable):,} unreadable", ""
    yield from _unreadable(survey.unreadable, several)
    yield from _lengths(survey, several)
    yield "sources", _counts(survey.sources), ""
    yield "answers", _counts(survey.kinds), ""
    yield from _gold(gold, verifiers, several)
    repeats = list(survey.repeats.notes())
    for note in repeats:
        yield "repeats", note, _WARNING if survey.repeats.different else ""
    if not repeats:
        yield "repeats", "none", ""
    for odd in survey.oddities:
        where = rows_said(odd.rows, several)
        yield "odd", f"{odd.name}: {len(odd.rows):,}, {where}: {odd.example}", _WARNING
    if not survey.oddities:
        yield "odd", "nothing", ""


def _unreadable(errors: Sequence[RowError], several: bool) -> Iterator[Line]:
    alike: dict[tuple[str, str], list[RowError]] = {}
    for error in errors:
        # What was found counts by its type and flaw, not by its value.
        found = _TYPE_AND_FLAW.search(error.got)
        alike.setdefault((error.reason, found.group() if found else ""), []).append(error)
    by_count = sorted(alike.items(), key=lambda item: -len(item[1]))
    for (reason, _), those in by_count[:_SHOWN_REASONS]:
        yield "rows", f"{rows_said(those, several)}: {reason}, got {those[0].got}", _FAULT
    rest = [error for _, those in by_count[_SHOWN_REASONS:] for error in those]
    if rest:
        yield "rows", f"{len(rest):,} more for other reasons: {rows_said(rest, several)}", _FAULT
    if errors:
        said = "a run stops at such rows; data.skip_unreadable_rows=true leaves them out"
        yield "rows", said, _FAULT


def _lengths(survey: Survey, several: bool) -> Iterator[Line]:
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
        where = rows_said(survey.too_long, several)
        said = f"{count:,} over data.max_prompt_tokens={limit}, left out: {where}"
        yield "prompt tokens", said, _FAULT if count == survey.num_rows else _WARNING
    elif limit < NO_LIMIT:
        yield "prompt tokens", f"none over data.max_prompt_tokens={limit}", ""


def _gold(gold: GoldCheck | None, verifiers: str, several: bool) -> Iterator[Line]:
    name = "gold answers"
    if gold is None:
        yield name, f"not graded: {verifiers}", _WARNING
        return
    graded = gold.looked_at - len(gold.unknown)
    if graded:
        of_all = f"of {gold.num_rows:,} rows, evenly spread; --all grades every one"
        looked_at = "every row" if gold.looked_at == gold.num_rows else of_all
        said = f"{gold.accepted:,} of {graded:,} accepted by {verifiers} ({looked_at})"
        yield name, said, "green" if gold.accepted == graded else _WARNING
    if gold.unknown:
        said = f"none known of {len(gold.unknown):,} rows, which {verifiers} can grade: "
        yield name, said + rows_said(gold.unknown, several), _WARNING
    for row, verdict in gold.refused[:_SHOWN_REFUSED]:
        said = "no verdict" if verdict.reward is None else str(verdict.status)
        yield name, f"{rows_said([row], several)}: {said}: {verdict.reason}", _FAULT
    if len(gold.refused) > _SHOWN_REFUSED:
        rest = [row for row, _ in gold.refused[_SHOWN_REFUSED:]]
        yield name, f"{len(rest):,} more not accepted: {rows_said(rest, several)}", _FAULT


def rows_said(rows: Sequence[Row] | Sequence[RowError], several: bool) -> str:
    """As in `rows 3, 17, 80 and 12 more`, with their files where there are several."""
    first = [f"{row.number}{f' of {Path(row.file).name}' if several else ''}" for row in rows]
    rest = len(first) - _SHOWN_ROWS
    listed = ", ".join(first[:_SHOWN_ROWS])
    return f"row{'s' if len(first) > 1 else ''} {listed}" + (f" and {rest:,} more" * (rest > 0))


def _counts(counter: Counter[str]) -> str:
    most = [f"{name or '(none)'} {count:,}" for name, count in counter.most_common(_SHOWN_COUNTS)]
    others = len(counter) - len(most)
    return ", ".join(most) + (f", {others:,} more" * (others > 0))
