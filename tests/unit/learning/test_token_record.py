"""What each rank saw of its own microbatches is put together, sequence by sequence."""

from typing import Any, cast

import numpy as np
import torch

from rlsys.config.run import LearnerConfig
from rlsys.learning.microbatches import Microbatches
from rlsys.learning.ranks import Ranks
from rlsys.learning.sequences import Sequences
from rlsys.learning.token_record import TokenRecord
from tests.helpers.planned_ranks import PlannedRanks


def recorded(lengths: list[int], advantages: list[list[float]]) -> dict[str, list[Any]]:
    """A step on two ranks in one minibatch; a token's log-ratio is sequence + position / 10."""
    sequences = Sequences(
        prompts=[np.array([1, 2])] * len(lengths),
        completions=[np.arange(length) for length in lengths],
        groups=list(range(len(lengths))),
        trained=[np.ones(length, dtype=bool) for length in lengths],
        columns={"advantages": [np.array(own) for own in advantages]},
    )
    chosen, weights = list(range(len(lengths))), np.ones(len(lengths), dtype=np.float32)
    others = None
    for rank in (1, 0):
        planned = PlannedRanks(rank, 2, LearnerConfig(microbatch_tokens=8), others=others)
        ranks = cast(Ranks, planned)
        record = TokenRecord(sequences, ("log_ratio", "clip"))
        for number, microbatch in enumerate(Microbatches(ranks).own(sequences, chosen, weights)):
            rows = torch.tensor(microbatch.layout.sequences)[:, None]
            ratio = rows + torch.arange(microbatch.layout.mask.shape[1]) / 10
            clip = torch.where(ratio > 1, torch.nan, 1.0)
            record.saw(0, rank, number, microbatch, {"log_ratio": ratio, "clip": clip})
        columns = record.columns(ranks)
        others = planned.mine
    return {name: column.to_pylist() for name, column in columns.items()}


def test_each_sequence_is_seen_by_the_rank_that_trained_it() -> None:
    found = recorded([3, 5, 2, 4], [[1.0] * 3, [-1.0] * 5, [0.5, 0.25], [0.0] * 4])
    expected = [[i + t / 10 for t in range(n)] for i, n in enumerate([3, 5, 2, 4])]
    for row, wanted in zip(found["log_ratio"], expected, strict=True):
        np.testing.assert_allclose(row, wanted, rtol=1e-6)
    assert set(found["rank"]) == {0, 1}
    assert found["minibatch"] == [0] * 4
    places = list(zip(found["rank"], found["microbatch"], strict=True))
    assert sorted(set(places)) == sorted(places), "one sequence of 8 tokens a microbatch"


def test_a_token_that_was_not_trained_has_nothing() -> None:
    found = recorded([1, 2], [[1.0], [1.0, 1.0]])
    assert found["clip"] == [[1], [1, None]]


def test_advantages_are_told_where_one_number_does_not() -> None:
    found = recorded([2, 2], [[1.0, 1.0], [0.5, 0.25]])
    assert found["advantages"] == [None, [0.5, 0.25]]


def test_a_rank_without_work_says_nothing_of_the_prompt_that_it_goes_through() -> None:
    found = recorded([3], [[1.0] * 3])
    (ratios,) = found["log_ratio"]
    np.testing.assert_allclose(ratios, [0.0, 0.1, 0.2], rtol=1e-6)
    assert found["microbatch"] == [0]
    assert len(found["rank"]) == 1
