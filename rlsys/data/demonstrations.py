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
from rlsys.data.files import find_files, read_file
from rlsys.data.raw import RawRow
from rlsys.data.rows import ChatMessage, PromptKind, Row, build_row, conversation, question
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


def read_lessons(path: str, config: DataConfig, all_turns: bool = False) -> list[Lesson]:
    """The demonstrations of a file, or of the files of a folder.

    Args:
        all_turns: each turn of the assistant is a lesson of its own, not the last one alone.
    Raises:
        DataError: a row cannot be read, or a file's columns are none of FORMATS.
    """
    lessons: list[Lesson] = []
    for file in find_files(path):
        raw = read_file(file)
        if raw.broken:
            raise raw.broken[0]
        columns = next((c for c in FORMATS if set(c) <= set(raw.columns)), None)
        if columns is None:
            known = "; ".join(" + ".join(c) for c in FORMATS)
            raise DataError(
                f"{file}: the columns are {', '.join(raw.columns)}; a demonstration needs {known}"
            )
        for row in raw.rows:
            lessons += _lessons(row, columns, config, all_turns)
    return lessons


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
    texts = [_said(prompt.text, said, tokenizer) for prompt, said in pairs]
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


def _said(prompt: str, completion: str, tokenizer: Tokenizer) -> str:
    """What follows the prompt's text."""
    if prompt.rstrip().endswith(THINK):
        completion = completion.lstrip().removeprefix(THINK)
    return completion.removesuffix(str(getattr(tokenizer, "eos_token", None)))
