"""Demonstrations for supervised fine-tuning: rows with a prompt and what the assistant says to it.

| columns | the prompt | what is learned |
|---|---|---|
| `messages`, ShareGPT's `conversations` | all turns before | the assistant's last turn, or each |
| `instruction`, perhaps `input` | both | `output`, or `response` |
| `prompt_text`, as rlsys' samples have it | it, as it stands | `text` |
| `prompt` | a text as it stands, or messages | `completion` |

The prompt is rendered as it is for sampling, with the turn of the assistant opened, so that what is
learned follows the very tokens that the policy will be asked with. A completion ends with the
end-of-sequence token. Where a template opens `<think>` itself, a completion does not open it again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from rlsys import schema
from rlsys.config.data import DataConfig
from rlsys.data.conversations import read_instruction, turns_of
from rlsys.data.files import RawFile
from rlsys.data.raw import RawRow
from rlsys.data.read import Layout, Reading, read_all
from rlsys.data.rows import (
    ChatMessage,
    PromptKind,
    Row,
    build_row,
    conversation,
    question,
    require_unicode,
)
from rlsys.data.sources import source_of
from rlsys.data.templates import Tokenizer, tokenize
from rlsys.errors import DataError
from rlsys.json_text import decode_object
from rlsys.markup import THINK

FORMATS = (
    ("messages",),
    ("conversations",),
    ("instruction", "output"),
    ("instruction", "response"),
    ("prompt_text", "text"),
    ("prompt", "completion"),
)


@dataclass(frozen=True)
class Lesson:
    """A prompt before any template, and what is said to it."""

    prompt: Row
    completion: str


@dataclass(frozen=True)
class Demonstration:
    """One row of supervised training, as token ids."""

    source: str
    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    """With the end-of-sequence token."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Demonstrations:
    """What was made of a file, and how many were left out."""

    rows: list[Demonstration]
    num_too_long: int


def read_lessons(path: str, config: DataConfig, all_turns: bool = False) -> Reading[Lesson]:
    """The demonstrations of a file, or of the files of a folder.

    Args:
        all_turns: each turn of the assistant is a lesson of its own, not the last one alone.
    Raises:
        DataError: as rlsys.data.read.read_all; or a file's columns are none of FORMATS, or its
            rows are of several of them.
    """

    def layout(file: RawFile) -> Layout[Lesson]:
        columns = _columns_of(file)
        _require_one_form(file, columns)
        return Layout(
            file, _said(columns), lambda row: list(_lessons(row, columns, config, all_turns))
        )

    return read_all(path, config, layout)


def _columns_of(file: RawFile) -> tuple[str, ...]:
    """The form of a file."""
    columns = next((c for c in FORMATS if set(c) <= set(file.columns)), None)
    if columns is None:
        raise DataError(
            f"{file.path}: the columns are {', '.join(file.columns)}; a demonstration needs "
            f"{'; '.join(map(_said, FORMATS))}"
        )
    return columns


def _require_one_form(file: RawFile, columns: tuple[str, ...]) -> None:
    """Raise DataError where some rows have nothing in these columns, but in those of another form:
    none of them is broken, and none may be left out for another."""
    others: dict[tuple[str, ...], list[RawRow]] = {}
    for row in file.rows:
        filled = {name for name, value in row.values.items() if value is not None}
        if not filled & set(columns) and (
            form := next((c for c in FORMATS if set(c) <= filled), ())
        ):
            others.setdefault(form, []).append(row)
    if others:
        count = len(file.rows) - sum(map(len, others.values()))
        also = "; ".join(
            f"{len(rows):,} of {_said(form)}, the first row {rows[0].number}"
            for form, rows in others.items()
        )
        raise DataError(
            f"{file.path}: rows of several forms: {count:,} of {_said(columns)}; {also}; put each "
            "form into a file of its own, in one folder"
        )


def _said(columns: tuple[str, ...]) -> str:
    return " + ".join(columns)


