"""Preference pairs as a run of `rlsys reward-model` will learn from them: lengths, faults, and rows
with both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rlsys.data.inspection.demonstrations import lengths
from rlsys.data.inspection.rows import shortened
from rlsys.data.inspection.show import naming, render_lines, unreadable_lines
from rlsys.data.pairs import Pair, TokenPair, TokenPairs
from rlsys.data.read import Reading

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def render_pairs(
    reading: Reading[Pair],
    made: TokenPairs,
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    rows: int,
    every_row: bool = False,
) -> Iterator[RenderableType]:
    """The file in figures, then its first `rows` pairs that are not left out.

    Args:
        made: of the pairs that were read.
        every_row: name all that cannot be learned from, however many.
    """
    unreadable = [*reading.unreadable, *made.unreadable]
    total = len(reading.rows) + len(reading.unreadable)
    yield render_lines(
        [
            ("pairs", f"{total:,}, of which {len(made.rows):,} can be learned from", ""),
            ("rows", f"{len(unreadable):,} unreadable", ""),
            *unreadable_lines(unreadable, naming(reading.files, every_row)),
            ("too long", f"{made.num_too_long:,} (model.max_context={max_tokens})", ""),
            ("shared tokens", _lengths([len(row.prompt) for row in made.rows]), ""),
            ("chosen tokens", _lengths([len(row.chosen) for row in made.rows]), ""),
            ("rejected tokens", _lengths([len(row.rejected) for row in made.rows]), ""),
        ]
    )
    for number, row in enumerate(made.rows[:rows], 1):
        yield _panel(number, row, tokenizer)


def _lengths(counts: list[int]) -> str:
    return lengths(counts) if counts else "none"


def _panel(number: int, row: TokenPair, tokenizer: PreTrainedTokenizerBase) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("source", style="bold"), Text(row.source))
    parts = (("shared", row.prompt, "cyan"), ("chosen", row.chosen, "green"))
    for name, ids, style in (*parts, ("rejected", row.rejected, "red")):
        text = str(tokenizer.decode(list(ids)))
        table.add_row(Text(name, style="bold"), Text(text, style=style))
        table.add_row(Text(f"{name} ids", style="bold"), Text(shortened(ids), style=style))
    return Panel(table, title=f"pair {number}", title_align="left")
