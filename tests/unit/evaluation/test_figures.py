"""Figures have the names that a gate can ask for before anything is measured."""

from dataclasses import replace

import numpy as np

from rlsys.config.benchmarks import BenchmarksConfig
from rlsys.evaluation.estimators import Interval
from rlsys.evaluation.figures import figure_names, figures, figures_of
from rlsys.evaluation.plan import Setting
from rlsys.evaluation.results import Lengths, Result
from rlsys.thinking.usage import Usage

HALF = Interval(0.5, 0.4, 0.6, 10)
RESULT = Result(
    benchmark="arithmetic",
    setting=Setting(0.6, 64, samples=2),
    problems=10,
    left_out=0,
    pass_at={1: HALF, 2: HALF},
    cons_at={2: HALF},
    truncated=0.25,
    no_verdict=0,
    usage=Usage(100, 60, 40, 20),
    lengths=Lengths(np.array([4, 6]), np.array([], int)),
    rates={},
)
PLAN = BenchmarksConfig(samples=2)


def test_one_result_has_plain_names() -> None:
    found = figures([RESULT])
    assert found["pass_at_2"] == {"mean": 0.5, "low": 0.4, "high": 0.6}
    assert found["mean_tokens"] == 5.0
    assert found["right_tokens"] == 5.0
    assert "wrong_tokens" not in found
    assert set(found) <= set(figure_names(PLAN))


def test_figures_of_several_policies_have_their_numbers_before_the_names() -> None:
    found = figures_of([[RESULT], [RESULT]])
    assert (
        found["policy_2/pass_at_1"] == found["policy_1/pass_at_1"] == figures([RESULT])["pass_at_1"]
    )
    assert set(found) <= set(figure_names(replace(PLAN, policies=["a", "b"])))
    assert figures_of([[RESULT]]) == figures([RESULT])


def test_marks_of_a_benchmark_are_figures_by_their_own_names() -> None:
    marked = replace(RESULT, benchmark="world_reasoning", marks={"english": HALF})
    assert figures([marked])["english"] == {"mean": 0.5, "low": 0.4, "high": 0.6}
    names = figure_names(replace(PLAN, names=["world_reasoning", "world_general"]))
    assert "world_reasoning/t0.6/english" in names
    assert "world_general/t0.6/english" not in names


def test_several_results_have_their_keys_before_the_names() -> None:
    cold = replace(RESULT, setting=replace(RESULT.setting, temperature=0.0, samples=1))
    found = figures([replace(RESULT), cold])
    assert "arithmetic/t0.6/pass_at_2" in found
    assert set(found) <= set(figure_names(replace(PLAN, temperatures=[0.6, 0.0]))) | {
        "arithmetic/t0/pass_at_2",
        "arithmetic/t0/cons_at_2",
    }
