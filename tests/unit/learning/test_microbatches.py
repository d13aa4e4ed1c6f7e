"""How a minibatch is split among ranks and rows, planned without a process group."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch.distributed import ProcessGroup

from rlsys.config.run import LearnerConfig
from rlsys.learning.microbatches import Microbatch, Microbatches, minibatches
from rlsys.learning.ranks import Ranks
from rlsys.learning.sequences import Sequences
from rlsys.learning.ulysses import SequenceGroup
from rlsys.learning.work import Work

WORK = Work(token=1.0, pair=1.0)


@dataclass
class Planned:
    """What is read of a Ranks to plan with."""

    rank: int
    world_size: int
    config: LearnerConfig
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def shards_weights(self) -> bool:
        return self.config.zero_stage == 3

    @property
    def data_parallel_size(self) -> int:
        return self.world_size // self.config.sequence_parallel

    @property
    def data_parallel_rank(self) -> int:
        return self.rank // self.config.sequence_parallel

    @property
    def sequence_group(self) -> SequenceGroup | None:
        size = self.config.sequence_parallel
        no_group = cast(ProcessGroup, None)
        return SequenceGroup(self.rank % size, size, no_group) if size > 1 else None

    def once(self, values: torch.Tensor) -> torch.Tensor:
        """Where each rank has rows of its own."""
        return values

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Of this rank alone."""
        return values


def sequences(lengths: list[int], groups: list[int] | None = None) -> Sequences:
    """Completions of these lengths, each behind a prompt of two tokens."""
    return Sequences(
        prompts=[np.array([1, 2])] * len(lengths),
        completions=[np.arange(length) for length in lengths],
        groups=groups or list(range(len(lengths))),
        trained=[np.ones(length, dtype=bool) for length in lengths],
        columns={},
    )


def planned(
    batch: Sequences, world_size: int, chosen: list[int], **settings: Any
) -> list[list[Microbatch]]:
    """Each rank's microbatches; a sequence's weight is its index."""
    config = LearnerConfig(**settings)
    weights = np.arange(len(batch), dtype=np.float32)
    found = []
    for rank in range(world_size):
        ranks = cast(Ranks, Planned(rank, world_size, config))
        found.append(list(Microbatches(ranks).own(batch, chosen, weights)))
    return found


def trained_in(rows: list[Microbatch]) -> list[int]:
    """Sequences of which a token is in the loss."""
    return [
        sequence
        for row in rows
        for sequence, mask in zip(row.layout.sequences, row.layout.mask, strict=True)
        if mask.any()
    ]


def test_minibatches_hold_whole_groups_in_order() -> None:
    batch = sequences([1] * 6, groups=[7, 7, 5, 5, 9, 9])
    assert list(minibatches(batch, 1)) == [[0, 1, 2, 3, 4, 5]]
    assert list(minibatches(batch, 3)) == [[0, 1], [2, 3], [4, 5]]
    assert list(minibatches(batch, 2)) == [[0, 1, 2, 3], [4, 5]]
    assert list(minibatches(batch, 9)) == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("share_prompts", [False, True])
@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_each_sequence_of_a_minibatch_is_trained_on_once_with_its_weight(
    world_size: int, share_prompts: bool
) -> None:
    batch = sequences([3, 9, 1, 4, 6, 2], groups=[0, 0, 1, 1, 2, 2])
    chosen = [0, 1, 4, 5]
    ranks = planned(batch, world_size, chosen, microbatch_tokens=12, share_prompts=share_prompts)
    assert sorted(i for rows in ranks for i in trained_in(rows)) == chosen
    for row in (row for rows in ranks for row in rows):
        assert row.weights.tolist() == list(row.layout.sequences)


def test_every_rank_has_as_many_rows_and_the_last_one_is_marked() -> None:
    ranks = planned(sequences([3, 9, 1, 4, 6]), 2, [0, 1, 2, 3, 4], microbatch_tokens=12)
    (count,) = {len(rows) for rows in ranks}
    assert count > 1
    assert [[row.is_last for row in rows] for rows in ranks] == [[False] * (count - 1) + [True]] * 2


def test_ranks_compute_rows_of_the_same_work_at_the_same_time() -> None:
    # Four rows of twenty tokens, and one sequence has more pairs of tokens than two.
    batch = sequences([18, 8, 8, 18, 8, 8])
    config = LearnerConfig(microbatch_tokens=20, share_prompts=False)
    ranks = [cast(Ranks, Planned(rank, 2, config)) for rank in range(2)]
    weights, everything = np.zeros(len(batch), dtype=np.float32), list(range(len(batch)))
    rows = [
        [len(row.layout.sequences) for row in own.own(batch, everything, weights)]
        for own in (Microbatches(one, work=WORK) for one in ranks)
    ]
    assert rows == [[1, 2], [1, 2]]
    # 18 tokens behind a prompt of two: 20 tokens, 3 + 36 + 171 pairs.
    assert Microbatches(ranks[0], work=WORK).flops(batch, [0]) == 20 + 210


