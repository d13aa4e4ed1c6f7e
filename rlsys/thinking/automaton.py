"""The tags of thinking as a finite automaton over token ids, so that a whole batch of completions
can be followed on a device without a loop over its rows.

It counts as rlsys.thinking.track does, token by token. A state says whether the completion is
inside a block and how many characters of the tag that would change this stand at its end. Example:
after `so <thi` it is state 4, outside a block with four characters of `<think>`; the token `nk>`
leads from there to the state of a block that has just begun.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rlsys.markup import END_THINK, THINK
from rlsys.thinking.track import Steering, Tags

OUTSIDE, INSIDE = 0, len(THINK)
"""The states with nothing of a tag at the end; those that follow have one character more each."""
STATES = len(THINK) + len(END_THINK)

_WINDOW = 16
"""Newest tokens of which the lengths are kept; an opening tag is at most seven characters long."""


@dataclass(frozen=True)
class Automaton:
    """Tables of one vocabulary, on one device."""

    following: torch.Tensor
    """[STATES, V] uint8, the state after a token."""
    opening_chars: torch.Tensor
    """[STATES, V] int16, characters from the last opening tag's first to the token's last; 0 where
    the token completes no opening tag, or was thinking anyway."""
    lengths: torch.Tensor
    """[V] int16, characters of a token."""
    ending: torch.Tensor
    """[STATES, V] bool, tokens that would end the thinking, or the whole completion."""
    close_ids: torch.Tensor
    """[C] int64, how the closing tag is forced."""

    @classmethod
    def of(cls, tags: Tags, vocab_size: int, device: torch.device) -> Automaton:
        """vocab_size: width of the logits; ids beyond the tokenizer's have no text."""
        pieces = [*tags.pieces, *[""] * (vocab_size - len(tags.pieces))][:vocab_size]
        following = np.full((STATES, vocab_size), OUTSIDE, np.uint8)
        following[INSIDE:] = INSIDE
        opening = np.zeros((STATES, vocab_size), np.int16)
        for token_id, piece in enumerate(pieces):
            for state in _states_that_matter(piece):
                following[state, token_id], opening[state, token_id] = _step(state, piece)
        ending = np.zeros((STATES, vocab_size), np.bool_)
        for state in range(INSIDE, STATES):
            done = state - INSIDE
            for ids in {tags.completing[0], tags.completing[done], tags.end_ids}:
                ending[state, sorted(ids)] = True
        lengths = np.array([len(piece) for piece in pieces], np.int16)
        return cls(
            torch.from_numpy(following).to(device),
            torch.from_numpy(opening).to(device),
            torch.from_numpy(lengths).to(device),
            torch.from_numpy(ending).to(device),
            torch.tensor(tags.close_ids, device=device),
        )


