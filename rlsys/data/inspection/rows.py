"""What a row becomes: the prompt, its tokens, the mask, and a verdict on the gold answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rlsys.config.data import DataConfig
from rlsys.data.gold import gold_completion
from rlsys.data.inspection.gold_check import Grade, completion_of
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt, Tokenizer, choose
from verifiers.base import Status, Verdict

_SHOWN_TOKENS = 8
_SHOWN_JSON_CHARACTERS = 200


@dataclass(frozen=True)
class InspectedRow:
    """One row as it will be prompted, sampled and graded."""

    number: int
    """In its file, counted from 1."""
    prompt_id: str
    source: str
    template: str
    """The template's name, after auto was decided."""
    prompt: str
    completion: str | None
    """What a perfect policy would answer; None where the data does not tell."""
    token_ids: list[int]
    """Prompt and completion together."""
    mask: list[int]
    """One per token: 0 on the prompt, 1 on the completion, which alone is trained."""
    expected: Any
    info: dict[str, Any]
    difficulty: float | None
    verdict: Verdict | None
    """Of the completion; None without a completion or without a way to grade."""


def inspect_row(
    row: Row,
    prompt: Prompt,
    config: DataConfig,
    tokenizer: Tokenizer,
    grade: Grade | None = None,
) -> InspectedRow:
    """Look closely at one row.

    Args:
        grade: verifiers; the gold completion is graded by them, dry: nothing is sampled.
    """
    completion = gold_completion(row, prompt.text)
    response_ids: list[int] = []
    verdict = None
    if completion is not None:
        response_ids = list(tokenizer([completion], add_special_tokens=False)["input_ids"][0])
        if tokenizer.eos_token_id is not None:
            response_ids.append(tokenizer.eos_token_id)  # sampled and trained like any other
        if grade is not None:
            (verdict,) = grade([completion_of(row, prompt, completion)])
    return InspectedRow(
        number=row.number,
        prompt_id=row.prompt_id,
        source=row.source,
        template=choose(row, config, tokenizer).name,
        prompt=prompt.text,
        completion=completion,
        token_ids=[*prompt.token_ids, *response_ids],
        mask=[0] * len(prompt.token_ids) + [1] * len(response_ids),
        expected=row.expected,
        info=row.info,
        difficulty=row.difficulty,
        verdict=verdict,
    )


def render_row(row: InspectedRow) -> RenderableType:
    """The row for a terminal: a panel with one line for each of its parts."""
    return Panel(_row_table(row), title=f"row {row.number}", title_align="left")


def _row_table(row: InspectedRow) -> Table:
    num_trained = sum(row.mask)
    num_prompt = len(row.mask) - num_trained
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("source", Text(row.source)),
        ("prompt id", Text(row.prompt_id)),
        ("template", Text(row.template)),
        ("difficulty", Text("none" if row.difficulty is None else f"{row.difficulty:g}")),
        ("prompt", Text(row.prompt, style="cyan")),
        ("gold answer", Text(row.completion or "not known", style="green")),
        ("prompt ids", Text(shortened(row.token_ids[:num_prompt]), style="cyan")),
        ("answer ids", Text(shortened(row.token_ids[num_prompt:]), style="green")),
        ("mask", Text(f"0 x {num_prompt}, 1 x {num_trained}")),
        ("expected", Text(_as_json(row.expected))),
        ("info", Text(_as_json(row.info))),
        ("dry verdict", _verdict_text(row)),
    ):
        table.add_row(Text(name, style="bold"), value)
    return table


def shortened(token_ids: Sequence[int]) -> str:
    """The first and the last of them."""
    if len(token_ids) <= 2 * _SHOWN_TOKENS:
        return " ".join(map(str, token_ids)) or "none"
    first = " ".join(map(str, token_ids[:_SHOWN_TOKENS]))
    last = " ".join(map(str, token_ids[-_SHOWN_TOKENS:]))
    return f"{first} ... {last} ({len(token_ids)} tokens)"


def _as_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _SHOWN_JSON_CHARACTERS:
        return text
    return f"{text[:_SHOWN_JSON_CHARACTERS]}... ({len(text)} characters)"


def _verdict_text(row: InspectedRow) -> Text:
    if row.verdict is None:
        reason = "no right answer is known" if row.completion is None else "no verifier was given"
        return Text(f"none: {reason}", style="yellow")
    verdict = row.verdict
    style = "bold green" if verdict.status is Status.CORRECT else "bold red"
    reward = "no reward" if verdict.reward is None else f"reward {verdict.reward:g}"
    parts = [f"{verdict.status}, {reward}"]
    parts += [f"{name} {value:g}" for name, value in verdict.components.items()]
    return Text(", ".join(parts) + (f": {verdict.reason}" if verdict.reason else ""), style=style)
