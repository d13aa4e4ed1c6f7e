"""Gates on figures, their intervals, and those of other stages."""

import pytest

from rlsys.lineage.manifest import Figure
from rlsys.recipes.gates import judge, read_condition, said

FIGURES: dict[str, dict[str, Figure]] = {
    "": {"pass_at_1": {"mean": 0.5, "low": 0.4, "high": 0.6}, "steps": 8},
    "base": {"pass_at_1": {"mean": 0.3, "low": 0.2, "high": 0.45}},
}


def passes(text: str) -> bool:
    """Whether it holds of FIGURES."""
    condition = read_condition(text, ["base"], "recipe.yaml: stage rl")
    return judge(condition, lambda stage: FIGURES[stage]).passed


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("pass_at_1 > 0.45", True),
        ("pass_at_1.low > 0.45", False),
        ("pass_at_1.high >= 0.6", True),
        ("pass_at_1.mean <= 0.4", False),
        ("steps < 9", True),
        ("steps>7", True),
        ("base.pass_at_1 > 0", True),
        ("pass_at_1.low > base.pass_at_1.high", False),
        ("pass_at_1.low > base.pass_at_1", True),
        ("gain > -1", False),
    ],
)
def test_a_condition_holds_by_its_figures(text: str, holds: bool) -> None:
    assert passes(text) is holds


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_bound_that_nothing_can_meet_is_read_as_a_figures_name(number: str) -> None:
    condition = read_condition(f"steps < {number}", [], "recipe.yaml: stage rl")
    assert [one.figure for one in condition.measured] == ["steps", number]


def test_a_verdict_says_the_figure_with_its_interval() -> None:
    condition = read_condition("pass_at_1.low > 0.45", [], "")
    assert said(judge(condition, lambda _: FIGURES[""])) == (
        "pass_at_1.low > 0.45: 0.500 [0.400, 0.600]"
    )


def test_a_figure_that_was_not_measured_is_said_to_be_so() -> None:
    condition = read_condition("gain > 0", [], "")
    assert said(judge(condition, lambda _: {})) == "gain > 0: not measured"


def test_a_figure_of_an_evaluation_may_have_dots_and_slashes() -> None:
    condition = read_condition("gsm8k/t0.6/pass_at_16.low > 0", ["base"], "")
    assert (condition.left.figure, condition.left.part) == ("gsm8k/t0.6/pass_at_16", "low")
