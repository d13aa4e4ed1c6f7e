import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.algorithms.packing import plan_microbatches

lengths_lists = st.lists(st.integers(1, 60), max_size=40)


@settings(deadline=None, max_examples=150)
@given(lengths_lists, st.integers(1, 100), st.integers(1, 4))
def test_every_plan_keeps_its_promises(lengths, max_tokens, ranks):
    plan = plan_microbatches(lengths, max_tokens, ranks)
    assert sorted(i for rank in plan for m in rank for i in m) == list(range(len(lengths)))
    assert len(plan) == ranks
    assert len({len(rank) for rank in plan}) == 1
    for microbatch in (m for rank in plan for m in rank):
        assert sum(lengths[i] for i in microbatch) <= max_tokens or len(microbatch) == 1
    empty = sum(not m for rank in plan for m in rank)
    assert empty < ranks or not lengths
    if empty and lengths:
        assert all(len(m) <= 1 for rank in plan for m in rank)


def test_microbatches_are_filled_as_full_as_they_go():
    lengths = [10, 2, 9, 1, 2, 8]
    (plan,) = plan_microbatches(lengths, 12, 1)
    assert sorted(sum(lengths[i] for i in m) for m in plan) == [10, 11, 11]


def test_the_longest_are_dealt_so_that_ranks_have_the_same_load():
    plan = plan_microbatches([8, 7, 2, 1], 8, 2)
    assert [sum([8, 7, 2, 1][i] for m in rank for i in m) for rank in plan] == [9, 9]


def test_microbatches_that_run_at_the_same_time_cost_about_the_same():
    # Costs 90, 80 (single blocks), then 50, 48 (five of 10, eight of 6).
    lengths = [90, 80, *[10] * 5, *[6] * 8]
    plan = plan_microbatches(lengths, 90, 2)
    costs = [[sum(lengths[i] for i in m) for m in rank] for rank in plan]
    assert all(max(pair) - min(pair) <= 10 for pair in zip(*costs, strict=True))
    assert abs(sum(costs[0]) - sum(costs[1])) <= 10


def test_rows_that_run_at_the_same_time_cost_the_same_though_attention_grows_with_the_square():
    # Four rows of about 100 tokens, two of them of one sequence.
    lengths = [100, *[10] * 10, 99, *[9] * 11]
    squares = [length**2 for length in lengths]
    by_tokens, by_costs = (
        [[sum(squares[i] for i in m) for m in rank] for rank in plan_microbatches(*asked)]
        for asked in ((lengths, 100, 2), (lengths, 100, 2, squares))
    )
    assert list(zip(*by_tokens, strict=True)) == [(10000, 1000), (9801, 891)]
    assert list(zip(*by_costs, strict=True)) == [(10000, 9801), (891, 1000)]


def test_a_sequence_longer_than_the_limit_has_a_microbatch_of_its_own():
    (plan,) = plan_microbatches([500, 3, 3], 10, 1)
    assert [sorted(m) for m in plan] == [[0], [1, 2]]


def test_too_few_sequences_for_the_ranks_leave_empty_microbatches():
    assert plan_microbatches([4], 10, 2) == [[[0]], [[]]]
    assert plan_microbatches([], 10, 2) == [[[]], [[]]]


def test_a_mixed_batch_is_spread_evenly():
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.exponential(200, 256), 8, 1000).astype(int).tolist()
    plan = plan_microbatches(lengths, 8192, 2)
    costs = [sum(lengths[i] for i in m) for rank in plan for m in rank]
    assert len(costs) == 2 * -(-sum(lengths) // (2 * 8192))
    assert min(costs) > 0.9 * max(costs)


@pytest.mark.parametrize(("max_tokens", "ranks"), [(0, 1), (1, 0)])
def test_impossible_plans_are_refused(max_tokens, ranks):
    with pytest.raises(ValueError, match="must be positive"):
        plan_microbatches([1], max_tokens, ranks)
