"""Thinking and answer in a text: the one place that knows the tags' grammar.

    text     = answer (OPEN thinking CLOSE answer)* [OPEN thinking]
    OPEN     = <think>      CLOSE = </think>

A prompt that ends with an open tag puts the completion inside the first block. Blocks may repeat;
an OPEN inside a block and a CLOSE outside one are markup without effect, and removed. A block that
is never closed is thinking to the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

OPEN, CLOSE = "<think>", "</think>"
_LONGEST = len(CLOSE)


class Part(StrEnum):
    """What a piece of text belongs to."""

    THINKING = "thinking"
    ANSWER = "answer"


@dataclass(frozen=True)
class Parsed:
    """A whole completion."""

    thinking: str
    """The blocks' texts, one after the other, tags removed."""
    answer: str
    """What lies outside the blocks."""
    closed: bool
    """Whether the text ends outside a block."""
    blocks: int
    """Blocks begun, the prompt's included."""


def opens_thinking(prompt: str) -> bool:
    """Whether a prompt ends with an open tag, so that its completion begins inside a block."""
    return prompt.rstrip().endswith(OPEN)


def parse(text: str, opened: bool) -> Parsed:
    """Parse a whole completion.

    Args:
        opened: whether the prompt has opened the first block (`opens_thinking`).
    """
    parser = StreamParser(opened)
    parts: dict[Part, list[str]] = {Part.THINKING: [], Part.ANSWER: []}
    for part, piece in [*parser.feed(text), *parser.end()]:
        parts[part].append(piece)
    return Parsed(
        "".join(parts[Part.THINKING]),
        "".join(parts[Part.ANSWER]),
        not parser.thinking,
        parser.blocks,
    )


class StreamParser:
    """Parses a completion as it arrives; what could still become a tag is held back."""

    def __init__(self, opened: bool) -> None:
        self.thinking = opened
        self.blocks = int(opened)
        self._held = ""

    def feed(self, chunk: str) -> Iterator[tuple[Part, str]]:
        """The parts that are certain now; the same for any division of a text into chunks, once
        neighbouring pieces of one part are put together."""
        text = self._held + chunk
        while True:
            at, tag = _first_tag(text)
            if tag is None:
                break
            if at:
                yield self._part(), text[:at]
            if tag == OPEN and not self.thinking:
                self.blocks += 1
            self.thinking = tag == OPEN
            text = text[at + len(tag) :]
        held = _possible_tag(text)
        if len(text) > held:
            yield self._part(), text[: len(text) - held]
        self._held = text[len(text) - held :]

    def end(self) -> Iterator[tuple[Part, str]]:
        """What was held back: no tag can follow any more."""
        if self._held:
            yield self._part(), self._held
        self._held = ""

    def _part(self) -> Part:
        return Part.THINKING if self.thinking else Part.ANSWER


def _first_tag(text: str) -> tuple[int, str | None]:
    found = [(at, tag) for tag in (OPEN, CLOSE) if (at := text.find(tag)) >= 0]
    return min(found) if found else (0, None)


def _possible_tag(text: str) -> int:
    """Length of the longest end of a text that is the beginning of a tag, but not a whole one."""
    for length in range(min(_LONGEST - 1, len(text)), 0, -1):
        if OPEN.startswith(text[-length:]) or CLOSE.startswith(text[-length:]):
            return length
    return 0
