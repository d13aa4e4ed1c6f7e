from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.data.batches import Batches


@given(
    st.integers(1, 40), st.integers(1, 9), st.sampled_from([0.3, 1.0, 1.1, 2.0, 3.5]), st.booleans()
)
def test_rows_are_seen_equally_often_and_batches_are_whole(
    num_rows: int, size: int, epochs: float, shuffle: bool
) -> None:
    batches = Batches(num_rows, size, epochs, seed=3, shuffle=shuffle)
    taken = [batches.rows(step) for step in range(1, batches.steps + 1)]
    assert all(len(rows) == size for rows in taken[:-1])
    assert 1 <= len(taken[-1]) <= size
    seen = Counter(row for rows in taken for row in rows)
    assert set(seen) <= set(range(num_rows))
    counts = [seen[row] for row in range(num_rows)]
    assert max(counts) - min(counts) <= 1
    assert abs(sum(counts) - epochs * num_rows) < 1 or sum(counts) == 1


def test_each_pass_has_an_order_of_its_own_that_follows_from_the_seed() -> None:
    batches = Batches(50, 50, 2.0, seed=1)
    first, second = batches.rows(1), batches.rows(2)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert Batches(50, 50, 2.0, seed=1).rows(2) == second
    assert Batches(50, 50, 2.0, seed=2).rows(1) != first


def test_unshuffled_rows_keep_their_order_across_passes() -> None:
    batches = Batches(3, 2, 2.0, seed=0, shuffle=False)
    assert [batches.rows(step) for step in (1, 2, 3)] == [[0, 1], [2, 0], [1, 2]]


@pytest.mark.parametrize("step", [0, 4])
def test_there_is_no_other_step(step: int) -> None:
    with pytest.raises(IndexError, match=f"step {step} of 3"):
        Batches(3, 2, 2.0, seed=0).rows(step)
