"""Demonstrations as a run of `rlsys sft` will learn from them: lengths, and rows with masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rlsys.config.data import DataConfig
from rlsys.data.demonstrations import Demonstration, Lesson, tokenized
from rlsys.data.inspection.rows import shortened
from rlsys.data.inspection.show import naming, render_lines, unreadable_lines
from rlsys.data.inspection.survey import quantiles
from rlsys.data.read import Reading

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def render_demonstrations(
    reading: Reading[Lesson],
    config: DataConfig,
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    rows: int,
    every_row: bool = False,
) -> Iterator[RenderableType]:
    """The file in figures, then its first `rows` demonstrations that are not left out.

    Args:
        every_row: name all rows that cannot be read, however many.
    Raises:
        DataError: as rlsys.data.demonstrations.tokenized.
    """
    found = tokenized(reading.rows, config, tokenizer, max_tokens)
    total, too_long = len(reading.rows), len(reading.rows) - len(found.rows)
    limits = f"data.max_prompt_tokens={config.max_prompt_tokens}, {max_tokens} in all"
    yield render_lines(
        [
            ("format", ", ".join(dict.fromkeys(reading.formats)), ""),
            ("rows", f"{len(reading.unreadable):,} unreadable", ""),
            *unreadable_lines(reading.unreadable, naming(reading.files, every_row)),
            ("demonstrations", f"{total:,}, of which {too_long:,} are left out", ""),
            ("limits", limits, ""),
            ("prompt tokens", lengths([len(row.prompt) for row in found.rows]), ""),
            ("completion tokens", lengths([len(row.completion) for row in found.rows]), ""),
        ]
    )
    for number, row in enumerate(found.rows[:rows], 1):
        yield _panel(number, row, tokenizer)


def lengths(counts: Sequence[int]) -> str:
    """The spread of lengths in one line."""
    shortest, median, most, nearly_all, longest = (f"{n:,}" for n in quantiles(counts))
    return (
        f"shortest {shortest}, median {median}, 90 % up to {most}, 99 % up to {nearly_all}, "
        f"longest {longest}"
    )


def _panel(number: int, row: Demonstration, tokenizer: PreTrainedTokenizerBase) -> Panel:
    prompt, completion = (str(tokenizer.decode(list(x))) for x in (row.prompt, row.completion))
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("source", Text(row.source)),
        ("prompt", Text(prompt, style="cyan")),
        ("completion", Text(completion, style="green")),
        ("prompt ids", Text(shortened(row.prompt), style="cyan")),
        ("completion ids", Text(shortened(row.completion), style="green")),
        ("mask", Text(f"0 x {len(row.prompt)}, 1 x {len(row.completion)}")),
    ):
        table.add_row(Text(name, style="bold"), value)
    return Panel(table, title=f"demonstration {number}", title_align="left")
