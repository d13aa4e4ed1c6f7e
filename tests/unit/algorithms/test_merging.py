"""Each merge method against numbers worked out by hand."""

import math

import pytest
import torch
from torch import Tensor

from rlsys.algorithms.merging import dare_linear, dare_ties, linear, slerp, task_arithmetic, ties

BASE = torch.tensor([1.0, 1.0, 1.0, 1.0])


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)


def seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_linear_is_the_weighted_mean() -> None:
    merged = linear([tensor(1, 2), tensor(5, 10)], [0.75, 0.25])
    assert merged.tolist() == [2.0, 4.0]


def test_linear_may_go_beyond_the_policies() -> None:
    assert linear([tensor(1, 2), tensor(2, 0)], [1.5, -0.5]).tolist() == [0.5, 3.0]


def test_slerp_halves_a_right_angle_and_keeps_the_length() -> None:
    merged = slerp(tensor(2, 0), tensor(0, 2), 0.5)
    torch.testing.assert_close(merged, tensor(math.sqrt(2), math.sqrt(2)))


def test_slerp_of_a_third_of_a_right_angle_is_30_degrees() -> None:
    merged = slerp(tensor(1, 0), tensor(0, 1), 1 / 3)
    torch.testing.assert_close(merged, tensor(math.sqrt(3) / 2, 0.5))


def test_slerp_begins_at_the_first_and_ends_at_the_second() -> None:
    a, b = tensor(1, 2, 3), tensor(-1, 0, 4)
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)


@pytest.mark.parametrize(
    ("other", "middle"),
    [((2, 4), (1.5, 3.0)), ((-1, -2), (0.0, 0.0)), ((0, 0), (0.5, 1.0))],
    ids=["parallel", "opposite", "zero"],
)
def test_slerp_is_linear_where_there_is_no_arc(
    other: tuple[float, ...], middle: tuple[float, ...]
) -> None:
    torch.testing.assert_close(slerp(tensor(1, 2), tensor(*other), 0.5), tensor(*middle))


def test_task_arithmetic_adds_what_was_learned() -> None:
    # tau_1 = (2, 0, -2, 0), tau_2 = (0, 4, -2, 0); their mean is (1, 2, -2, 0).
    policies = [tensor(3, 1, -1, 1), tensor(1, 5, -1, 1)]
    assert task_arithmetic(BASE, policies, [0.5, 0.5], 1.0).tolist() == [2, 3, -1, 1]
    # The paper's sum times 0.3 is a scale of 2 times 0.3.
    torch.testing.assert_close(
        task_arithmetic(BASE, policies, [0.5, 0.5], 0.6), tensor(1.6, 2.2, -0.2, 1)
    )


def test_task_arithmetic_below_zero_takes_away() -> None:
    assert task_arithmetic(BASE, [tensor(3, 1, -1, 1)], [1.0], -1.0).tolist() == [-1, 1, 3, 1]


def test_ties_trims_elects_a_sign_and_averages_those_that_agree() -> None:
    # tau_1 = (4, 3, 0.1, -2), tau_2 = (-2, 5, 0.2, 1); of four entries two are kept:
    # (4, 3, 0, 0) and (-2, 5, 0, 0). Entry 0 elects +, where only tau_1 is; entry 1 both agree.
    policies = [tensor(5, 4, 1.1, -1), tensor(-1, 6, 1.2, 2)]
    merged = ties(BASE, policies, [0.5, 0.5], 1.0, 0.5)
    torch.testing.assert_close(merged, tensor(1 + 4, 1 + (3 + 5) / 2, 1, 1))


def test_ties_weighs_votes_and_means() -> None:
    # Weighted by 0.25 and 0.75 entry 0 elects - (1 - 1.5); entry 1 is (0.25 * 3 + 0.75 * 5) / 1.
    policies = [tensor(5, 4, 1.1, -1), tensor(-1, 6, 1.2, 2)]
    merged = ties(BASE, policies, [0.25, 0.75], 2.0, 0.5)
    torch.testing.assert_close(merged, tensor(1 - 2 * 2, 1 + 2 * 4.5, 1, 1))


def test_ties_leaves_an_entry_without_a_majority_as_it_was() -> None:
    policies = [tensor(3, 1, 1, 1), tensor(-1, 1, 1, 1)]
    assert ties(BASE, policies, [0.5, 0.5], 1.0, 1.0).tolist() == BASE.tolist()


@pytest.mark.parametrize(("density", "kept"), [(0.01, 1), (0.2, 1), (0.3, 2), (1.0, 5)])
def test_ties_keeps_its_share_of_the_largest_and_one_at_least(density: float, kept: int) -> None:
    zero, learned = torch.zeros(5), tensor(5, -4, 3, -2, 1)
    merged = ties(zero, [learned], [1.0], 1.0, density)
    assert merged.tolist() == [*learned.tolist()[:kept], *[0.0] * (5 - kept)]


def test_dare_keeps_a_share_and_rescales_it() -> None:
    zero, ones = torch.zeros(10_000), torch.ones(10_000)
    merged = dare_linear(zero, [ones], [1.0], 1.0, 0.25, seeded(0))
    assert set(merged.tolist()) == {0.0, 4.0}
    assert merged.mean().item() == pytest.approx(1.0, abs=0.05)


def test_dare_draws_as_its_generators_do() -> None:
    kept = [torch.rand(4, generator=generator) < 0.5 for generator in seeded(1, 2)]
    assert kept[0].tolist() != kept[1].tolist()
    policies = [BASE + 2, BASE + 4]
    merged = dare_linear(BASE, policies, [0.5, 0.5], 1.0, 0.5, seeded(1, 2))
    # 0.5 * 2 / 0.5 and 0.5 * 4 / 0.5 where they were kept.
    assert merged.tolist() == (BASE + 2 * kept[0] + 4 * kept[1]).tolist()


def test_dare_ties_averages_what_was_kept_and_agrees() -> None:
    kept = [torch.rand(4, generator=generator) < 0.5 for generator in seeded(1, 2)]
    merged = dare_ties(BASE, [BASE + 2, BASE + 4], [0.5, 0.5], 1.0, 0.5, seeded(1, 2))
    by_kept = {(False, False): 0.0, (True, False): 4.0, (False, True): 8.0, (True, True): 6.0}
    expected = [by_kept[a, b] for a, b in zip(*(mask.tolist() for mask in kept), strict=True)]
    assert (merged - BASE).tolist() == expected


def test_everything_kept_dare_is_task_arithmetic() -> None:
    policies = [tensor(3, 1, -1, 1), tensor(1, 5, -1, 1)]
    merged = dare_linear(BASE, policies, [0.5, 0.5], 1.0, 1.0, seeded(0, 1))
    assert merged.tolist() == task_arithmetic(BASE, policies, [0.5, 0.5], 1.0).tolist()


def test_no_method_changes_what_it_is_given() -> None:
    base, a, b = tensor(1, 2, 3, 4), tensor(2, 2, 2, 2), tensor(0, 5, 1, 7)
    before = [one.clone() for one in (base, a, b)]
    linear([a, b], [0.5, 0.5])
    slerp(a, b, 0.3)
    task_arithmetic(base, [a, b], [0.5, 0.5], 1.0)
    ties(base, [a, b], [0.5, 0.5], 1.0, 0.5)
    dare_linear(base, [a, b], [0.5, 0.5], 1.0, 0.5, seeded(0, 1))
    dare_ties(base, [a, b], [0.5, 0.5], 1.0, 0.5, seeded(0, 1))
    assert all(torch.equal(one, was) for one, was in zip((base, a, b), before, strict=True))