class Completions:
    """State of the completions of up to R requests, each at its place in all tensors."""

    def __init__(self, automaton: Automaton, size: int) -> None:
        device = automaton.lengths.device
        self.automaton = automaton
        self.state = torch.zeros(size, dtype=torch.int64, device=device)
        self.thinking_tokens = torch.zeros(size, dtype=torch.int64, device=device)
        self.queued = torch.zeros(size, dtype=torch.int64, device=device)
        """Tokens of the closing tag that are still to be forced."""
        self.recent = torch.zeros(size, _WINDOW, dtype=torch.int16, device=device)
        """[R, window] lengths of the newest tokens, newest first."""

    def begin(self, places: torch.Tensor, opened: torch.Tensor) -> None:
        """Completions without a token.

        Args:
            places: [B] int64.
            opened: [B] bool, whether the prompt ends inside a block.
        """
        self.state[places] = torch.where(opened, INSIDE, OUTSIDE)
        self.thinking_tokens[places] = 0
        self.queued[places] = 0
        self.recent[places] = 0

    def push(self, places: torch.Tensor, token_ids: torch.Tensor, valid: torch.Tensor) -> None:
        """One more token of each completion.

        Args:
            places: [B] int64, each at most once.
            token_ids: [B] int64.
            valid: [B] bool, the others stay as they are.
        """
        tables = self.automaton
        state, recent = self.state[places], self.recent[places]
        shifted = torch.cat([tables.lengths[token_ids][:, None], recent[:, :-1]], 1)
        # An opening tag counts with each token that has a character of it.
        reach = tables.opening_chars[state, token_ids]
        whole = shifted.cumsum(1) < reach[:, None]
        counted = torch.where(reach > 0, whole.sum(1) + 1, 0)
        counted = torch.where(state >= INSIDE, 1, counted).clamp(max=_WINDOW)
        self.state[places] = torch.where(valid, tables.following[state, token_ids].long(), state)
        self.thinking_tokens[places] += torch.where(valid, counted, 0)
        queued = self.queued[places]
        self.queued[places] = torch.where(valid, (queued - 1).clamp(min=0), queued)
        self.recent[places] = torch.where(valid[:, None], shifted, recent)

    def steer(
        self, logits: torch.Tensor, places: torch.Tensor, most: torch.Tensor, least: torch.Tensor
    ) -> None:
        """Force and forbid the next tokens, as rlsys.thinking.track.Steering does.

        Args:
            logits: [B, V], changed in place.
            places: [B] int64, each at most once.
            most, least: [B] int64, thinking tokens; a request that has no limits has a `most` that
                no completion reaches and a `least` of 0.
        """
        tables = self.automaton
        state, counted, queued = (
            self.state[places],
            self.thinking_tokens[places],
            self.queued[places],
        )
        thinking = state >= INSIDE
        closes = thinking & (counted >= most) & (queued == 0)
        queued = torch.where(closes, len(tables.close_ids), queued)
        self.queued[places] = queued
        forced = queued > 0
        token = tables.close_ids[
            (len(tables.close_ids) - queued).clamp(max=len(tables.close_ids) - 1)
        ]
        held_open = thinking & ~forced & (counted < least)
        logits.masked_fill_(tables.ending[state] & held_open[:, None], -torch.inf)
        logits.masked_fill_(forced[:, None], -torch.inf)
        chosen = logits.gather(1, token[:, None])
        logits.scatter_(1, token[:, None], torch.where(forced[:, None], 0.0, chosen))

    def resume(self, place: int, steering: Steering, token_ids: list[int]) -> None:
        """A completion that has tokens already: a request that gave way to others and is back.

        Args:
            steering: at its beginning, of this completion's own limits.
        """
        for token_id in token_ids:
            steering.push(token_id)
        steering.next()
        tracker = steering.tracker
        tag, base = (END_THINK, INSIDE) if tracker.thinking else (THINK, OUTSIDE)
        self.state[place] = base + _overlap(tracker.tail, tag)
        self.thinking_tokens[place] = tracker.thinking_tokens
        self.queued[place] = steering.queued
        pieces = tracker.tags.pieces
        lengths = [len(pieces[i]) if i < len(pieces) else 0 for i in token_ids[: -_WINDOW - 1 : -1]]
        lengths += [0] * (_WINDOW - len(lengths))
        self.recent[place] = torch.tensor(lengths, dtype=torch.int16)


def _states_that_matter(piece: str) -> range | list[int]:
    """States from which a token may lead elsewhere than to nothing of a tag, in a table that says
    so for all: few tokens hold a `<` or go on with a tag, and vocabularies are large."""
    if not piece or "<" in piece:
        return range(STATES)
    going_on = [OUTSIDE + p for p in range(1, len(THINK)) if THINK[p] == piece[0]]
    return going_on + [INSIDE + p for p in range(1, len(END_THINK)) if END_THINK[p] == piece[0]]


def _step(state: int, piece: str) -> tuple[int, int]:
    """The state after a token, and its `opening_chars`."""
    was_thinking = thinking = state >= INSIDE
    text = (END_THINK[: state - INSIDE] if thinking else THINK[: state - OUTSIDE]) + piece
    opening = 0
    while (at := text.find(tag := END_THINK if thinking else THINK)) >= 0:
        if not thinking and not was_thinking:
            opening = len(text) - at
        thinking = not thinking
        text = text[at + len(tag) :]
    return (INSIDE if thinking else OUTSIDE) + _overlap(text, tag), opening


def _overlap(text: str, tag: str) -> int:
    """Characters of `tag`, not all of them, that stand at the end of `text`."""
    return next(n for n in range(len(tag) - 1, -1, -1) if text.endswith(tag[:n]))
