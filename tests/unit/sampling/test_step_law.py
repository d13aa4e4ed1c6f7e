"""The law of an engine's steps is found in steps that were made by one, and not where it is not."""

import numpy as np
import pytest

from rlsys.sampling.engine_figures import EngineFigures, together
from rlsys.sampling.step_law import StepLaw, TimedSteps, fitted, mean_law

LAW = StepLaw(step_s=0.006, sequence_s=0.0001, begin_s=0.0005)


def steps(count: int = 400, least: int = 1, most: int = 256) -> np.ndarray:
    """[count, 3] steps as the law says, in one of eight of which something begins."""
    random = np.random.default_rng(0)
    sequences = random.integers(least, most, count)
    begun = np.where(np.arange(count) % 8 == 0, sequences // 2, 0)
    seconds = LAW.step_s + LAW.sequence_s * sequences + LAW.begin_s * begun
    return np.stack([sequences, begun, seconds], axis=1)


def test_the_law_of_steps_that_nothing_slowed_is_the_one_they_were_made_by() -> None:
    found = fitted(steps())
    assert found is not None
    assert vars(found) == pytest.approx(vars(LAW), rel=1e-3)


def test_steps_that_something_else_slowed_do_not_change_it() -> None:
    made, random = steps(), np.random.default_rng(1)
    made[:, 2] *= random.normal(1.0, 0.2, len(made))
    made[::20, 2] += 0.3  # new weights
    found = fitted(made)
    assert found is not None
    assert vars(found) == pytest.approx(vars(LAW), rel=0.1)


def test_few_steps_few_that_begin_something_and_batches_that_are_alike_say_nothing() -> None:
    made = steps(count=200)
    made[56:, 1] = 0
    assert fitted(made) is None  # 7
    assert fitted(steps(count=63)) is None
    assert fitted(steps(least=100, most=150)) is None


def test_a_part_that_would_be_negative_is_zero() -> None:
    made = steps()
    made[:, 2] = 0.0002 * made[:, 0] - 0.0001 + 0.0005 * made[:, 1]
    found = fitted(made)
    assert found is not None
    assert found.step_s == 0.0
    assert found.sequence_s == pytest.approx(0.0002, rel=0.05)


def test_where_as_many_begin_in_every_step_they_share_its_fixed_part() -> None:
    made = steps()
    made[:, 1] = 2
    made[:, 2] = 0.01 + 0.0001 * made[:, 0]
    found = fitted(made)
    assert found is not None
    assert found.step_s + 2 * found.begin_s == pytest.approx(0.01, rel=1e-3)
    assert found.sequence_s == pytest.approx(0.0001, rel=1e-3)


def test_of_many_steps_as_many_are_kept_of_each_part_of_the_run() -> None:
    timed = TimedSteps()
    for number in range(20_000):
        timed.add(number, 0, 1.0)
    kept = np.array(timed._kept)[:, 0]
    assert (len(kept), timed.count) == (1024, 20_000)
    quarters = np.histogram(kept, bins=4, range=(0, 20_000))[0]
    assert quarters == pytest.approx([256] * 4, abs=60)


def test_the_law_of_several_engines_is_the_mean_of_those_that_know_it() -> None:
    other = StepLaw(0.008, 0.0002, 0.0)
    assert mean_law([LAW, other]) == StepLaw(pytest.approx(0.007), pytest.approx(0.00015), 0.00025)
    assert mean_law([]) is None


def test_figures_of_several_engines_are_sums_and_the_fullest_cache() -> None:
    first = EngineFigures(10, 300, 20, 0.5, 40, 2, 100, 75, LAW)
    second = EngineFigures(30, 500, 0, 0.9, 60, 0, 100, 25)
    metrics = together([first, second]).metrics()
    assert metrics == {
        "sampler/running": 800 / 40,
        "sampler/waiting": 0.5,
        "sampler/kv_cache_usage": 0.9,
        "sampler/preemptions": 2.0,
        "sampler/preempted": 0.02,
        "sampler/prefix_cache_hit_rate": 0.5,
        "sampler/step_s": 0.006,
        "sampler/sequence_s": 0.0001,
        "sampler/begin_s": 0.0005,
    }


def test_an_engine_that_did_nothing_says_nothing() -> None:
    assert EngineFigures(kv_cache_usage=0.1).metrics() == {}
