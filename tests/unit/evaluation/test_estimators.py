"""Pass@k and Cons@k against literal numbers and against every subset."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsys.evaluation.estimators import (
    Votes,
    cons_at_k,
    mean_with_interval,
    paired_difference,
    pass_at_k,
    pass_rates,
)


def one_pass_at_k(n: int, c: int, k: int) -> float:
    return float(pass_at_k(np.array([n]), np.array([c]), k)[0])


def test_pass_at_k_of_hand_worked_cases() -> None:
    assert one_pass_at_k(10, 3, 1) == pytest.approx(0.3)
    # 1 - C(7, 5) / C(10, 5) = 1 - 21 / 252
    assert one_pass_at_k(10, 3, 5) == pytest.approx(11 / 12)
    assert one_pass_at_k(4, 0, 2) == 0.0
    assert one_pass_at_k(4, 3, 2) == 1.0  # two samples cannot both miss three right ones of four
    assert one_pass_at_k(4, 4, 4) == 1.0


def test_pass_at_k_is_nothing_where_there_are_fewer_samples_than_k() -> None:
    assert np.isnan(pass_at_k(np.array([3, 4]), np.array([1, 1]), 4)).tolist() == [True, False]


def test_pass_at_k_keeps_its_precision_with_thousands_of_samples() -> None:
    # The binomials of 20,000 choose 5,000 overflow a float; one right answer gives exactly k / n.
    assert one_pass_at_k(20_000, 1, 5_000) == pytest.approx(0.25, rel=1e-12)
    exact = 1 - math.comb(19_900, 64) / math.comb(20_000, 64)
    assert one_pass_at_k(20_000, 100, 64) == pytest.approx(exact, rel=1e-10)


def test_impossible_counts_and_k_are_refused() -> None:
    with pytest.raises(ValueError, match="5 of 4 samples"):
        one_pass_at_k(4, 5, 1)
    with pytest.raises(ValueError, match="k=0"):
        one_pass_at_k(4, 2, 0)
    with pytest.raises(ValueError, match="k=0"):
        cons_at_k(Votes(1), 0)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_equals_the_mean_over_all_subsets(n: int, data: st.DataObject) -> None:
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    samples = [1] * c + [0] * (n - c)
    subsets = list(itertools.combinations(samples, k))
    assert one_pass_at_k(n, c, k) == pytest.approx(sum(map(max, subsets)) / len(subsets))


def test_cons_at_k_of_hand_worked_cases() -> None:
    # 1/2, 1/2 and 0.5 are one class of three right answers; 7 and 9 are wrong.
    assert cons_at_k(Votes(3, (1, 1)), 5) == 1.0
    # Of the three pairs {r, r}, {r, w}, {r, w}: 1, 1/2, 1/2.
    assert cons_at_k(Votes(2, (1,)), 2) == pytest.approx(2 / 3)
    assert cons_at_k(Votes(2, (3,)), 5) == 0.0
    # A tie of three answers is won once in three.
    assert cons_at_k(Votes(1, (1, 1)), 3) == pytest.approx(1 / 3)


def test_samples_without_an_answer_do_not_vote() -> None:
    assert cons_at_k(Votes(1, (), abstained=3), 4) == 1.0
    assert cons_at_k(Votes(0, (), abstained=3), 2) == 0.0
    assert cons_at_k(Votes(1, (), abstained=1), 1) == 0.5


def test_cons_at_1_is_pass_at_1() -> None:
    assert cons_at_k(Votes(3, (4, 2), abstained=1), 1) == pytest.approx(0.3)


def test_cons_at_k_is_nothing_where_there_are_fewer_samples_than_k() -> None:
    assert math.isnan(cons_at_k(Votes(1, (1,)), 3))


def brute_force_cons(votes: Votes, k: int) -> float:
    samples: list[str | None] = ["right"] * votes.right + [None] * votes.abstained
    for number, size in enumerate(votes.wrong):
        samples += [f"wrong-{number}"] * size
    values = []
    for subset in itertools.combinations(samples, k):
        counts = Counter(answer for answer in subset if answer is not None)
        best = max(counts.values(), default=0)
        leaders = [answer for answer, count in counts.items() if count == best]
        values.append(1 / len(leaders) if "right" in leaders else 0.0)
    return sum(values) / len(values)


@given(
    st.integers(0, 4),
    st.lists(st.integers(1, 3), max_size=3).map(tuple),
    st.integers(0, 2),
    st.data(),
)
def test_cons_at_k_equals_the_mean_over_all_subsets(
    right: int, wrong: tuple[int, ...], abstained: int, data: st.DataObject
) -> None:
    votes = Votes(right, wrong, abstained)
    if not votes.total:
        return
    k = data.draw(st.integers(1, votes.total))
    assert cons_at_k(votes, k) == pytest.approx(brute_force_cons(votes, k))


def test_cons_at_k_of_the_largest_exact_case_equals_integers() -> None:
    # Two classes, no abstentions: the right one wins with more than half, and ties count half.
    votes, k = Votes(70, (58,)), 63
    wins = sum(math.comb(70, j) * math.comb(58, k - j) for j in range(32, k + 1))
    assert cons_at_k(votes, k) == pytest.approx(wins / math.comb(128, k), rel=1e-12)


def test_cons_at_k_of_thousands_of_samples_is_near_the_exact_value() -> None:
    assert cons_at_k(Votes(1200, (800,), abstained=2000), 1) == pytest.approx(0.3, abs=0.02)
    assert cons_at_k(Votes(1200, (1199,), abstained=100), 2499) == 1.0
    assert cons_at_k(Votes(700, (700,)), 1400) == 0.5
    votes, k = Votes(700, (580,)), 101
    wins = sum(math.comb(700, j) * math.comb(580, k - j) for j in range(51, k + 1))
    assert cons_at_k(votes, k) == pytest.approx(wins / math.comb(1280, k), abs=0.03)


def test_rows_without_a_verdict_take_no_part_in_a_pass_rate() -> None:
    correct = np.array([[1, 0, np.nan], [np.nan] * 3, [1, 1, 0]])
    assert pass_rates(correct).tolist() == pytest.approx([0.5, 2 / 3])


def test_the_interval_holds_the_mean_and_shrinks_with_more_problems() -> None:
    few, many = np.array([0.0, 1.0] * 5), np.array([0.0, 1.0] * 200)
    small, large = mean_with_interval(few), mean_with_interval(many)
    assert small.mean == large.mean == 0.5
    assert small.low < 0.35 < 0.65 < small.high
    # The normal approximation: 0.5 +- 1.96 * 0.5 / sqrt(400).
    assert large.low == pytest.approx(0.451, abs=0.006)
    assert large.high == pytest.approx(0.549, abs=0.006)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1))
def test_the_interval_lies_between_0_and_1_around_the_mean(rates: list[float]) -> None:
    found = mean_with_interval(np.array(rates))
    assert 0.0 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1.0


def test_a_perfect_score_and_a_single_problem_are_not_reported_as_certain() -> None:
    assert mean_with_interval(np.ones(30)).low == pytest.approx(0.9)
    assert (mean_with_interval(np.ones(1)).low, mean_with_interval(np.ones(1)).high) == (0, 1)
    with pytest.raises(ValueError, match="no problem"):
        mean_with_interval(np.array([]))


def test_a_paired_difference_sees_what_unpaired_noise_would_hide() -> None:
    a = np.linspace(0, 0.9, 40)
    better = paired_difference(a, a + 0.1)
    assert better.mean == pytest.approx(0.1)
    assert better.low == pytest.approx(0.1)
    assert better.p_value < 0.01
    same = paired_difference(a, a)
    assert (same.mean, same.p_value) == (0.0, 1.0)


def test_no_difference_of_a_few_problems_is_certain() -> None:
    def bounds(a: list[float], b: list[float]) -> tuple[float, float]:
        found = paired_difference(np.array(a), np.array(b))
        assert found.low <= found.mean <= found.high
        return found.low, found.high

    assert bounds([0.0], [1.0]) == bounds([0.5], [0.75]) == (-1.0, 1.0)
    assert bounds([1.0] * 30, [1.0] * 30) == pytest.approx((-0.1, 0.1))
    assert bounds([0.0] * 30, [1.0] * 30) == pytest.approx((0.9, 1.0))
    assert bounds([1.0] * 30, [0.0] * 30) == pytest.approx((-1.0, -0.9))
    assert bounds([0.0, 0.0], [1.0, 1.0]) == (-0.5, 1.0)
