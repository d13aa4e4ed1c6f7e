import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsys.algorithms.packing import pack_row, padded_tokens, plan_microbatches

lengths_lists = st.lists(st.integers(1, 60), max_size=40)


@settings(deadline=None, max_examples=150)
@given(lengths_lists, st.integers(1, 100), st.integers(1, 4), st.booleans())
def test_every_plan_keeps_its_promises(lengths, max_tokens, ranks, packed):
    plan = plan_microbatches(lengths, max_tokens, ranks, packed=packed)
    assert sorted(i for rank in plan for m in rank for i in m) == list(range(len(lengths)))
    assert len(plan) == ranks
    assert len({len(rank) for rank in plan}) == 1
    for microbatch in (m for rank in plan for m in rank):
        tokens = sum(lengths[i] for i in microbatch)
        cost = tokens if packed else padded_tokens(microbatch, lengths)
        assert cost <= max_tokens or len(microbatch) == 1
    empty = sum(not m for rank in plan for m in rank)
    assert empty < ranks or not lengths
    if empty and lengths:
        assert all(len(m) <= 1 for rank in plan for m in rank)


def test_sequences_of_like_length_go_together():
    (plan,) = plan_microbatches([10, 2, 9, 1, 2, 10], 30, 1)
    assert [sorted(m) for m in plan] == [[0, 2, 5], [1, 3, 4]]


def test_packing_fills_what_padding_would_waste():
    lengths = [10, 2, 9, 1, 2, 8]
    (packed,) = plan_microbatches(lengths, 12, 1, packed=True)
    (padded,) = plan_microbatches(lengths, 12, 1)
    assert sorted(sum(lengths[i] for i in m) for m in packed) == [10, 11, 11]
    assert len(padded) == 4


def test_the_longest_are_dealt_so_that_ranks_have_the_same_load():
    plan = plan_microbatches([8, 7, 2, 1], 8, 2)
    assert [sum(padded_tokens(m, [8, 7, 2, 1]) for m in rank) for rank in plan] == [9, 9]


def test_microbatches_that_run_at_the_same_time_cost_about_the_same():
    # Costs 90, 80 (single answers), then 50, 48 (five of 10, eight of 6).
    lengths = [90, 80, *[10] * 5, *[6] * 8]
    plan = plan_microbatches(lengths, 90, 2)
    costs = [[padded_tokens(m, lengths) for m in rank] for rank in plan]
    assert costs == [[90, 48], [80, 50]]


def test_a_sequence_longer_than_the_limit_has_a_microbatch_of_its_own():
    (plan,) = plan_microbatches([500, 3, 3], 10, 1)
    assert [sorted(m) for m in plan] == [[0], [1, 2]]


def test_too_few_sequences_for_the_ranks_leave_empty_microbatches():
    assert plan_microbatches([4], 10, 2) == [[[0]], [[]]]
    assert plan_microbatches([], 10, 2) == [[[]], [[]]]


def test_padding_of_a_mixed_batch_is_small():
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.exponential(200, 256), 8, 1000).astype(int).tolist()
    plan = plan_microbatches(lengths, 8192, 2)
    padded = sum(padded_tokens(m, lengths) for rank in plan for m in rank)
    assert padded < 1.25 * sum(lengths)
    totals = [sum(padded_tokens(m, lengths) for m in rank) for rank in plan]
    assert max(totals) < 1.1 * min(totals)


@pytest.mark.parametrize(("max_tokens", "ranks"), [(0, 1), (1, 0)])
def test_impossible_plans_are_refused(max_tokens, ranks):
    with pytest.raises(ValueError, match="must be positive"):
        plan_microbatches([1], max_tokens, ranks)


PROMPTS = [np.array([5, 6]), np.array([7]), np.array([8, 9, 10])]
ANSWERS = [np.array([11, 12, 13]), np.array([14]), np.array([15, 16])]


def test_a_packed_row_by_hand():
    row = pack_row([2, 0], PROMPTS, ANSWERS)
    assert row.input_ids.tolist() == [[8, 9, 10, 15, 16, 5, 6, 11, 12, 13]]
    assert row.position_ids.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4]]
    assert row.read_at.tolist() == [2, 3, 6, 7, 8]
    assert row.targets.tolist() == [15, 16, 11, 12, 13]
    assert row.mask.tolist() == [[True, True, False], [True, True, True]]
    assert row.sequences == (2, 0)
    sees = row.attention_mask[0, 0]
    assert sees[4].tolist() == [True] * 5 + [False] * 5
    assert sees[6].tolist() == [False] * 5 + [True] * 2 + [False] * 3


@pytest.fixture(scope="module")
def tiny_qwen2():
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        attn_implementation="sdpa",
    )
    model = Qwen2ForCausalLM(config).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def answer_logprobs(model, row, attention_mask):
    logits = model(
        input_ids=row.input_ids,
        position_ids=row.position_ids,
        attention_mask=attention_mask,
        use_cache=False,
    ).logits[0]
    return logits.log_softmax(-1)[row.read_at, row.targets]


@pytest.mark.parametrize("explicit_mask", [True, False])
def test_packed_equals_unpacked(tiny_qwen2, explicit_mask):
    """With the row's mask, and with position ids alone, from which transformers finds the
    boundaries (what varlen attention kernels use)."""
    rng = np.random.default_rng(0)
    prompts = [rng.integers(0, 64, n) for n in (3, 1, 6, 2)]
    answers = [rng.integers(0, 64, n) for n in (7, 12, 1, 5)]

    def loss_and_gradients(rows):
        tiny_qwen2.zero_grad()
        per_row = [
            answer_logprobs(tiny_qwen2, row, row.attention_mask if explicit_mask else None)
            for row in rows
        ]
        logprobs = torch.cat(per_row)
        (logprobs * torch.linspace(-1, 1, 25).double()).sum().backward()
        return logprobs.detach(), [p.grad.clone() for p in tiny_qwen2.parameters()]

    packed, packed_gradients = loss_and_gradients([pack_row([0, 1, 2, 3], prompts, answers)])
    alone, gradients = loss_and_gradients([pack_row([i], prompts, answers) for i in range(4)])
    torch.testing.assert_close(packed, alone)
    for one, other in zip(packed_gradients, gradients, strict=True):
        torch.testing.assert_close(one, other)
