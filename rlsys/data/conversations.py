"""Rows made for supervised training: messages, and instructions with their output.

What the assistant said last is the known solution; the expected answer is what it ends in.
"""

from typing import Any

from rlsys.config.data import DataConfig
from rlsys.data.raw import RawRow, first_number, is_filled, shown
from rlsys.data.rows import ChatMessage, PromptKind, Row, build_row, conversation, question
from rlsys.data.sources import source_of
from rlsys.json_text import decode_object
from verifiers.extract import graded_scope, last_boxed

ANSWERS = ("answer", "ground_truth", "label")
_TURNS = ("messages", "conversations")
_OUTPUTS = ("output", "response")
_INPUTS = ("input", "context")
_ROLES = {"human": "user", "gpt": "assistant", "system": "system"}
"""ShareGPT's names of who speaks."""


def read_messages(raw: RawRow, config: DataConfig) -> Row:
    """A column `messages` (or ShareGPT's `conversations`); the prompt is all of it but the
    assistant's last turn, which holds the solution.

    The expected answer is `answer`, `ground_truth` or `label`, else what the solution ends in;
    None where the conversation ends with the user.
    """
    column = next(name for name in _TURNS if name in raw.values)
    turns = turns_of(raw, column)
    solution = turns.pop()["content"] if turns[-1]["role"] == "assistant" else ""
    if not turns or turns[-1]["role"] != "user":
        expected = "a user message before the assistant's last, or at the end"
        raise raw.error(column, expected, shown(raw.values[column]))
    return _row(raw, config, PromptKind.CONVERSATION, turns, solution, column)


def turns_of(raw: RawRow, column: str) -> list[ChatMessage]:
    """All turns of a conversation; ShareGPT's become messages."""
    return conversation(_with_roles(raw, column), column)


def read_instruction(raw: RawRow, config: DataConfig) -> Row:
    """`instruction` and `output` (Alpaca), or `response` (Dolly); `input` or `context`, where it
    holds something, stands below the instruction."""
    asked = [raw.text("instruction").strip()]
    asked += [raw.text(name).strip() for name in _INPUTS if is_filled(raw.values.get(name))]
    output = next(name for name in _OUTPUTS if name in raw.values)
    messages = question("\n\n".join(asked))
    solution = raw.text(output)
    return _row(raw, config, PromptKind.QUESTION, messages, solution, output)


def final_answer_of(solution: str) -> str:
    """What a solution ends in: its last box, or the number behind the last `####`; else all of it.
    Thinking is no part of it, and where there is an `<answer>`, only that one counts: 5 of
    `<think>4 and 1</think><answer>5</answer>`."""
    scope = graded_scope(solution).strip() or solution
    boxed = last_boxed(scope)
    if boxed:
        return boxed
    _, marked, end = scope.rpartition("####")
    line = end.strip().partition("\n")[0].strip() if marked else ""
    bare = line.replace(",", "")
    return (bare if bare.lstrip("-").replace(".", "", 1).isdigit() else line) or scope.strip()


def _row(
    raw: RawRow,
    config: DataConfig,
    kind: PromptKind,
    messages: list[ChatMessage],
    solution: str,
    used: str,
) -> Row:
    column = next((name for name in ANSWERS if raw.values.get(name) is not None), "")
    expected: Any = decode_object(raw.values.get(column))
    if expected is None and solution:
        expected = final_answer_of(solution)
    info = raw.rest("messages", "conversations", "instruction", *_INPUTS, *_OUTPUTS, column)
    if solution:
        info["output"] = solution
    return build_row(
        raw,
        config,
        source=source_of(raw, "source"),
        kind=kind,
        messages=messages,
        expected=expected,
        answer_column=column or used,
        info=info,
        difficulty=first_number(raw.values, "difficulty", "level"),
    )


def _with_roles(raw: RawRow, column: str) -> RawRow:
    """The row with ShareGPT's turns as messages."""
    turns = decode_object(raw.values.get(column))
    if not isinstance(turns, list) or not all(
        isinstance(turn, dict) and "from" in turn and "value" in turn for turn in turns
    ):
        return raw
    messages = [{"role": _ROLES.get(t["from"], t["from"]), "content": t["value"]} for t in turns]
    return RawRow(raw.file, raw.number, raw.values | {column: messages})
