import numpy as np
import pytest

from rlsys.simulate.laws import Constant, LengthLaw, LogNormal, Pareto


@pytest.mark.parametrize(
    ("law", "mean"),
    [
        (Constant(7), 7.0),
        # Uncut, and half a token more from rounding up.
        (LogNormal(mean=1000, sigma=1.0, limit=10**9), 1000.5),
        (Pareto(mean=1000, shape=3.0, limit=10**9), 1000.5),
    ],
)
def test_lengths_have_the_law_s_mean(law: LengthLaw, mean: float) -> None:
    drawn = law.draw(np.random.default_rng(0), 400_000)
    assert drawn.dtype == np.int64
    assert drawn.min() >= 1
    assert drawn.mean() == pytest.approx(mean, rel=0.01)


@pytest.mark.parametrize("law", [LogNormal(1000, 1.0, 3000), Pareto(1000, 1.5, 3000)])
def test_no_answer_is_longer_than_the_limit_and_some_reach_it(law: LengthLaw) -> None:
    assert law.draw(np.random.default_rng(0), 10_000).max() == 3000


def test_one_log_normal_answer_in_a_hundred_is_longer_than_six_times_the_mean() -> None:
    # P(ln x > mu + 2.33 sigma) = 1 %, and exp(2.33 - 1/2) = 6.2.
    drawn = LogNormal(1000, 1.0, 10**9).draw(np.random.default_rng(0), 400_000)
    assert np.quantile(drawn, 0.99) == pytest.approx(6216, rel=0.03)


def test_a_pareto_answer_is_twice_the_shortest_with_the_power_law_s_chance() -> None:
    drawn = Pareto(mean=3000, shape=1.5, limit=10**9).draw(np.random.default_rng(0), 400_000)
    assert drawn.min() == pytest.approx(1000, abs=1)
    assert (drawn > 2000).mean() == pytest.approx(2**-1.5, rel=0.02)