def tokenized(
    lessons: Sequence[Lesson], config: DataConfig, tokenizer: Tokenizer, max_tokens: int
) -> Demonstrations:
    """Render and tokenize; those of more than max_tokens are left out, and counted.

    Raises:
        ConfigError, DataError: as rlsys.data.templates.tokenize; DataError where none is left.
    """
    prompts = tokenize([lesson.prompt for lesson in lessons], config, tokenizer)
    # A row of each prompt that was short enough; one row may stand in several lessons.
    kept = iter(zip(prompts.rows, prompts.prompts, strict=True))
    following = next(kept, None)
    pairs = []
    for lesson in lessons:
        if following is not None and following[0] is lesson.prompt:
            pairs.append((following[1], lesson.completion))
            following = next(kept, None)
    texts = [_following(prompt.text, said, tokenizer) for prompt, said in pairs]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    rows = [
        Demonstration(prompt.source, tuple(prompt.token_ids), (*ids, tokenizer.eos_token_id))
        for (prompt, _), ids in zip(pairs, encoded, strict=True)
    ]
    short = [row for row in rows if len(row) <= max_tokens]
    if lessons and not short:
        raise DataError(
            f"all {len(lessons)} demonstrations are longer than {max_tokens} tokens, or their "
            f"prompts than data.max_prompt_tokens={config.max_prompt_tokens}"
        )
    return Demonstrations(short, len(lessons) - len(short))


def to_batch(rows: Sequence[Demonstration]) -> pa.RecordBatch:
    """As the learner takes them: every token of a completion weighs 1."""
    return schema.build(
        schema.DEMONSTRATIONS,
        {
            "prompt_token_ids": [row.prompt for row in rows],
            "token_ids": [row.completion for row in rows],
            "loss_weights": [None] * len(rows),
        },
    )


def _lessons(
    raw: RawRow, columns: tuple[str, ...], config: DataConfig, all_turns: bool
) -> Iterator[Lesson]:
    for lesson in _shown(raw, columns, config, all_turns):
        require_unicode(raw, columns[-1], lesson.completion)
        yield lesson


def _shown(
    raw: RawRow, columns: tuple[str, ...], config: DataConfig, all_turns: bool
) -> Iterator[Lesson]:
    if columns[0] in ("messages", "conversations"):
        yield from _of_turns(raw, columns[0], config, all_turns)
    elif columns[0] == "instruction":
        row = read_instruction(raw, config)
        yield Lesson(row, raw.text(columns[1]))
    elif columns[0] == "prompt_text":
        yield Lesson(_row(raw, config, raw.text("prompt_text"), []), raw.text("text"))
    else:
        yield _of_completion(raw, config)


def _of_turns(raw: RawRow, column: str, config: DataConfig, all_turns: bool) -> Iterator[Lesson]:
    turns = turns_of(raw, column)
    ends = [i for i, turn in enumerate(turns) if i and turn["role"] == "assistant"]
    if not ends:
        raise raw.error(column, "an assistant's turn behind another", f"{len(turns)} turns")
    for end in ends if all_turns else ends[-1:]:
        yield Lesson(_row(raw, config, None, turns[:end]), turns[end]["content"])


def _of_completion(raw: RawRow, config: DataConfig) -> Lesson:
    """TRL's: texts, or lists of messages."""
    said = decode_object(raw.value("completion", "a text or a list of messages"))
    asked = decode_object(raw.value("prompt", "a text or a list of messages"))
    if isinstance(said, list):
        turns = conversation(raw, "completion")
        if len(turns) != 1 or turns[0]["role"] != "assistant":
            raise raw.error("completion", "one message of the assistant", f"{len(turns)} messages")
        completion = turns[0]["content"]
    else:
        completion = raw.text("completion")
    if isinstance(asked, list):
        return Lesson(_row(raw, config, None, conversation(raw, "prompt")), completion)
    return Lesson(_row(raw, config, raw.text("prompt"), []), completion)


def _row(raw: RawRow, config: DataConfig, text: str | None, messages: Sequence[ChatMessage]) -> Row:
    """A prompt that says itself how it is answered: a text as it stands, or a conversation."""
    return build_row(
        raw,
        config,
        source=source_of(raw, "source"),
        kind=PromptKind.TEXT if text is not None else PromptKind.CONVERSATION,
        messages=question(text) if text is not None else messages,
        expected=None,
        info={},
        text=text,
    )


def _following(prompt: str, completion: str, tokenizer: Tokenizer) -> str:
    """What follows the prompt's text."""
    if prompt.rstrip().endswith(THINK):
        completion = completion.lstrip().removeprefix(THINK)
    return completion.removesuffix(str(getattr(tokenizer, "eos_token", None)))
