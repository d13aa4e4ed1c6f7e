"""The settings of a merge: shares that sum to 1, and what each method needs."""

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.config.merge import MergeConfig, MergeMethod, problems
from rlsys.errors import ConfigError


def said(**settings: object) -> str:
    config = MergeConfig(**({"policies": ["a", "b"]} | settings))  # type: ignore[arg-type]
    return "\n".join(problems(config))


def test_two_policies_are_merged_in_equal_shares() -> None:
    assert said() == ""
    assert MergeConfig(policies=["a", "b", "c", "d"]).shares == [0.25] * 4


@pytest.mark.parametrize("weights", [[0.25, 0.75], [1.5, -0.5], [0.3333, 0.6667]])
def test_shares_that_sum_to_1_are_taken(weights: list[float]) -> None:
    assert said(weights=weights) == ""


def test_weights_of_another_sum_are_refused_with_the_shares_they_may_mean() -> None:
    told = said(weights=[3, 1])
    assert "they sum to 4 and are shares, which sum to 1; nearest valid: [0.75, 0.25]" in told
    assert "they sum to 0" in said(weights=[1, -1])


def test_each_policy_has_a_weight() -> None:
    assert said(weights=[1.0]) == "merge.weights=[1.0]: 1 weights for 2 policies"


def test_a_policy_of_weight_0_is_left_out() -> None:
    assert "merge.weights[1]=0: 'b' would take no part; leave it out" in said(weights=[1, 0])


@pytest.mark.parametrize("method", [m for m in MergeMethod if m.averages])
def test_a_method_that_averages_takes_no_negative_weight(method: MergeMethod) -> None:
    base = "base" if method.needs_base else ""
    told = said(method=method, base=base, weights=[1.5, -0.5])
    assert f"merge.weights[1]=-0.5: {method.value} takes none below 0" in told


@pytest.mark.parametrize("method", [m for m in MergeMethod if m.needs_base])
def test_what_merges_differences_needs_a_base_and_may_have_one_policy(method: MergeMethod) -> None:
    assert f"merge.base='': {method.value} merges what the policies have" in said(method=method)
    assert said(method=method, base="base", policies=["a"]) == ""


def test_a_base_without_a_use_is_refused() -> None:
    assert "merge.base='x': linear has no use for a base" in said(base="x")


@pytest.mark.parametrize("method", list(MergeMethod))
def test_a_scale_or_a_density_without_effect_is_refused(method: MergeMethod) -> None:
    base = "base" if method.needs_base else ""
    told = said(method=method, base=base, scale=0.5, density=0.2)
    plain = method in (MergeMethod.linear, MergeMethod.slerp)
    no_scale = f"merge.scale=0.5: {method.value} has no use for it; nearest valid: merge.scale=1"
    assert (no_scale in told) == plain
    no_density = f"merge.density=0.2: {method.value} has no use for it; nearest valid: merge.dens"
    assert (no_density in told) == (plain or method is MergeMethod.task_arithmetic)


def test_a_scale_of_0_would_leave_the_base() -> None:
    told = said(method=MergeMethod.ties, base="base", scale=0.0)
    assert told == (
        "merge.scale=0: the result would be the base, and the policies would take no part; "
        "nearest valid: 1"
    )


def test_slerp_is_of_two_policies() -> None:
    told = said(method=MergeMethod.slerp, policies=["a", "b", "c"])
    assert "slerp goes from one policy to another, and there are 3" in told
    assert "linear needs at least 2" in said(policies=["a"])


def test_a_policy_given_twice_is_named() -> None:
    assert "'a' is given 2 times; give it more weight" in said(policies=["a", "b", "a"])


def test_a_run_of_another_kind_has_no_use_for_the_section_and_is_not_asked() -> None:
    base = CONFIGS / "base.yaml"
    assert load(base).merge.policies == []
    with pytest.raises(ConfigError, match=r"merge\.policies=\[\]: linear needs at least 2"):
        load(base, ["run.stage=merge"])


def test_numbers_out_of_range_are_refused() -> None:
    base = CONFIGS / "base.yaml"
    told = ["run.stage=merge", "merge.policies=[a,b]", "merge.density=0", "merge.scale=11"]
    with pytest.raises(ConfigError) as error:
        load(base, told)
    assert "merge.density=0.0: must be above 0" in str(error.value)
    assert "merge.scale=11.0: must be at least -10" in str(error.value)
