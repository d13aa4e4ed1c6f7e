"""What goes through a model together: minibatches of an update, microbatches of a rank.

A minibatch is what one optimizer update is made of. Its sequences lie in packed rows of at most
`microbatch_tokens`, the same number of rows on every rank: under ZeRO each forward and backward is
a collective call. Weights are counted over the whole minibatch, so what is learned does not depend
on how it is split.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rlsys.algorithms.packing import plan_microbatches
from rlsys.learning.layout import Layout, block_sizes, blocks_of, lay_out
from rlsys.learning.ranks import Ranks
from rlsys.learning.sequences import Sequences
from rlsys.learning.slices import sliced
from rlsys.learning.work import TOKENS, Work


@dataclass(frozen=True)
class Microbatch:
    """One row of this rank's, or its slice of one, on its device."""

    layout: Layout
    num_chunks: int | None
    """Calls of the head, which are collective under ZeRO-3; None: as many as its tokens need."""
    weights: torch.Tensor
    """[B] of the layout's sequences."""
    is_last: bool
    """Of this rank's in the minibatch."""


def minibatches(sequences: Sequences, count: int) -> Iterator[list[int]]:
    """Indices of sequences: whole groups, in order, shared among `count` updates."""
    groups = list(dict.fromkeys(sequences.groups))
    for part in np.array_split(np.array(groups), count):
        members = set(part.tolist())
        chosen = [i for i, group in enumerate(sequences.groups) if group in members]
        if chosen:
            yield chosen


class Microbatches:
    """Splits sequences into rows, and these among ranks."""

    def __init__(
        self,
        ranks: Ranks,
        whole_groups: bool = False,
        latents: int = 0,
        work: Work | None = None,
    ) -> None:
        """whole_groups: a group's sequences lie behind one copy of their prompt, whatever
        learner.share_prompts says, and so in one microbatch. latents: K of each prompt. work: of
        the model, by which rows that are computed at the same time cost the same."""
        self.config, self.ranks, self.latents = ranks.config, ranks, latents
        self.work = work or TOKENS
        self.share_prompts = whole_groups or ranks.config.share_prompts

    def own(
        self, sequences: Sequences, chosen: Sequence[int], weights: np.ndarray
    ) -> Iterator[Microbatch]:
        """This rank's part of a minibatch.

        Args:
            chosen: the minibatch's sequences.
            weights: [N] of all sequences, those of the minibatch counted over the whole of it.
        """
        planned = self._planned(sequences, chosen)
        last = len(planned) - 1
        for number, (blocks, most_tokens) in enumerate(planned):
            # A rank without work must still take part in ZeRO's collectives.
            layout = self._layout(blocks or [chosen[:1]], sequences, empty=not blocks)
            if self.ranks.sequence_group:
                layout = sliced(layout, self.ranks.sequence_group)
            chunks = max(1, -(-most_tokens // self.config.logprob_chunk))
            yield Microbatch(
                layout.to(self.ranks.device),
                chunks if self.ranks.shards_weights else None,
                torch.from_numpy(weights[list(layout.sequences)]).to(self.ranks.device),
                number == last,
            )

    def flops(self, sequences: Sequences, chosen: Sequence[int]) -> float:
        """Of a minibatch's forward and backward pass on all ranks, where the model's are known."""
        return sum(self.work.of(*size) for size in self._blocks(sequences, chosen)[1])

    @torch.no_grad()
    def numbers(
        self, sequences: Sequences, of_row: Callable[[Microbatch], torch.Tensor]
    ) -> list[np.ndarray]:
        """A number for each token of every completion, [T_i] float32, without gradient. All ranks
        must call with the same sequences; each computes its share of them.

        Args:
            of_row: [N] of a row's completion tokens.
        """
        ends = np.cumsum([len(completion) for completion in sequences.completions])
        starts = [0, *ends.tolist()]
        flat = torch.zeros(starts[-1], device=self.ranks.device)
        everything = list(range(len(sequences)))
        for own in self.own(sequences, everything, np.zeros(len(sequences), dtype=np.float32)):
            lengths = own.layout.mask.sum(1).tolist()
            parts = of_row(own).float().split(lengths)
            for i, part in zip(own.layout.sequences, parts, strict=True):
                flat[starts[i] : starts[i] + len(part)] = part
        known = self.ranks.summed(self.ranks.once(flat))
        return np.split(known.cpu().numpy(), starts[1:-1])

    def _planned(
        self, sequences: Sequences, chosen: Sequence[int]
    ) -> list[tuple[list[list[int]], int]]:
        """This rank's rows: their blocks, and the most completion tokens that any rank reads in
        the row of that number."""
        blocks, sizes = self._blocks(sequences, chosen)
        tokens = [sum(completions) for _, completions in sizes]
        lengths = [prompt + own for (prompt, _), own in zip(sizes, tokens, strict=True)]
        plan = plan_microbatches(
            lengths,
            self.config.microbatch_tokens,
            self.ranks.data_parallel_size,
            [self.work.of(*size) for size in sizes],
        )

        def most_read(row: Sequence[int]) -> int:
            """In one slice: a token at each position, but one for each answer at a prompt's end."""
            size = -(-sum(lengths[b] for b in row) // self.config.sequence_parallel)
            return min(sum(tokens[b] for b in row), size + sum(len(blocks[b]) - 1 for b in row))

        return [
            ([blocks[b] for b in row], max(most_read(ranks[number]) for ranks in plan))
            for number, row in enumerate(plan[self.ranks.data_parallel_rank])
        ]

    def _blocks(
        self, sequences: Sequences, chosen: Sequence[int]
    ) -> tuple[list[list[int]], list[tuple[int, list[int]]]]:
        """Which sequences share a prompt's copy, and the tokens of each such block's parts."""
        groups = [sequences.groups[i] for i in chosen]
        places = blocks_of(groups, len(chosen), self.share_prompts)
        blocks = [[chosen[place] for place in block] for block in places]
        own = (sequences.prompts, sequences.completions, self.latents, sequences.kept)
        return blocks, [block_sizes(block, *own) for block in blocks]

    def _layout(
        self, blocks: Sequence[Sequence[int]], sequences: Sequences, empty: bool = False
    ) -> Layout:
        """empty: of prompts without completions."""
        if empty:
            nothing = [np.empty(0, dtype=np.int64)] * len(sequences)
            return lay_out(blocks, sequences.prompts, nothing, latents=self.latents)
        own = (sequences.prompts, sequences.completions, sequences.kept, self.latents)
        return lay_out(blocks, *own)
