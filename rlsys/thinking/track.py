"""Thinking and answer in token ids, and the control of how long the thinking lasts.

Everything here is a function of the ids alone: the sampler steers a completion with it token by
token, and whoever reads the completion later works out from the same ids which tokens were forced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlsys.markup import END_THINK, THINK, opens_thinking
from rlsys.thinking.limits import Limits

PROMPT_TAIL = 16
"""Tokens at the end of a prompt that hold its open tag, and white space after it."""
_WHITE = "ĊĠ▁ \n"
"""White space as byte-level and sentencepiece vocabularies write it."""


class Tokenizer(Protocol):
    """What is used of a Hugging Face tokenizer."""

    eos_token_id: Any

    def __len__(self) -> int: ...

    def convert_ids_to_tokens(self, ids: list[int]) -> Any: ...

    def encode(self, text: str, *, add_special_tokens: bool) -> Any: ...


@dataclass(frozen=True)
class Tags:
    """A tokenizer's view of the tags.

    Tokenizers write `</think>` as one token, or as several that may also hold its neighbours
    (`.</`), so tags are found in the tokens' texts. Byte-level and sentencepiece vocabularies
    leave ASCII as it is, so no token has to be decoded.
    """

    pieces: tuple[str, ...]
    """Text of each token id."""
    close_ids: tuple[int, ...]
    """How the closing tag is forced."""
    completing: tuple[frozenset[int], ...]
    """Ids whose text completes the closing tag, by how many of its characters stand already."""
    end_ids: frozenset[int]
    """End of sequence."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Tags:
        """Read off a tokenizer, once for each sampler."""
        raw = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        pieces = tuple(piece or "" for piece in raw)
        completing = tuple(
            frozenset(i for i, piece in enumerate(pieces) if piece.startswith(END_THINK[done:]))
            for done in range(len(END_THINK))
        )
        end = tokenizer.eos_token_id
        return cls(
            pieces,
            tuple(tokenizer.encode(END_THINK, add_special_tokens=False)),
            completing,
            frozenset() if end is None else frozenset([end]),
        )

    def opened_by(self, prompt_ids: Sequence[int]) -> bool:
        """Whether a prompt ends inside a block; its last PROMPT_TAIL tokens decide."""
        tail = (self.pieces[i] for i in prompt_ids[-PROMPT_TAIL:] if i < len(self.pieces))
        return opens_thinking("".join(tail).rstrip(_WHITE))


class Tracker:
    """Follows one completion and counts its tokens.

    A tag's own tokens belong to the thinking. Where a token holds the end of a block and the
    beginning of the completion, it counts as thinking.
    """

    def __init__(self, tags: Tags, opened: bool) -> None:
        self.tags = tags
        self.thinking = opened
        self.thinking_tokens = 0
        self.num_tokens = 0
        self.tail = ""
        """The last characters, as many as an unfinished tag can have."""
        self._lengths: list[int] = []

    def push(self, token_id: int) -> None:
        """One more token. Ids beyond the vocabulary (padding rows of the logits) have no text."""
        pieces = self.tags.pieces
        piece = pieces[token_id] if token_id < len(pieces) else ""
        self.num_tokens += 1
        was_thinking = self.thinking
        self._lengths.append(len(piece))
        text = self.tail + piece
        opening = 0
        while True:
            tag = END_THINK if self.thinking else THINK
            at = text.find(tag)
            if at < 0:
                break
            if not self.thinking:
                opening = self._tokens_of(text, at)
            self.thinking = not self.thinking
            text = text[at + len(tag) :]
        # The tag's earlier tokens were taken for the answer's; in a block every token is thinking.
        self.thinking_tokens += 1 if was_thinking else opening
        self._keep(text)

    def _tokens_of(self, text: str, begin: int) -> int:
        """Tokens that reach beyond `begin`, the newest included."""
        position = len(text)
        count = 0
        for length in reversed(self._lengths):
            count += 1
            position -= length
            if position <= begin:
                break
        return count

    def _keep(self, text: str) -> None:
        self.tail = text[-(len(END_THINK) - 1) :]
        kept, total = 0, 0
        for length in reversed(self._lengths):
            if total >= len(self.tail):
                break
            total += length
            kept += 1
        self._lengths = self._lengths[len(self._lengths) - kept :]


@dataclass(frozen=True)
class Directive:
    """What the next token may be."""

    forced: int | None = None
    """It has to be this one."""
    forbidden: frozenset[int] = frozenset()
    """It may be none of these."""


_NOTHING = Directive()


class Steering:
    """Budget forcing of one completion (s1, arXiv:2501.19393): an upper limit writes the closing
    tag, a lower limit suppresses it. Ask `next`, as often as you like, then `push` what was
    sampled."""

    def __init__(self, tags: Tags, limits: Limits, opened: bool) -> None:
        self.tags, self.limits = tags, limits
        self.tracker = Tracker(tags, opened)
        self._queue: list[int] = []

    def next(self) -> Directive:
        """For the token that comes now."""
        tracker, limits = self.tracker, self.limits
        if self._queue:
            return Directive(forced=self._queue[0])
        if not tracker.thinking:
            return _NOTHING
        if limits.most is not None and tracker.thinking_tokens >= limits.most:
            self._queue = list(self.tags.close_ids)
            return Directive(forced=self._queue[0])
        if tracker.thinking_tokens < limits.least:
            return Directive(forbidden=self._ends())
        return _NOTHING

    def push(self, token_id: int) -> None:
        """The token that came."""
        self.next()  # nobody asks for the tokens of a completion that is only read
        if self._queue:
            self._queue.pop(0)
        self.tracker.push(token_id)

    @property
    def queued(self) -> int:
        """Tokens of the closing tag that are still to be forced."""
        return len(self._queue)

    def _ends(self) -> frozenset[int]:
        """What would end the thinking, or the whole completion. A completion stands to have any
        number of the tag's characters already, `</` of `a</` among them."""
        tail, tags = self.tracker.tail, self.tags
        ids = tags.completing[0] | tags.end_ids
        for done in range(1, min(len(tail), len(END_THINK) - 1) + 1):
            if END_THINK.startswith(tail[-done:]):
                ids |= tags.completing[done]
        return ids


@dataclass(frozen=True)
class Tally:
    """One finished completion."""

    thinking_tokens: int
    answer_tokens: int
    forced: list[bool]
    """[T] which tokens the policy did not choose."""


def tally(tags: Tags, limits: Limits, opened: bool, token_ids: Sequence[int]) -> Tally:
    """Count a finished completion's tokens, and find those that `limits` forced."""
    if limits.free:
        tracker = Tracker(tags, opened)
        for token_id in token_ids:
            tracker.push(token_id)
        forced = [False] * len(token_ids)
    else:
        steering = Steering(tags, limits, opened)
        forced = []
        for token_id in token_ids:
            forced.append(steering.next().forced is not None)
            steering.push(token_id)
        tracker = steering.tracker
    return Tally(tracker.thinking_tokens, len(token_ids) - tracker.thinking_tokens, forced)
