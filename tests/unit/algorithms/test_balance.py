"""Load of experts, by hand and against transformers."""

import math

import pytest
import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

from rlsys.algorithms.balance import (
    balance_loss,
    load_of,
    max_load,
    moved_bias,
    num_starved,
    total_entropy,
)


def test_a_token_counts_for_each_of_its_experts_as_often_as_it_stands_for_a_sequence() -> None:
    experts = torch.tensor([[0, 1], [1, 2], [3, 1]])
    load = load_of(experts, torch.tensor([1.0, 3.0, 0.0]), 4)
    assert load.tolist() == [1.0, 4.0, 3.0, 0.0]


def test_the_loss_of_a_layer_is_transformers_own_over_the_tokens_that_count() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 5, generator=generator)
    counts = torch.tensor([1.0] * 7 + [0.0] * 3 + [1.0] * 2)
    probabilities = logits.softmax(-1)
    load = load_of(probabilities.topk(2).indices, counts, 5)
    expected = load_balancing_loss_func((logits,), 5, 2, counts[None])
    whole = balance_loss(probabilities, counts, load, 9.0)
    torch.testing.assert_close(whole, expected)
    halves = [
        balance_loss(p, c, load, 9.0)
        for p, c in zip(probabilities.split(5), counts.split(5), strict=True)
    ]
    torch.testing.assert_close(torch.stack(halves).sum(), expected)


def test_the_loss_pulls_probability_from_full_experts_to_empty_ones() -> None:
    logits = torch.zeros(2, 2, requires_grad=True)
    balance_loss(logits.softmax(-1), torch.ones(2), torch.tensor([2.0, 0.0]), 2.0).backward()
    # d/dz of 2 * (1 p_0 + 0 p_1), p = 1/2 each: 2 * p (1 - p) / 2 = 1/4.
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.25, -0.25]] * 2


def test_the_bias_moves_towards_even_load_by_its_speed() -> None:
    bias = torch.tensor([0.5, 0.0, -0.2, 0.0])
    moved = moved_bias(bias, torch.tensor([10.0, 2.0, 4.0, 0.0], dtype=torch.float64), 0.1)
    torch.testing.assert_close(moved, torch.tensor([0.4, 0.1, -0.2, 0.1]))


def test_even_load_has_no_fullest_and_no_starved_expert() -> None:
    assert max_load(torch.full((8,), 3.0)) == 1.0
    assert num_starved(torch.full((8,), 3.0)) == 0


def test_load_on_one_expert_alone_is_as_uneven_as_can_be() -> None:
    load = torch.tensor([0.0, 12.0, 0.0, 0.0])
    assert max_load(load) == 4.0
    assert num_starved(load) == 3


def test_a_router_that_is_sure_has_no_entropy_and_one_that_knows_nothing_has_all() -> None:
    probabilities = torch.tensor([[1.0, 0.0, 0.0], [1 / 3] * 3, [0.5, 0.5, 0.0]])
    assert float(total_entropy(probabilities[:1], torch.ones(1))) == 0.0
    assert float(total_entropy(probabilities[1:2], torch.ones(1))) == pytest.approx(1.0)
    both = total_entropy(probabilities, torch.tensor([1.0, 1.0, 2.0]))
    assert float(both) == pytest.approx(1 + 2 * math.log(2) / math.log(3))