def test_a_rank_without_work_goes_through_a_row_without_a_token_in_the_loss() -> None:
    ranks = planned(sequences([4]), 2, [0])
    assert sorted(len(trained_in(rows)) for rows in ranks) == [0, 1]
    idle = next(rows for rows in ranks if not trained_in(rows))
    assert idle[0].layout.input_ids.tolist() == [[1, 2]]
    assert idle[0].is_last


def test_the_head_is_called_as_often_on_every_rank_where_its_weight_is_gathered() -> None:
    batch = sequences([9, 1])
    for stage, expected in ((3, {3}), (1, {None})):
        ranks = planned(batch, 2, [0, 1], zero_stage=stage, logprob_chunk=4)
        assert {row.num_chunks for rows in ranks for row in rows} == expected


def test_a_row_has_room_for_equal_answers_that_are_computed_once() -> None:
    settings: dict[str, Any] = {"share_prompts": True, "microbatch_tokens": 20}
    for lengths, number in (([9, 9, 7, 7], 1), ([9, 8, 7, 6], 2)):
        (rows,) = planned(sequences(lengths, groups=[0, 0, 1, 1]), 1, [0, 1, 2, 3], **settings)
        assert len(rows) == number
        assert sorted(trained_in(rows)) == [0, 1, 2, 3]
    # Where ranks call the head together, they do so for what is read.
    (rows,) = planned(
        sequences([9] * 3, [0] * 3), 1, [0, 1, 2], zero_stage=3, logprob_chunk=3, **settings
    )
    assert [row.num_chunks for row in rows] == [3]


def test_each_rank_computes_its_share_of_the_numbers_of_all_tokens() -> None:
    lengths = [3, 9, 1, 0, 4]
    batch = sequences(lengths, groups=[0, 0, 0, 1, 1])
    for settings in ({"microbatch_tokens": 8}, {"share_prompts": True}):
        shares, computed = [], []
        for rank in range(3):
            rows: list[int] = []
            ranks = cast(Ranks, Planned(rank, 3, LearnerConfig(**settings)))  # type: ignore[arg-type]
            found = Microbatches(ranks).numbers(batch, partial(tokens_of, rows))
            assert [len(values) for values in found] == lengths
            shares.append(np.concatenate(found))
            computed.append(sum(rows))
        # A completion's tokens are its own numbers here, and 0 is what others leave.
        assert np.sum(shares, axis=0).tolist() == np.concatenate(batch.completions).tolist()
        assert sum(computed) == sum(lengths)
        assert max(computed) < sum(lengths)


@pytest.mark.parametrize("share_prompts", [False, True])
@pytest.mark.parametrize("size", [2, 3])
def test_slices_of_a_row_are_the_row_and_each_token_is_predicted_in_one_of_them(
    size: int, share_prompts: bool
) -> None:
    batch = sequences([3, 9, 1, 0, 4], groups=[0, 0, 0, 1, 1])
    settings = {"share_prompts": share_prompts, "microbatch_tokens": 16, "zero_stage": 3}
    own = {"sequence_parallel": size, "logprob_chunk": 2}
    alone = planned(batch, 2, list(range(5)), **settings)
    ranks = planned(batch, 2 * size, list(range(5)), **settings, **own)
    for number, rows in enumerate(alone):
        together = zip(*ranks[number * size : (number + 1) * size], strict=True)
        for row, slices in zip(rows, together, strict=True):
            layouts = [one.layout for one in slices]
            (width,) = {layout.input_ids.shape[1] for layout in layouts}
            length = row.layout.input_ids.shape[1]
            assert width * size - length < size
            ids = torch.cat([layout.input_ids[0] for layout in layouts])
            assert ids[:length].tolist() == row.layout.input_ids[0].tolist()
            read = torch.cat([one.read_at + i * width for i, one in enumerate(layouts)])
            places = torch.cat([one.slice.places for one in layouts if one.slice])
            assert read[places.argsort()].tolist() == row.layout.read_at.tolist()
            assert torch.cat([one.counts for one in layouts]).sum() == row.layout.counts.sum()


def test_the_head_is_called_as_often_in_every_slice_and_never_for_more_than_a_chunk() -> None:
    batch = sequences([2] * 12, groups=[0] * 12)
    batch = replace(batch, completions=[np.array([n, n]) for n in range(12)])
    ranks = planned(
        *(batch, 4, list(range(12))),
        **{"share_prompts": True, "sequence_parallel": 2, "zero_stage": 3, "logprob_chunk": 4},
    )
    rows = [row for rows in ranks for row in rows]
    (chunks,) = {row.num_chunks for row in rows}
    assert chunks is not None
    # Of the first slice, which has the prompt's end, from which all answers begin.
    assert max(len(row.layout.targets) for row in rows) > rows[0].layout.input_ids.shape[1]
    assert all(len(row.layout.targets) <= 4 * chunks for row in rows)


def tokens_of(rows: list[int], own: Microbatch) -> torch.Tensor:
    rows.append(len(own.layout.targets))
    return own.layout.targets
