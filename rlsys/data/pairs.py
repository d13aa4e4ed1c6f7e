"""Preference pairs: rows with two answers to one prompt, of which one was preferred.

With a column `prompt` (or `question`, `instruction`, `conversations`; perhaps `system`), `chosen`
and `rejected` are what the assistant says: a text, a message or a list of messages; or each is the
whole conversation, the prompt's turns among them. Without one, each is the whole conversation: a
list of messages, or a text, in which `Human:` and `Assistant:` begin paragraphs as in Anthropic's
HH, or whose prompt is what both sides begin with.

A pair is rendered as the built-in verifier `reward_model` renders what it scores: in the
tokenizer's chat template, where it has one.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from jinja2 import TemplateError

from rlsys import schema
from rlsys.config.data import DataConfig
from rlsys.data.conversations import turns_of
from rlsys.data.files import RawFile
from rlsys.data.raw import RawRow, RowError, is_filled, shown
from rlsys.data.read import Layout, Reading, read_all
from rlsys.data.rows import ChatMessage, require_unicode
from rlsys.data.sources import source_of
from rlsys.errors import DataError
from rlsys.json_text import decode_object
from rlsys.pretrained import padding_id
from verifiers.models.dialogue import DialogueEncoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROMPTS = ("prompt", "question", "instruction", "conversations")
SIDES = ("chosen", "rejected")
_SPEAKERS = {"Human": "user", "Assistant": "assistant"}
_SPEAKS = re.compile(r"\n\n(Human|Assistant):")

Turns = tuple[ChatMessage, ...]
Side = Turns | str
"""A whole conversation, or a text as it stands."""
_OTHER_ANSWER = "another answer than the chosen one"
_SAME_PROMPT = "an answer to the prompt of the chosen one"


@dataclass(frozen=True)
class Pair:
    """Two conversations that begin alike and end in the assistant's turn."""

    source: str
    file: str
    number: int
    """In its file, counted from 1."""
    chosen: Side
    rejected: Side

    @property
    def where(self) -> str:
        """Where the pair lies, for error messages."""
        return f"{self.file}, row {self.number}"

    @property
    def prompt(self) -> Side:
        """What both sides begin with: whole turns of a conversation."""
        if isinstance(self.chosen, str) or isinstance(self.rejected, str):
            return str(self.chosen[: _num_shared(self.chosen, self.rejected)])
        return self.chosen[: _num_shared(self.chosen, self.rejected)]

    @property
    def key(self) -> bytes:
        """A hash of the prompt: pairs that have one prompt have one key."""
        return hashlib.blake2b(json.dumps(self.prompt).encode(), digest_size=16).digest()


@dataclass(frozen=True)
class TokenPair:
    """A pair as token ids."""

    source: str
    prompt: tuple[int, ...]
    """What both sides begin with; one token at least."""
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]

    def __len__(self) -> int:
        """Of the longer side, prompt and all."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))


@dataclass(frozen=True)
class TokenPairs:
    """What was made of pairs, and how many were left out."""

    rows: list[TokenPair]
    num_too_long: int
    unreadable: tuple[RowError, ...]
    """Of those that a template or a tokenizer makes equal, or leaves without a common beginning."""


def read_pairs(path: str, config: DataConfig) -> Reading[Pair]:
    """The pairs of a file, or of the files of a folder.

    Raises:
        DataError: as rlsys.data.read.read_all; or the columns are not those of pairs.
    """

    def layout(file: RawFile) -> Layout[Pair]:
        absent = [name for name in SIDES if name not in file.columns]
        if absent:
            raise DataError(
                f"{file.path}: the columns are {', '.join(file.columns)}; a preference pair needs "
                "chosen + rejected, and prompt where these are answers alone"
            )
        return Layout(file, " + ".join(SIDES), lambda row: [_pair(row, config.source)])

    return read_all(path, config, layout)


def tokenized(
    pairs: Sequence[Pair], tokenizer: "PreTrainedTokenizerBase", max_tokens: int
) -> TokenPairs:
    """Render and tokenize; those with a side of more than max_tokens are left out, and counted.

    A sequence does not end in the padding token: whoever loads the model takes that for padding.

    Raises:
        DataError: the chat template refuses a conversation.
    """
    encoder, padding = DialogueEncoder(tokenizer), padding_id(tokenizer)
    rows: list[TokenPair] = []
    unreadable: list[RowError] = []
    num_too_long = 0
    for pair in pairs:
        chosen, rejected = (
            _encoded(side, pair, tokenizer, encoder, padding)
            for side in (pair.chosen, pair.rejected)
        )
        if max(len(chosen), len(rejected)) > max_tokens:
            num_too_long += 1
        elif chosen == rejected:
            same = "the same tokens, as they are rendered"
            unreadable.append(RowError(pair.file, pair.number, "rejected", _OTHER_ANSWER, same))
        elif not (shared := _num_common(chosen, rejected)):
            apart = "other tokens from the first one on, as they are rendered"
            unreadable.append(RowError(pair.file, pair.number, "rejected", _SAME_PROMPT, apart))
        else:
            sides = (tuple(ids[shared:]) for ids in (chosen, rejected))
            rows.append(TokenPair(pair.source, tuple(chosen[:shared]), *sides))
    return TokenPairs(rows, num_too_long, tuple(unreadable))


def to_batch(rows: Sequence[TokenPair]) -> pa.RecordBatch:
    """As the learner takes them."""
    return schema.build(
        schema.PAIRS,
        {
            "prompt_token_ids": [row.prompt for row in rows],
            "chosen_token_ids": [row.chosen for row in rows],
            "rejected_token_ids": [row.rejected for row in rows],
        },
    )


def _pair(raw: RawRow, source: str) -> Pair:
    for side in SIDES:
        if not is_filled(raw.values.get(side)):
            raise raw.error(side, "an answer", shown(raw.values.get(side)))
    prompt = _prompt(raw)
    chosen, rejected = (_side(raw, name, prompt) for name in SIDES)
    if chosen == rejected:
        raise raw.error("rejected", _OTHER_ANSWER, shown(raw.values["rejected"]))
    if prompt is None:
        _require_whole(raw, chosen, rejected)
    pair = Pair(source or source_of(raw, "source"), raw.file, raw.number, chosen, rejected)
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise raw.error("rejected", "a side of the same form as chosen", shown(raw.values))
    if not pair.prompt or not _answers(chosen, rejected):
        raise raw.error("rejected", _SAME_PROMPT, shown(raw.values["rejected"]))
    return pair


def _require_whole(raw: RawRow, *sides: Side) -> None:
    """Raise RowError for answers alone whose prompt is there, and holds nothing."""
    column = next((name for name in PROMPTS if name in raw.values), None)
    alone = [side for side in sides if isinstance(side, str) or side[0]["role"] == "assistant"]
    if column is not None and alone:
        raise raw.error(column, "a text or a list of messages", shown(raw.values[column]))


def _answers(chosen: Side, rejected: Side) -> bool:
    """Whether both go on with the assistant's turn where they differ; of texts nobody knows."""
    if isinstance(chosen, str) or isinstance(rejected, str):
        return True
    shared = _num_shared(chosen, rejected)
    following = {turns[shared]["role"] for turns in (chosen, rejected) if shared < len(turns)}
    return following == {"assistant"}


