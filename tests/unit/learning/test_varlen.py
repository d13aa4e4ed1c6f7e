"""One call for a packed row, with a stand-in for the GPU's kernel that has its signature."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from rlsys.learning import attention, varlen
from rlsys.learning.attention import packed_attention, plan_attention
from rlsys.learning.segments import Segment
from rlsys.learning.varlen import plan_varlen

CPU = torch.device("cpu")


def kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    query_starts: Tensor,
    key_starts: Tensor,
    most_queries: int,
    most_keys: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool,
    aligned_at_ends: bool = True,
) -> Tensor:
    """As flash attention computes it, with masks aligned at their ends."""
    assert window_size == (-1, 0)
    assert query_starts.dtype == key_starts.dtype == torch.int32
    assert enable_gqa == (query.shape[1] != key.shape[1])
    parts, sizes = [], []
    bounds = zip(query_starts.tolist(), key_starts.tolist(), strict=True)
    starts, ends = list(bounds)[:-1], list(zip(query_starts, key_starts, strict=True))[1:]
    for (first, first_key), (end, end_key) in zip(starts, ends, strict=True):
        q, k, v = query[first:end], key[first_key:end_key], value[first_key:end_key]
        k, v = (x.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for x in (k, v))
        scores = scale * torch.einsum("qhd,khd->hqk", q, k)
        later = torch.ones(len(q), len(k), dtype=torch.bool)
        later = later.triu(1 + (len(k) - len(q) if aligned_at_ends else 0))
        weights = scores.masked_fill(later, float("-inf")).softmax(-1)
        parts.append(torch.einsum("hqk,khd->qhd", weights, v))
        sizes.append((len(q), len(k)))
    assert (most_queries, most_keys) == tuple(map(max, zip(*sizes, strict=True)))
    return torch.cat(parts)


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The kernel is there for every tensor."""
    monkeypatch.setattr(varlen, "kernel", kernel)
    monkeypatch.setattr(varlen, "can_be_asked", lambda *rows: True)
    attention._agrees.cache_clear()
    yield monkeypatch
    attention._agrees.cache_clear()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warnings, which another test of the process may have switched off for the whole of it."""
    lines: list[str] = []
    monkeypatch.setattr(
        attention._LOG, "warning", lambda text, *values: lines.append(text % values)
    )
    return lines


def test_a_segment_with_a_context_has_its_keys_behind_those_of_the_context() -> None:
    # As lay_out has them: answers first, then the prompt that they share; one answer is empty.
    segments = [Segment(3, 2, 0, 3), Segment(5, 0, 0, 3), Segment(5, 1, 0, 3), Segment(0, 3)]
    plan = plan_varlen([*segments, Segment(6, 2)], CPU)
    assert plan.query_starts.tolist() == [0, 3, 5, 6, 8]
    assert plan.key_starts.tolist() == [0, 3, 8, 12, 14]
    assert plan.keys is not None
    assert plan.keys.tolist() == [0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 5, 6, 7]
    assert (plan.most_queries, plan.most_keys) == (3, 5)


def test_a_row_without_contexts_is_its_own_keys() -> None:
    plan = plan_varlen([Segment(4, 2), Segment(0, 4)], CPU)
    assert plan.keys is None
    assert plan.query_starts.tolist() == plan.key_starts.tolist() == [0, 4, 6]


@st.composite
def rows(draw: st.DrawFn) -> list[Segment]:
    """Prompts with the answers that share them, as lay_out puts them."""
    segments, start = [], 0
    for _ in range(draw(st.integers(1, 4))):
        size, first = draw(st.integers(1, 9)), start
        start += size
        for length in draw(st.lists(st.integers(0, 9), max_size=3)):
            segments.append(Segment(start, length, first, size))
            start += length
        segments.append(Segment(first, size))
    return segments


def results(segments: list[Segment], seed: int) -> list[Tensor]:
    """The output, and the gradients of queries, keys and values."""
    torch.manual_seed(seed)
    size = sum(segment.size for segment in segments)
    inputs = [
        torch.randn(1, heads, size, 8, dtype=torch.float64, requires_grad=True)
        for heads in (4, 2, 2)
    ]
    found, _ = packed_attention(
        nn.Identity(), *inputs, None, attention_plan=plan_attention(segments)
    )
    found.backward(torch.randn_like(found))
    return [found, *(x.grad for x in inputs)]  # type: ignore[list-item]


@given(rows(), st.integers(0, 99))
def test_one_call_for_a_row_is_what_buckets_are_gradients_included(
    segments: list[Segment], seed: int
) -> None:
    expected = results(segments, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(varlen, "kernel", kernel)
        patch.setattr(varlen, "can_be_asked", lambda *rows: True)
        patch.setattr(attention, "_by_buckets", None)
        patch.setattr(attention, "_agrees", lambda *kind: True)
        found = results(segments, seed)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


SHARED = [Segment(3, 2, 0, 3), Segment(5, 4, 0, 3), Segment(0, 3)]


def test_a_kernel_that_agrees_in_a_trial_is_used(on_gpu: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(query: Tensor, *others: Any, **settings: Any) -> Tensor:
        calls.append(len(query))
        return kernel(query, *others, **settings)

    on_gpu.setattr(varlen, "kernel", counted)
    for _ in range(3):
        results(SHARED, 0)
    # Once for the trial's row of 19 tokens, then for each of the others.
    assert calls == [19, 9, 9, 9]


def test_a_kernel_that_aligns_its_masks_at_their_beginnings_is_not_used(
    on_gpu: pytest.MonkeyPatch, said: list[str]
) -> None:
    def otherwise(*rows: Any, **settings: Any) -> Tensor:
        return kernel(*rows, **settings, aligned_at_ends=False)

    expected = results(SHARED, 0)
    attention._agrees.cache_clear()
    on_gpu.setattr(varlen, "kernel", otherwise)
    for a, b in zip(results(SHARED, 0), expected, strict=True):
        torch.testing.assert_close(a, b)
    assert "attention in buckets, from which the kernel for rows is" in said[0]


def test_a_kernel_that_refuses_is_not_used(on_gpu: pytest.MonkeyPatch, said: list[str]) -> None:
    def refusing(*rows: Any, **settings: Any) -> Tensor:
        raise RuntimeError("FlashAttention only supports head dimension at most 256")

    on_gpu.setattr(varlen, "kernel", refusing)
    assert results(SHARED, 0)[0].shape == (1, 9, 4, 8)
    assert "refuses: FlashAttention only supports head dimension at most 256" in said[0]


def test_torchs_kernel_is_called_by_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be seen of it without a GPU: it takes the arguments, and gives a result's shape."""
    plan = plan_varlen(SHARED, torch.device("meta"))
    q, k, v = (torch.empty(9, n, 8, device="meta", dtype=torch.bfloat16) for n in (4, 2, 2))
    assert varlen.attend(q, k, v, plan, 0.5).shape == (9, 4, 8)


def test_on_a_cpu_and_in_float32_nobody_asks_for_it() -> None:
    row = torch.empty(3, 2, 8, dtype=torch.bfloat16)
    assert not varlen.can_be_asked(row, row, row)
