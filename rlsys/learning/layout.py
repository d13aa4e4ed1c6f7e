"""How sequences lie in a microbatch: end to end in one row, and where logprobs are read.

A block holds one prompt and one or more of its completions. Several completions share the one copy
of their prompt: each sees the prompt and itself only, and its positions go on from the prompt's
end, so its logprobs are those of prompt + completion alone (a test proves it). Equal completions of
a block share one copy, too: it is read once, and what is read stands for each of them. Blocks
follow each other without padding, and see nothing of each other. With latents, K places for them
belong to each prompt's copy, behind its tokens; completions of equal prompts have the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from rlsys.data.kept_tokens import KeptTokens, padded
from rlsys.learning.attention import AttentionPlan, plan_attention
from rlsys.learning.latent_part import LatentPart, latent_part
from rlsys.learning.segments import Segment
from rlsys.learning.ulysses import Slice


@dataclass(frozen=True)
class Layout:
    """A microbatch: one row of S tokens, with B completions of N tokens in all, of which U are
    read: those of completions that differ."""

    input_ids: torch.Tensor  # [1, S] int64
    position_ids: torch.Tensor  # [1, S] int64, from 0 in each block
    attention: AttentionPlan
    read_at: torch.Tensor  # [U] int64, into S: the position that predicts each token
    targets: torch.Tensor  # [U] int64
    repeats: torch.Tensor  # [N] int64, into U: what is read for each completion's tokens
    ends: torch.Tensor  # [B] int64, into S: the last token of each sequence
    mask: torch.Tensor  # [B, T] bool, true on completion tokens
    counts: torch.Tensor  # [S] float32: completions that each token is of; 0 where there are none
    sequences: tuple[int, ...]  # the B sequences' indices, in the order of `mask`
    kept: torch.Tensor | None = None  # [U, K] int64, -1 beyond a position's; None: all tokens
    latents: LatentPart | None = None
    slice: Slice | None = None
    """Of a row that several ranks hold (slices.py): S and U are of this one, N is of all of it."""

    def repeated(self, read: torch.Tensor) -> torch.Tensor:
        """[U] values of what is read, by this rank, as the [N] of all completions' tokens; gradient
        flows."""
        whole = read if self.slice is None else self.slice.whole(read)
        return whole.index_select(0, self.repeats)

    def padded(self, flat: torch.Tensor) -> torch.Tensor:
        """[N] values of completion tokens as [B, T], zero elsewhere; gradient flows."""
        out = flat.new_zeros(self.mask.shape)
        return out.masked_scatter(self.mask, flat)

    def to(self, device: torch.device) -> "Layout":
        """The same on another device."""
        return Layout(
            self.input_ids.to(device),
            self.position_ids.to(device),
            self.attention.to(device),
            self.read_at.to(device),
            self.targets.to(device),
            self.repeats.to(device),
            self.ends.to(device),
            self.mask.to(device),
            self.counts.to(device),
            self.sequences,
            None if self.kept is None else self.kept.to(device),
            None if self.latents is None else self.latents.to(device),
            None if self.slice is None else self.slice.to(device),
        )


def blocks_of(
    group_index: Sequence[int], num_sequences: int, share_prompts: bool
) -> list[list[int]]:
    """Which sequences share a block: whole groups, or one sequence each."""
    if not share_prompts:
        return [[i] for i in range(num_sequences)]
    blocks: dict[int, list[int]] = {}
    for i in range(num_sequences):
        blocks.setdefault(group_index[i], []).append(i)
    return list(blocks.values())


def distinct(
    block: Sequence[int], completions: Sequence[np.ndarray], kept: Sequence[KeptTokens] | None
) -> list[list[int]]:
    """A block's sequences, together those whose completions are equal in their tokens and in what
    these were sampled from."""
    found: dict[tuple[bytes, ...], list[int]] = {}
    for i in block:
        arrays = [completions[i], *((kept[i].token_ids, kept[i].counts) if kept else ())]
        key = tuple(array.astype(np.int64).tobytes() for array in arrays)
        found.setdefault(key, []).append(i)
    return list(found.values())


def block_sizes(
    block: Sequence[int],
    prompts: Sequence[np.ndarray],
    completions: Sequence[np.ndarray],
    latents: int = 0,
    kept: Sequence[KeptTokens] | None = None,
) -> tuple[int, list[int]]:
    """Tokens of a block: of its prompt, with its latents, and of each completion that differs."""
    own = [len(completions[equal[0]]) for equal in distinct(block, completions, kept)]
    return len(prompts[block[0]]) + latents, own


def block_length(
    block: Sequence[int],
    prompts: Sequence[np.ndarray],
    completions: Sequence[np.ndarray],
    latents: int = 0,
    kept: Sequence[KeptTokens] | None = None,
) -> int:
    """Tokens of a block: its prompt once, with its latents, and its completions that differ."""
    prompt, own = block_sizes(block, prompts, completions, latents, kept)
    return prompt + sum(own)


@dataclass
class _Builder:
    """A row that grows by blocks."""

    tokens: list[np.ndarray] = field(default_factory=list)
    positions: list[np.ndarray] = field(default_factory=list)
    counts: list[np.ndarray] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    read_at: list[np.ndarray] = field(default_factory=list)
    size: int = 0
    num_read: int = 0

    def add_prompt(self, prompt: np.ndarray, count: int) -> int:
        """Where it begins."""
        first = self.size
        self._add(prompt, 0, count)
        return first

    def add_completion(
        self, completion: np.ndarray, count: int, first: int, prompt_size: int
    ) -> tuple[np.ndarray, int]:
        """Behind the prompt that begins at `first`; what is read for its tokens, into U, and where
        its sequence ends."""
        length, before = len(completion), self.size - 1
        self._add(completion, prompt_size, count)
        # The first token is predicted by the prompt's end, each later one by the one before.
        previous = np.arange(before, before + length)
        previous[:1] = first + prompt_size - 1
        self.read_at.append(previous)
        self.num_read += length
        read = np.arange(self.num_read - length, self.num_read)
        return read, self.size - 1 if length else first + prompt_size - 1

    def _add(self, tokens: np.ndarray, position: int, count: int) -> None:
        self.tokens.append(tokens)
        self.positions.append(np.arange(position, position + len(tokens)))
        self.counts.append(np.full(len(tokens), count, dtype=np.float32))
        self.size += len(tokens)


def lay_out(
    blocks: Sequence[Sequence[int]],
    prompts: Sequence[np.ndarray],
    completions: Sequence[np.ndarray],
    kept: Sequence[KeptTokens] | None = None,
    latents: int = 0,
) -> Layout:
    """Build a microbatch from blocks of sequence indices.

    Args:
        blocks: lists of indices; the sequences of a block have the same prompt.
        prompts, completions: token ids of every sequence; a prompt has at least one token.
        kept: what each completion was sampled from, where that was not the whole vocabulary.
        latents: K of each prompt.
    """
    row = _Builder()
    firsts: list[int] = []
    laid: list[int] = []
    repeats: dict[int, np.ndarray] = {}
    ends: dict[int, int] = {}
    for block in blocks:
        prompt = _with_places(prompts[block[0]], latents)
        size = len(prompt)
        first = row.add_prompt(prompt, sum(len(completions[i]) > 0 for i in block))
        firsts.append(first)
        parts = distinct(block, completions, kept)
        for equal in parts:
            completion, start = completions[equal[0]], row.size
            read, end = row.add_completion(completion, len(equal), first, size)
            repeats |= dict.fromkeys(equal, read)
            ends |= dict.fromkeys(equal, end)
            if len(parts) > 1:
                row.segments.append(Segment(start, len(completion), first, size))
            laid.append(equal[0])
        row.segments.append(Segment(first, size if len(parts) > 1 else row.size - first))
    order = [i for block in blocks for i in block]
    lengths = np.array([len(completions[i]) for i in order])
    mask = np.arange(max(1, int(lengths.max())))[None, :] < lengths[:, None]
    return Layout(
        _row(row.tokens)[None],
        _row(row.positions)[None],
        plan_attention(row.segments),
        _row(row.read_at),
        _row([completions[i] for i in laid]),
        _row([repeats[i] for i in order]),
        torch.tensor([ends[i] for i in order]),
        torch.from_numpy(mask),
        torch.from_numpy(np.concatenate(row.counts)),
        tuple(order),
        None if kept is None else torch.from_numpy(padded([kept[i] for i in laid])),
        latent_part([prompts[b[0]] for b in blocks], firsts, latents) if latents else None,
    )


def _with_places(prompt: np.ndarray, latents: int) -> np.ndarray:
    """A prompt and the places behind it, which hold some id."""
    return np.concatenate([prompt, np.repeat(prompt[-1:], latents)]) if latents else prompt


def _row(parts: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))
