"""A conversation with a reasoning model: what is sent, what is kept, what each turn used.

The thinking of earlier turns is left out of the next prompt, as R1's and Qwen3's templates do:
it has served its purpose, and would fill the context.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from rlsys.config.run import SamplingConfig
from rlsys.errors import ConfigError
from rlsys.markup import Part, Section, StreamParser, opens_thinking
from rlsys.thinking.limits import Limits
from rlsys.thinking.track import Tags, Tracker
from rlsys.thinking.usage import Usage

_LEAST_COMPLETION = 16


@dataclass(frozen=True)
class Delta:
    """What a sampler has written since the last one."""

    text: str
    token_ids: list[int]


class Streamer(Protocol):
    """What a conversation asks of a sampler."""

    def stream(
        self,
        token_ids: list[int],
        sampling: SamplingConfig,
        max_tokens: int,
        limits: Limits,
        opened: bool,
    ) -> AsyncIterator[Delta]: ...


@dataclass
class Turn:
    """One exchange."""

    question: str
    thinking: str = ""
    answer: str = ""
    usage: Usage = field(default_factory=Usage)
    thinking_s: float = 0.0
    """From the question to the end of the thinking."""
    budget: int | None = None
    cut_off: bool = False
    """The context was full before the model had ended."""


Show = Callable[[Part, str], None]
"""Told each piece of a turn as it arrives."""


class Conversation:
    """Turns with one model.

    Args:
        tokenizer: with a chat template.
        context: tokens that prompt and answer share.
        sampling: how tokens are chosen; its limits are none of the conversation's.
        budget: thinking tokens for a question, given the turns before it; None: no limit.
    """

    def __init__(
        self,
        sampler: Streamer,
        tokenizer: Any,
        tags: Tags,
        context: int,
        sampling: SamplingConfig,
        budget: Callable[[list[Turn], str], int | None],
    ) -> None:
        self.sampler, self.tokenizer, self.tags = sampler, tokenizer, tags
        self.context, self.sampling, self.budget = context, sampling, budget
        self.turns: list[Turn] = []

    async def ask(self, question: str, show: Show) -> Turn:
        """Send a question, show what comes, and remember the turn.

        Raises:
            ConfigError: the conversation fills the model's context.
        """
        prompt = self._prompt(question)
        token_ids = self.tokenizer.encode(prompt, add_special_tokens=False)
        room = self.context - len(token_ids)
        if room < _LEAST_COMPLETION:
            raise ConfigError(
                f"the conversation has {len(token_ids):,} tokens and the model's context "
                f"{self.context:,}: no room for an answer; begin a new one with /new"
            )
        budget = self.budget(self.turns, question)
        if budget is not None:
            budget = min(budget, room - _LEAST_COMPLETION)
        opened = opens_thinking(prompt)
        turn = Turn(question, budget=budget)
        parser, tracker = StreamParser(opened), Tracker(self.tags, opened)
        started = time.monotonic()
        limits = Limits(budget)
        deltas = self.sampler.stream(token_ids, self.sampling, room, limits, opened)
        last = -1
        async for delta in deltas:
            for token_id in delta.token_ids:
                last = token_id
                tracker.push(token_id)
            for piece in parser.feed(delta.text):
                self._take(turn, piece, started, show)
        for piece in parser.end():
            self._take(turn, piece, started, show)
        if not turn.answer:
            turn.thinking_s = time.monotonic() - started
        turn.cut_off = tracker.num_tokens >= room and last != self.tokenizer.eos_token_id
        turn.usage = Usage(
            len(token_ids),
            tracker.thinking_tokens,
            tracker.num_tokens - tracker.thinking_tokens,
            1,
        )
        self.turns.append(turn)
        return turn

    def forget(self) -> None:
        """Begin a new conversation."""
        self.turns.clear()

    @property
    def usage(self) -> Usage:
        """Of all turns so far."""
        return sum((turn.usage for turn in self.turns), Usage())

    def _prompt(self, question: str) -> str:
        messages: list[dict[str, str]] = []
        for turn in self.turns:
            messages.append({"role": "user", "content": turn.question})
            messages.append({"role": "assistant", "content": turn.answer.strip()})
        messages.append({"role": "user", "content": question})
        return str(
            self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        )

    @staticmethod
    def _take(turn: Turn, piece: Section, started: float, show: Show) -> None:
        if not piece.text:
            return
        if piece.part is Part.THINKING:
            turn.thinking += piece.text
        else:
            if not turn.answer:
                turn.thinking_s = time.monotonic() - started
            turn.answer += piece.text
        show(piece.part, piece.text)
