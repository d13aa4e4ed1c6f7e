"""Row: one task of a data set, the same for all file formats, before any template."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypedDict

from rlsys.config.data import DataConfig
from rlsys.data.expected import flaw
from rlsys.data.raw import RawRow, shown
from rlsys.data.unsupported import refuse_placeholders, refuse_turn
from rlsys.json_text import decode_object


class ChatMessage(TypedDict):
    """One turn of a conversation."""

    role: str
    content: str


class PromptKind(StrEnum):
    """What a row's prompt is, which decides what a template may put around it."""

    QUESTION = "question"
    """A bare question: the template says how to answer."""
    PROGRAM = "program"
    """A programming task: the answer is a fenced block of Python."""
    PATCH = "patch"
    """A repository to mend: the answer is a fenced unified diff."""
    CONVERSATION = "conversation"
    """Messages that say themselves how to answer."""
    TEXT = "text"
    """A text to be continued as it stands."""


@dataclass(frozen=True)
class Row:
    """One task: what is asked, and what is known of the right answer."""

    prompt_id: str
    """Hash of source, prompt and expected answer: equal content has equal ids, wherever it lies."""
    source: str
    kind: PromptKind
    messages: tuple[ChatMessage, ...]
    """The prompt as a conversation; never empty."""
    text: str | None
    """The prompt as a text to be continued; None where only a conversation makes sense."""
    expected: Any
    """What a verifier compares with, as JSON values; None where the data has none."""
    info: dict[str, Any]
    """What a verifier needs beside it, as JSON values."""
    difficulty: float | None
    """On the data set's own scale."""
    file: str
    number: int
    """In its file, counted from 1."""

    @property
    def where(self) -> str:
        """Where the row lies, for error messages."""
        return f"{self.file}, row {self.number}"


def content_id(source: str, messages: Sequence[ChatMessage], expected: Any) -> str:
    """A stable 128-bit hash (blake2b, hex) of a task's content."""
    content = json.dumps([source, list(messages), expected], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def build_row(
    raw: RawRow,
    config: DataConfig,
    *,
    source: str,
    kind: PromptKind,
    messages: Sequence[ChatMessage],
    expected: Any,
    info: dict[str, Any],
    answer_column: str = "answer",
    text: str | None = None,
    difficulty: float | None = None,
) -> Row:
    """Make a Row of what a format's reader found in a raw row.

    `source` is the reader's own finding; config.source overrides it. `text` defaults to the
    content of a single user message.

    Args:
        expected: None where the data has none, which is not for all kinds of rows an error.
        answer_column: where it was found, for error messages.

    Raises:
        RowError: the prompt is not valid Unicode or has a place for a picture, nothing can match
            what is expected, or that or info cannot be written as JSON.
    """
    for message in messages:
        require_unicode(raw, "prompt", message["content"])
        if kind not in (PromptKind.PROGRAM, PromptKind.PATCH):
            refuse_placeholders(raw, message["content"])
    if text is None and len(messages) == 1:
        text = messages[0]["content"]
    expected = _json_values(raw, answer_column, expected)
    found = "" if expected is None else flaw(expected)
    if found:
        got = f"{shown(expected)}: {found}"
        raise raw.error(answer_column, "an answer that a completion can match", got)
    source = config.source or source
    return Row(
        prompt_id=content_id(source, messages, expected),
        source=source,
        kind=kind,
        messages=tuple(messages),
        text=text,
        expected=expected,
        info=_json_values(raw, "info", info),
        difficulty=difficulty,
        file=raw.file,
        number=raw.number,
    )


def require_unicode(raw: RawRow, column: str, text: str) -> None:
    """Raise RowError for half of a character, which no tokenizer takes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise raw.error(column, "valid Unicode", f"a lone surrogate: {error}") from None


def question(content: str) -> list[ChatMessage]:
    """A conversation of one user message."""
    return [ChatMessage(role="user", content=content)]


def conversation(raw: RawRow, column: str) -> list[ChatMessage]:
    """Read a column of messages: structs with role and content (a text, or parts of text).

    Raises:
        DataError: there is no message, or one is not of that form.
    """
    expected = "a list of messages with role and content"
    turns = decode_object(raw.value(column, expected))
    if not isinstance(turns, list) or not turns:
        raise raw.error(column, expected, shown(turns))
    messages = []
    for turn in turns:
        if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
            raise raw.error(column, expected, shown(turn))
        refuse_turn(raw, column, turn)
        content = _content(turn.get("content"))
        if not content.strip():
            raise raw.error(column, f"a text as content of the {turn['role']} message", shown(turn))
        messages.append(ChatMessage(role=turn["role"], content=content))
    return messages


def _content(content: Any) -> str:
    """A message's content; "" where it holds no text, or something beside text."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        return "".join(part["text"] for part in content)
    return ""


def _json_values(raw: RawRow, column: str, value: Any) -> Any:
    """The value as JSON can carry it: dates and decimals become texts, bytes are refused."""
    try:
        return json.loads(json.dumps(value, default=_as_text))
    except TypeError as error:
        raise raw.error(column, "texts, numbers, lists and mappings", str(error)) from None


def _as_text(value: Any) -> str:
    if isinstance(value, (date, time, timedelta, Decimal)):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__}")
