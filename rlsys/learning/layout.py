"""How sequences lie in a microbatch: end to end in one row, and where logprobs are read.

A block holds one prompt and one or more of its completions. Several completions share the one copy
of their prompt: each sees the prompt and itself only, and its positions go on from the prompt's
end, so its logprobs are those of prompt + completion alone (a test proves it). Blocks follow each
other without padding, and see nothing of each other. With latents, K places for them belong to each
prompt's copy, behind its tokens; completions of equal prompts have the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rlsys.data.kept_tokens import KeptTokens, padded
from rlsys.learning.attention import AttentionPlan, plan_attention
from rlsys.learning.segments import Segment
from rlsys.learning.ulysses import Slice
from rlsys.thinking.latents import LatentRows


@dataclass(frozen=True)
class LatentPart:
    """Where a row's latents are made, once for each of n distinct prompts, and where they go."""

    rows: LatentRows  # one row of the n prompts end to end
    attention: AttentionPlan
    into: torch.Tensor  # [M * K] int64, into S: the places of all M blocks
    whose: torch.Tensor  # [M] int64, below n: the prompt of each block

    def to(self, device: torch.device) -> "LatentPart":
        """The same on another device."""
        return LatentPart(
            self.rows.to(device),
            self.attention.to(device),
            self.into.to(device),
            self.whose.to(device),
        )


@dataclass(frozen=True)
class Layout:
    """A microbatch: one row of S tokens, with B completions of N tokens in all."""

    input_ids: torch.Tensor  # [1, S] int64
    position_ids: torch.Tensor  # [1, S] int64, from 0 in each block
    attention: AttentionPlan
    read_at: torch.Tensor  # [N] int64, into S: the position that predicts each token
    targets: torch.Tensor  # [N] int64
    ends: torch.Tensor  # [B] int64, into S: the last token of each sequence
    mask: torch.Tensor  # [B, T] bool, true on answer tokens
    counts: torch.Tensor  # [S] float32: completions that each token is of; 0 where there are none
    sequences: tuple[int, ...]  # the B sequences' indices, in the order of `mask`
    kept: torch.Tensor | None = None  # [N, K] int64, -1 beyond a position's; None: all tokens
    latents: LatentPart | None = None
    slice: Slice | None = None
    """Of a row that several ranks hold: S, N and K are this one's (slices.py)."""

    def whole(self, own: torch.Tensor) -> torch.Tensor:
        """[N] of all answer tokens of the row, from those that this rank predicts."""
        return own if self.slice is None else self.slice.whole(own)

    def padded(self, flat: torch.Tensor) -> torch.Tensor:
        """[N] values of answer tokens as [B, T], zero elsewhere; gradient flows."""
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


def block_length(
    block: Sequence[int],
    prompts: Sequence[np.ndarray],
    completions: Sequence[np.ndarray],
    latents: int = 0,
) -> int:
    """Tokens of a block: its prompt once, with its latents, and its completions."""
    return len(prompts[block[0]]) + latents + sum(len(completions[i]) for i in block)


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
    tokens: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    read_at: list[np.ndarray] = []
    ends: list[int] = []
    segments: list[Segment] = []
    counts: list[np.ndarray] = []
    start = 0
    firsts: list[int] = []
    for block in blocks:
        prompt = _with_places(prompts[block[0]], latents)
        size, first = len(prompt), start
        firsts.append(first)
        tokens.append(prompt)
        positions.append(np.arange(size))
        counts.append(np.full(size, sum(len(completions[i]) > 0 for i in block)))
        start += size
        for i in block:
            length = len(completions[i])
            tokens.append(completions[i])
            positions.append(np.arange(size, size + length))
            counts.append(np.ones(length))
            # The first token is predicted by the prompt's end, each later one by the one before.
            previous = np.arange(start - 1, start + length - 1)
            previous[:1] = first + size - 1
            read_at.append(previous)
            if len(block) > 1:
                segments.append(Segment(start, length, first, size))
            start += length
            ends.append(start - 1 if length else first + size - 1)
        segments.append(Segment(first, size if len(block) > 1 else start - first))
    order = [i for block in blocks for i in block]
    lengths = np.array([len(completions[i]) for i in order])
    mask = np.arange(max(1, int(lengths.max())))[None, :] < lengths[:, None]
    return Layout(
        _row(tokens)[None],
        _row(positions)[None],
        plan_attention(segments),
        _row(read_at),
        _row([completions[i] for i in order]),
        torch.tensor(ends),
        torch.from_numpy(mask),
        torch.from_numpy(np.concatenate(counts).astype(np.float32)),
        tuple(order),
        None if kept is None else torch.from_numpy(padded([kept[i] for i in order])),
        _latent_part([prompts[b[0]] for b in blocks], firsts, latents) if latents else None,
    )


def _with_places(prompt: np.ndarray, latents: int) -> np.ndarray:
    """A prompt and the places behind it, which hold some id."""
    return np.concatenate([prompt, np.repeat(prompt[-1:], latents)]) if latents else prompt


def _latent_part(prompts: Sequence[np.ndarray], firsts: Sequence[int], latents: int) -> LatentPart:
    """Args:
    prompts: of each block, without places.
    firsts: where each block begins in the row.
    """
    own = np.arange(latents)
    distinct = {prompt.tobytes(): prompt for prompt in prompts}
    number = {key: i for i, key in enumerate(distinct)}
    filled = [_with_places(prompt, latents) for prompt in distinct.values()]
    starts = np.cumsum([0, *map(len, filled)])
    places = [start + len(one) - latents + own for start, one in zip(starts, filled, strict=False)]
    into = [first + len(one) + own for first, one in zip(firsts, prompts, strict=True)]
    rows = LatentRows(
        _row(filled)[None],
        _row([np.arange(len(one)) for one in filled])[None],
        torch.from_numpy(np.stack(places)),
    )
    segments = [Segment(int(s), len(one)) for s, one in zip(starts, filled, strict=False)]
    whose = torch.tensor([number[prompt.tobytes()] for prompt in prompts])
    return LatentPart(rows, plan_attention(segments), _row(into), whose)


def _row(parts: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(parts).astype(np.int64))