def _prompt(raw: RawRow) -> Turns | None:
    """None where the sides are whole conversations, and no column says what they begin with."""
    column = next((name for name in PROMPTS if is_filled(raw.values.get(name))), None)
    if column is None:
        return None
    value = decode_object(raw.values[column])
    if isinstance(value, str):
        turns = _dialogue(value) or (ChatMessage(role="user", content=value),)
    else:
        turns = tuple(turns_of(raw, column))
    for turn in turns:
        require_unicode(raw, column, turn["content"])
    if is_filled(raw.values.get("system")):
        turns = (ChatMessage(role="system", content=raw.text("system")), *turns)
    return turns


def _side(raw: RawRow, column: str, prompt: Turns | None) -> Side:
    value = decode_object(raw.values[column])
    if isinstance(value, str):
        require_unicode(raw, column, value)
        if prompt is not None:
            return (*prompt, ChatMessage(role="assistant", content=value.strip()))
        turns = _dialogue(value)
        if turns is None:
            return value
    else:
        listed = value if isinstance(value, list) else [value]
        turns = tuple(turns_of(RawRow(raw.file, raw.number, raw.values | {column: listed}), column))
        for turn in turns:
            require_unicode(raw, column, turn["content"])
        if prompt is not None and turns[0]["role"] == "assistant":
            turns = (*prompt, *turns)
    if turns[-1]["role"] != "assistant":
        raise raw.error(column, "the assistant's turn at its end", shown(raw.values[column]))
    return turns


def _dialogue(text: str) -> Turns | None:
    """The turns of a text as Anthropic's HH has them, without one that is only opened at its end;
    None for any other text."""
    lines = text.strip().replace("\r\n", "\n")
    before, *parts = _SPEAKS.split(f"\n\n{lines}")
    if before or not parts:
        return None
    said = [
        ChatMessage(role=_SPEAKERS[who], content=content.strip())
        for who, content in zip(parts[::2], parts[1::2], strict=True)
    ]
    return tuple(turn for i, turn in enumerate(said) if turn["content"] or i < len(said) - 1)


def _encoded(
    side: Side,
    pair: Pair,
    tokenizer: "PreTrainedTokenizerBase",
    encoder: DialogueEncoder,
    padding: int,
) -> list[int]:
    if isinstance(side, str):
        ids: list[int] = list(tokenizer(side)["input_ids"])
    else:
        try:
            ids = encoder.encode(side)
        except TemplateError as error:
            raise DataError(f"{pair.where}: the chat template refuses it: {error}") from error
    while ids and ids[-1] == padding:
        ids.pop()
    return ids


def _num_shared(chosen: Sequence[object], rejected: Sequence[object]) -> int:
    """Turns, or characters, that both begin with."""
    pairs = enumerate(zip(chosen, rejected, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(chosen), len(rejected)))


def _num_common(chosen: Sequence[int], rejected: Sequence[int]) -> int:
    """Tokens that both begin with, and that leave each side one of its own."""
    most = min(len(chosen), len(rejected)) - 1
    return next((i for i in range(most) if chosen[i] != rejected[i]), max(0, most))
