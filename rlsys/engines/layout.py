"""How sequences lie in a microbatch: rows of prompt and answers, and where each answer's
logprobs are read.

A row holds one prompt and one or more of its answers. Several answers share the one copy of
their prompt: each sees the prompt and itself only, and its positions go on from the prompt's end,
so its logprobs are those of prompt + answer alone (a test proves it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Layout:
    """A microbatch of R rows padded to L tokens, with B answers of N tokens in all."""

    input_ids: torch.Tensor  # [R, L] int64
    position_ids: torch.Tensor  # [R, L] int64
    attention_mask: torch.Tensor | None  # [R, 1, L, L] bool; None: plain causal
    read_at: torch.Tensor  # [N] int64, into R * L: the position that predicts each token
    targets: torch.Tensor  # [N] int64
    mask: torch.Tensor  # [B, T] bool, true on answer tokens
    sequences: tuple[int, ...]  # the B sequences' indices, in the order of `mask`

    def padded(self, flat: torch.Tensor) -> torch.Tensor:
        """[N] values of answer tokens as [B, T], zero elsewhere; gradient flows."""
        out = flat.new_zeros(self.mask.shape)
        return out.masked_scatter(self.mask, flat)

    def to(self, device: torch.device) -> "Layout":
        """The same on another device."""
        mask = None if self.attention_mask is None else self.attention_mask.to(device)
        return Layout(
            self.input_ids.to(device),
            self.position_ids.to(device),
            mask,
            self.read_at.to(device),
            self.targets.to(device),
            self.mask.to(device),
            self.sequences,
        )


def rows_of(group_index: Sequence[int], num_sequences: int, share_prompts: bool) -> list[list[int]]:
    """Which sequences share a row: whole groups, or one sequence each."""
    if not share_prompts:
        return [[i] for i in range(num_sequences)]
    rows: dict[int, list[int]] = {}
    for i in range(num_sequences):
        rows.setdefault(group_index[i], []).append(i)
    return list(rows.values())


def row_length(
    row: Sequence[int], prompts: Sequence[np.ndarray], answers: Sequence[np.ndarray]
) -> int:
    """Tokens of a row: its prompt once, and its answers."""
    return len(prompts[row[0]]) + sum(len(answers[i]) for i in row)


def lay_out(
    rows: Sequence[Sequence[int]], prompts: Sequence[np.ndarray], answers: Sequence[np.ndarray]
) -> Layout:
    """Build a microbatch from rows of sequence indices.

    Args:
        rows: [R] lists of indices; the sequences of a row have the same prompt.
        prompts, answers: token ids of every sequence; a prompt has at least one token.
    """
    length = max(row_length(row, prompts, answers) for row in rows)
    input_ids = np.zeros((len(rows), length), dtype=np.int64)
    # Padding counts on: a position that is not one more than the last begins a packed sequence for
    # transformers, which then builds a mask where plain causal attention needs none.
    position_ids = np.tile(np.arange(length, dtype=np.int64), (len(rows), 1))
    segment = np.full((len(rows), length), -1, dtype=np.int32)
    read_at, targets, order = [], [], []
    for r, row in enumerate(rows):
        prompt = prompts[row[0]]
        size = len(prompt)
        input_ids[r, :size] = prompt
        segment[r, :size] = 0
        start = size
        for number, i in enumerate(row, 1):
            answer = answers[i]
            end = start + len(answer)
            input_ids[r, start:end] = answer
            position_ids[r, start:end] = np.arange(size, size + len(answer))
            segment[r, start:end] = number
            # The first token is predicted by the prompt's end, each later one by the one before.
            previous = np.arange(start - 1, end - 1)
            previous[:1] = size - 1
            read_at.append(r * length + previous[: len(answer)])
            targets.append(answer)
            order.append(i)
            start = end
    shared = any(len(row) > 1 for row in rows)
    lengths = np.array([len(answers[i]) for i in order])
    mask = np.arange(max(1, int(lengths.max())))[None, :] < lengths[:, None]
    return Layout(
        torch.from_numpy(input_ids),
        torch.from_numpy(position_ids),
        torch.from_numpy(_shared_mask(segment)) if shared else None,
        torch.from_numpy(np.concatenate(read_at)),
        torch.from_numpy(np.concatenate(targets).astype(np.int64)),
        torch.from_numpy(mask),
        tuple(order),
    )


def _shared_mask(segment: np.ndarray) -> np.ndarray:
    """[R, L] segments (0 prompt, k answer, -1 padding) to [R, 1, L, L] who-sees-whom."""
    length = segment.shape[1]
    causal = np.tril(np.ones((length, length), dtype=bool))
    query, key = segment[:, :, None], segment[:, None, :]
    mask = causal & ((key == 0) | (key == query))
    return mask[:, None]
