import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rlsys.errors import ConfigError
from rlsys.learning import attention
from rlsys.learning.attention import packed_attention, plan_attention
from rlsys.learning.segments import Segment
from tests.helpers.attention_plans import who_sees_whom


def test_segments_of_like_length_share_a_bucket_and_others_do_not() -> None:
    plan = plan_attention([Segment(0, 8), Segment(8, 2), Segment(10, 7)])
    assert [bucket.queries.tolist() for bucket in plan.buckets] == [
        [[0, 1, 2, 3, 4, 5, 6, 7], [10, 11, 12, 13, 14, 15, 16, 0]],
        [[8, 9]],
    ]
    assert plan.place.tolist() == [*range(8), 16, 17, *range(8, 15)]
    assert all(bucket.mask is None for bucket in plan.buckets)


def test_a_context_is_right_aligned_against_the_segment() -> None:
    plan = plan_attention([Segment(0, 4), Segment(4, 3), Segment(7, 2, 0, 4), Segment(9, 2, 4, 3)])
    bucket = plan.buckets[-1]
    assert bucket.keys.tolist() == [[0, 1, 2, 3, 7, 8], [0, 4, 5, 6, 9, 10]]
    assert bucket.mask is not None
    assert bucket.mask[1, 0].int().tolist() == [[0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 1]]


@st.composite
def blocks(draw: st.DrawFn) -> list[tuple[int, list[int]]]:
    """Prompt sizes, with the sizes of the answers behind them."""
    sizes = st.integers(1, 9)
    completions = st.lists(st.integers(0, 9), max_size=4)
    return draw(st.lists(st.tuples(sizes, completions), min_size=1, max_size=4))


@given(blocks())
def test_every_token_sees_its_context_and_its_own_segment_up_to_itself(
    shapes: list[tuple[int, list[int]]],
) -> None:
    segments, seen = [], []
    start = 0
    for prompt, completions in shapes:
        segments.append(Segment(start, prompt))
        first = start
        seen += [set(range(first, first + i + 1)) for i in range(prompt)]
        start += prompt
        for size in completions:
            segments.append(Segment(start, size, first, prompt))
            own = [set(range(start, start + i + 1)) for i in range(size)]
            seen += [set(range(first, first + prompt)) | tokens for tokens in own]
            start += size
    table = who_sees_whom(plan_attention(segments))
    assert [set(row.nonzero().flatten().tolist()) for row in table] == seen


@pytest.mark.parametrize("small_keys", [0, 256], ids=["fused_kernel", "products"])
def test_attention_of_two_segments_is_softmax_attention_of_each(
    small_keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "_SMALL_KEYS", small_keys)
    torch.manual_seed(0)
    query = torch.randn(1, 4, 7, 8, dtype=torch.float64)
    key, value = torch.randn(2, 1, 2, 7, 8, dtype=torch.float64)
    plan = plan_attention([Segment(0, 3), Segment(3, 4)])
    found, _ = packed_attention(
        nn.Identity(), query, key, value, None, scaling=0.5, attention_plan=plan
    )
    for head in range(4):
        for start, end in ((0, 3), (3, 7)):
            q, k, v = query[0, head, start:end], key[0, head // 2], value[0, head // 2]
            scores = 0.5 * q @ k[start:end].T
            hidden = torch.ones(end - start, end - start).triu(1).bool()
            weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
            torch.testing.assert_close(found[0, start:end, head], weights @ v[start:end])


@pytest.mark.parametrize("with_context", [False, True])
def test_values_narrower_than_keys_are_attended_to_by_the_fused_kernel_that_keeps_no_scores(
    with_context: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As latent attention has them: torch would compute them by plain products, and keep scores of
    each pair of tokens for the backward pass."""
    torch.manual_seed(0)
    size = 256
    shapes = ((4, 24), (4, 24), (4, 16))
    inputs = [torch.randn(1, h, size, d, requires_grad=True) for h, d in shapes]
    segments = [Segment(0, 128), Segment(128, 128, 0, 128 if with_context else 0)]
    found, kept = {}, dict[int, int]()

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[small_keys] = max(kept.get(small_keys, 0), tensor.numel())
        return tensor

    for small_keys in (0, size):
        monkeypatch.setattr(attention, "_SMALL_KEYS", small_keys)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            out, _ = packed_attention(
                nn.Identity(), *inputs, None, attention_plan=plan_attention(segments)
            )
        assert out.shape == (1, size, 4, 16)
        found[small_keys] = [out, *torch.autograd.grad(out.square().sum(), inputs)]
    for fused, plain in zip(found[0], found[size], strict=True):
        torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-4)
    assert kept[0] < 4 * 128 * 128 <= kept[size]


@pytest.mark.parametrize("small_keys", [0, 256], ids=["fused_kernel", "products"])
def test_the_gradient_is_the_differences(small_keys: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_SMALL_KEYS", small_keys)
    torch.manual_seed(0)
    plan = plan_attention([Segment(0, 2), Segment(2, 3, 0, 2), Segment(5, 2, 0, 2)])
    inputs = [torch.randn(1, h, 7, 2, dtype=torch.float64, requires_grad=True) for h in (2, 1, 1)]

    def run(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        return packed_attention(nn.Identity(), query, key, value, None, attention_plan=plan)[0]

    assert torch.autograd.gradcheck(run, inputs)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"sliding_window": 2}, "nearest valid: model.max_context=2"),
        ({"softcap": 30.0}, "soft cap"),
        ({"s_aux": torch.zeros(1)}, "sinks"),
    ],
)
def test_attention_of_another_kind_is_refused(feature: dict[str, object], message: str) -> None:
    x = torch.zeros(1, 1, 3, 2)
    plan = plan_attention([Segment(0, 3)])
    with pytest.raises(ConfigError, match=message):
        packed_attention(nn.Identity(), x, x, x, None, attention_plan=plan, **feature)  # type: ignore[arg-type]
