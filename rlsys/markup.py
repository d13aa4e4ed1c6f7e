"""Thinking and answer in a completion: the one place that knows the tags' grammar.

    completion = section*        section = text | thinking | answer
    thinking   = <think> ... </think>        answer = <answer> ... </answer>

- A prompt that ends with an open `<think>` puts the completion inside its first block.
- Inside thinking only `</think>` ends it; answer tags are words there like any other.
- `<think>` ends an answer that is open, and `<answer>` begins another one.
- A tag without effect (`<think>` inside thinking, a `</think>` that closes nothing) is removed.
- A block that is never closed reaches to the end.

Token counts (rlsys.thinking.track), streams and whole texts follow these rules to the letter.
Verifiers `read` a whole completion with two kindnesses more, for what models do that are not yet
tuned to the tags.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

THINK, END_THINK = "<think>", "</think>"
ANSWER, END_ANSWER = "<answer>", "</answer>"


class Part(StrEnum):
    """What a piece of a completion belongs to."""

    TEXT = "text"
    """Outside all blocks."""
    THINKING = "thinking"
    ANSWER = "answer"


@dataclass(frozen=True)
class Section:
    """A stretch of one part, tags removed. An empty one stands for an empty block."""

    part: Part
    text: str


@dataclass(frozen=True)
class Parsed:
    """A whole completion, to the letter of the grammar."""

    sections: tuple[Section, ...]
    """In order; at least one."""

    @property
    def thinking(self) -> str:
        """The thinking blocks' texts, one after the other."""
        return "".join(s.text for s in self.sections if s.part is Part.THINKING)

    @property
    def visible(self) -> str:
        """What a reader is shown: all but the thinking, tags removed, section by section on lines
        of their own, so that nothing grows together that thinking kept apart."""
        return "\n".join(s.text for s in self.sections if s.part is not Part.THINKING and s.text)

    @property
    def closed(self) -> bool:
        """Whether the completion ends outside thinking."""
        return self.sections[-1].part is not Part.THINKING


@dataclass(frozen=True)
class Reading:
    """A whole completion, as verifiers read it."""

    thinking: str | None
    """None when there is no thinking block."""
    visible: str
    """As Parsed.visible."""
    answer: str | None
    """Text of the last `<answer>`; None when there is none."""


_TAGS = {
    Part.TEXT: re.compile("</?(?:think|answer)>"),
    Part.THINKING: re.compile("</?think>"),
    Part.ANSWER: re.compile("</?(?:think|answer)>"),
}
"""The tags that are tags inside a part."""
_BEGINNING = re.compile(r"<(?:/?(?:t(?:h(?:i(?:nk?)?)?)?|a(?:n(?:s(?:w(?:er?)?)?)?)?)?)?\Z")
"""The end of a text that could become a tag."""


class StreamParser:
    """Parses a completion as it arrives; what could still become a tag is held back."""

    def __init__(self, opened: bool) -> None:
        """opened: whether the prompt has opened the first block (`opens_thinking`)."""
        self.part = Part.THINKING if opened else Part.TEXT
        self._held = ""

    def feed(self, chunk: str) -> Iterator[Section]:
        """What is certain now. A piece without text says that its section begins here; once
        neighbouring pieces of a section are put together, they are the same for any division of a
        completion into chunks."""
        text = self._held + chunk
        done = 0
        while tag := _TAGS[self.part].search(text, done):
            if tag.start() > done:
                yield Section(self.part, text[done : tag.start()])
            done = tag.end()
            entered = _entered(self.part, tag.group())
            if entered is not None:
                self.part = entered
                yield Section(entered, "")
        held = _BEGINNING.search(text, max(done, len(text) - len(END_ANSWER)))
        end = held.start() if held else len(text)
        if end > done:
            yield Section(self.part, text[done:end])
        self._held = text[end:]

    def end(self) -> Iterator[Section]:
        """What was held back: no tag can follow any more."""
        if self._held:
            yield Section(self.part, self._held)
        self._held = ""


def opens_thinking(prompt: str) -> bool:
    """Whether a prompt ends with an open tag, so that its completion begins inside a block."""
    return prompt.rstrip().endswith(THINK)


def parse(text: str, opened: bool) -> Parsed:
    """Parse a whole completion to the letter.

    Args:
        opened: whether the prompt has opened the first block (`opens_thinking`).
    """
    parser = StreamParser(opened)
    sections = [Section(parser.part, "")]
    for piece in (*parser.feed(text), *parser.end()):
        if piece.text:
            sections[-1] = Section(piece.part, sections[-1].text + piece.text)
        else:
            sections.append(piece)
    return Parsed(tuple(sections))


def read(text: str, prompt: str = "", truncated: bool = False) -> Reading:
    """Read a whole completion as verifiers do; never raises.

    More kindly than `parse` in two ways: a completion whose first thinking tag is `</think>` began
    inside a block (its prompt opened one, and is not at hand or was written by a template that does
    not say so); and thinking that never ends but has `<answer>...</answer>` as its last words gave
    that answer.

    Args:
        prompt: what the completion continues.
        truncated: the completion was cut at its token limit, so an `<answer>` that is still open is
            not an answer. Otherwise it is: samplers remove the stop text `</answer>`.
    """
    first = _TAGS[Part.THINKING].search(text)
    begun = first is not None and first.group() == END_THINK
    parsed = _with_last_words(parse(text, begun or opens_thinking(prompt)))
    answers = [s.text for s in parsed.sections if s.part is Part.ANSWER]
    if truncated and parsed.sections[-1].part is Part.ANSWER:
        answers.pop()
    thought = any(s.part is Part.THINKING for s in parsed.sections)
    return Reading(
        parsed.thinking if thought else None, parsed.visible, answers[-1] if answers else None
    )


def _entered(part: Part, tag: str) -> Part | None:
    """The part of the section that a tag begins; None where it has no effect."""
    if tag == THINK:
        return None if part is Part.THINKING else Part.THINKING
    if tag == END_THINK:
        return None if part is Part.ANSWER else Part.TEXT
    return Part.ANSWER if tag == ANSWER else Part.TEXT


def _with_last_words(parsed: Parsed) -> Parsed:
    """An answer that ends unclosed thinking, as a section of its own."""
    *before, last = parsed.sections
    begin = last.text.rfind(ANSWER)
    if parsed.closed or begin < 0 or not last.text.rstrip().endswith(END_ANSWER):
        return parsed
    thinking = Section(Part.THINKING, last.text[:begin])
    return Parsed((*before, thinking, *parse(last.text[begin:], opened=False).sections))
