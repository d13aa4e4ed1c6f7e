import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from rlsys.algorithms.logprobs import chunked_logprobs


def full(head, hidden, targets, temperature):
    logprobs = (head(hidden).float() / temperature).log_softmax(-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return logprobs.gather(1, targets[:, None]).squeeze(1), entropy


def assert_equal_to_rounding(got, expected):
    scale = expected.abs().max().item()
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6 * scale)


def case(tokens, seed=0, vocabulary=101, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(16, vocabulary).to(dtype)
    with torch.no_grad():
        head.weight.copy_(torch.randn(vocabulary, 16, generator=generator))
        head.bias.copy_(torch.randn(vocabulary, generator=generator))
    hidden = torch.randn(tokens, 16, generator=generator).to(dtype).requires_grad_()
    return head, hidden, torch.randint(vocabulary, (tokens,), generator=generator)


def test_logprob_and_entropy_of_known_logits():
    logits = torch.tensor([[math.log(1), math.log(2), math.log(5)]])
    logprobs, entropy = chunked_logprobs(nn.Identity(), logits, torch.tensor([1]), 1.0, 4)
    assert logprobs.item() == pytest.approx(math.log(0.25))
    expected = -(0.125 * math.log(0.125) + 0.25 * math.log(0.25) + 0.625 * math.log(0.625))
    assert entropy.item() == pytest.approx(expected)


def test_temperature_divides_the_logits():
    # Halved logits of 1, 4, 16 are those of 1, 2, 4.
    logits = torch.tensor([[math.log(1), math.log(4), math.log(16)]])
    logprobs, _ = chunked_logprobs(nn.Identity(), logits, torch.tensor([2]), 2.0, 4)
    assert logprobs.item() == pytest.approx(math.log(4 / 7))


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_chunked_equals_full_forward_and_gradient(chunk, temperature):
    head, hidden, targets = case(64)
    weights = torch.linspace(-1, 1, 64)
    expected, expected_entropy = full(head, hidden, targets, temperature)
    expected_grads = torch.autograd.grad((weights * expected).sum(), [hidden, *head.parameters()])
    got, entropy = chunked_logprobs(head, hidden, targets, temperature, chunk)
    grads = torch.autograd.grad((weights * got).sum(), [hidden, *head.parameters()])
    assert_equal_to_rounding(got, expected)
    assert_equal_to_rounding(entropy, expected_entropy)
    for one, other in zip(grads, expected_grads, strict=True):
        assert_equal_to_rounding(one, other)


def test_entropy_has_a_gradient_only_when_asked_for():
    head, hidden, targets = case(10)
    _, entropy = chunked_logprobs(head, hidden, targets, 1.0, 4)
    assert not entropy.requires_grad
    _, entropy = chunked_logprobs(head, hidden, targets, 1.0, 4, entropy_gradient=True)
    got = torch.autograd.grad(entropy.sum(), hidden)[0]
    expected = torch.autograd.grad(full(head, hidden, targets, 1.0)[1].sum(), hidden)[0]
    assert_equal_to_rounding(got, expected)


def test_gradients_agree_with_finite_differences():
    head, hidden, targets = case(5, vocabulary=7, dtype=torch.float64)

    def both(states):
        return chunked_logprobs(head, states, targets, 0.7, 2, entropy_gradient=True)

    assert gradcheck(both, (hidden,))


def test_bfloat16_logits_are_normalized_in_float32():
    head, hidden, targets = case(8)
    head, hidden = head.bfloat16(), hidden.detach().bfloat16()
    got, _ = chunked_logprobs(head, hidden, targets, 1.0, 3)
    assert got.dtype is torch.float32
    torch.testing.assert_close(got, full(head, hidden, targets, 1.0)[0])


class CountingHead(nn.Linear):
    def __init__(self):
        super().__init__(16, 101)
        self.rows = []

    def forward(self, states):
        self.rows.append(states.shape[0])
        return super().forward(states)


def test_the_head_never_sees_more_than_a_chunk_forward_or_backward():
    _, hidden, targets = case(50)
    head = CountingHead()
    chunked_logprobs(head, hidden, targets, 1.0, 8)[0].sum().backward()
    assert max(head.rows) <= 8
    assert len(head.rows) == 14
    assert sum(head.rows) == 100


def test_a_single_chunk_is_not_computed_twice():
    _, hidden, targets = case(50)
    head = CountingHead()
    chunked_logprobs(head, hidden, targets, 1.0, 50)[0].sum().backward()
    assert head.rows == [50]


def test_without_gradient_nothing_is_computed_twice():
    _, hidden, targets = case(50)
    head = CountingHead()
    with torch.no_grad():
        chunked_logprobs(head, hidden, targets, 1.0, 8)
    assert sum(head.rows) == 50


@pytest.mark.parametrize(("tokens", "chunks"), [(10, 3), (2, 5), (0, 4)])
def test_ranks_with_unequal_tokens_can_make_equal_numbers_of_calls(tokens, chunks):
    _, hidden, targets = case(tokens)
    head = CountingHead()
    got, entropy = chunked_logprobs(head, hidden, targets, 1.0, 8, num_chunks=chunks)
    assert len(head.rows) == chunks
    got.sum().backward()
    assert len(head.rows) == 2 * chunks
    torch.testing.assert_close(got, full(head, hidden, targets, 1.0)[0])
    assert entropy.shape == (tokens,)


@pytest.mark.parametrize(("temperature", "chunk"), [(0.0, 8), (1.0, 0)])
def test_impossible_arguments_are_refused(temperature, chunk):
    head, hidden, targets = case(2)
    with pytest.raises(ValueError, match="must be positive"):
        chunked_logprobs(head, hidden, targets, temperature, chunk)
