"""Truncated sampling with a vocabulary of five, where every number can be worked out by hand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from rlsys import schema
from rlsys.algorithms.logprobs import chunked_logprobs
from rlsys.config.run import SamplingConfig
from rlsys.data.kept_tokens import (
    MOST_LISTED,
    KeptTokens,
    kept_column,
    num_kept,
    padded,
    sampled_from,
)
from rlsys.errors import SchemaError
from rlsys.learning.layout import lay_out

SAMPLER = torch.tensor([0.5, 0.25, 0.15, 0.06, 0.04], dtype=torch.float64)
LEARNER = torch.tensor([0.4, 0.2, 0.1, 0.1, 0.2], dtype=torch.float64)
REFERENCE = torch.tensor([0.2, 0.2, 0.2, 0.2, 0.2], dtype=torch.float64)
KEPT = torch.tensor([0, 1, 2])
"""What top_k=3, top_p=0.8 and min_p=0.3 each keep of SAMPLER: 0.9 of it, and 0.7 of LEARNER."""


def of_each_kept(policy: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    """Logprobs of the kept tokens, as the learner computes them."""
    logits = policy.log().expand(len(KEPT), -1)
    among = None if kept is None else kept.expand(len(KEPT), -1)
    return chunked_logprobs(nn.Identity(), logits, KEPT, 1.0, 2, kept=among)[0]


def as_sampled() -> torch.Tensor:
    return SAMPLER[KEPT] / SAMPLER[KEPT].sum()


def test_the_ratio_is_that_of_the_policies_as_sampled_and_its_mean_is_one() -> None:
    ratio = (of_each_kept(LEARNER, KEPT) - as_sampled().log()).exp()
    # 0.4/0.7 over 0.5/0.9, 0.2/0.7 over 0.25/0.9, 0.1/0.7 over 0.15/0.9.
    assert ratio.tolist() == pytest.approx([1.028571, 1.028571, 0.857143], abs=1e-6)
    assert (as_sampled() * ratio).sum().item() == pytest.approx(1.0)


def test_a_policy_that_has_not_moved_has_ratio_one() -> None:
    ratio = (of_each_kept(SAMPLER, KEPT) - as_sampled().log()).exp()
    assert ratio.tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_over_the_whole_vocabulary_the_ratio_would_be_off_by_the_mass_left_out() -> None:
    ratio = (of_each_kept(SAMPLER, None) - as_sampled().log()).exp()
    assert ratio.tolist() == pytest.approx([0.9, 0.9, 0.9])


@pytest.mark.parametrize("kept", [KEPT, None], ids=["kept", "everything"])
def test_k3_to_the_reference_is_the_kl_of_the_policies_as_sampled_only_over_what_was_kept(
    kept: torch.Tensor | None,
) -> None:
    policy, reference = of_each_kept(LEARNER, KEPT), of_each_kept(REFERENCE, kept)
    k3 = (reference - policy).exp() - 1 - (reference - policy)
    estimated = (policy.exp() * k3).sum().item()
    uniform = torch.full((3,), 1 / 3, dtype=torch.float64)
    true = (policy.exp() * (policy - uniform.log())).sum().item()
    if kept is not None:
        assert estimated == pytest.approx(true)
    else:
        assert estimated - true > 0.1


def test_what_was_not_kept_has_no_gradient_and_the_kept_ones_gradients_sum_to_zero() -> None:
    logits = LEARNER.log()[None].requires_grad_()
    logprob, _ = chunked_logprobs(nn.Identity(), logits, KEPT[:1], 1.0, 2, kept=KEPT[None])
    logprob.sum().backward()
    assert logits.grad is not None
    # 1 - p for the sampled token, -p for the others kept.
    assert logits.grad[0].tolist() == pytest.approx([3 / 7, -2 / 7, -1 / 7, 0.0, 0.0])


def test_the_entropy_is_that_of_the_policy_as_sampled_and_finite_beside_shorter_lists() -> None:
    among = torch.tensor([[0, 1, -1], [2, -1, -1]])
    logits = LEARNER.log().expand(2, -1).clone().requires_grad_()
    logprobs, entropy = chunked_logprobs(
        nn.Identity(), logits, torch.tensor([1, 2]), 1.0, 8, kept=among, entropy_gradient=True
    )
    assert logprobs.tolist() == pytest.approx([np.log(1 / 3), 0.0])
    expected = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    assert entropy.tolist() == pytest.approx([expected, 0.0])
    entropy.sum().backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_the_temperature_comes_before_the_cut() -> None:
    logits = LEARNER.log()[None]
    logprob, _ = chunked_logprobs(nn.Identity(), logits, KEPT[:1], 0.5, 2, kept=KEPT[None])
    assert logprob.item() == pytest.approx(np.log(0.16 / (0.16 + 0.04 + 0.01)))


@dataclass
class Listed:
    """As vLLM lists them: the sampled token first, then the likeliest ones."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    start_indices: list[int] = field(default_factory=list)
    end_indices: list[int] = field(default_factory=list)

    def add(self, *listed: tuple[int, float]) -> "Listed":
        self.start_indices.append(len(self.token_ids))
        for token, logprob in listed:
            self.token_ids.append(token)
            self.logprobs.append(logprob)
        self.end_indices.append(len(self.token_ids))
        return self


NOTHING = float("-inf")


def test_a_token_of_probability_zero_was_not_kept_and_the_sampled_one_counts_once() -> None:
    listed = Listed().add((7, -1.0), (3, -0.4), (7, -1.0), (9, NOTHING))
    listed.add((5, 0.0), (5, 0.0), (1, NOTHING), (2, NOTHING))
    logprobs, kept = sampled_from(listed)  # type: ignore[arg-type]
    assert logprobs.tolist() == [-1.0, 0.0]
    assert kept is not None
    assert [ids.tolist() for ids in kept] == [[3, 7], [5]]


def test_a_sampled_token_below_the_listed_ones_is_kept_all_the_same() -> None:
    _, kept = sampled_from(Listed().add((7, -2.0), (3, -1.0), (4, -1.0)))  # type: ignore[arg-type]
    assert kept is not None
    assert kept[0].tolist() == [3, 4, 7]


def test_without_lists_there_are_logprobs_alone() -> None:
    logprobs, kept = sampled_from(Listed().add((7, -1.0)).add((3, -2.0)))  # type: ignore[arg-type]
    assert logprobs.tolist() == [-1.0, -2.0]
    assert kept is None


@pytest.mark.parametrize(
    ("sampling", "asked"),
    [
        (SamplingConfig(), 0),
        (SamplingConfig(top_p=0.9), 0),
        (SamplingConfig(top_k=20), 36),
        (SamplingConfig(top_k=512), MOST_LISTED),
        (SamplingConfig(top_k=20, temperature=0.0), 0),
        (SamplingConfig(top_k=1000), 0),
    ],
)
def test_a_sampler_is_asked_for_what_may_be_kept(sampling: SamplingConfig, asked: int) -> None:
    assert num_kept(sampling, 150_000) == asked


def test_a_small_vocabulary_is_listed_whole() -> None:
    assert num_kept(SamplingConfig(top_k=200), 96) == 96


def training(kept: list[Any]) -> pa.RecordBatch:
    """Answers of three, one and no tokens."""
    columns: dict[str, list[Any]] = {
        name: [None] * 3 for name in schema.training().names if name != "kept_token_ids"
    }
    return schema.build(schema.training(), columns | {"kept_token_ids": kept})


LISTS = [[[0, 1], [2], [3, 4, 5]], [[6]], []]


def test_kept_tokens_of_a_batch_go_row_by_row_also_through_a_slice_and_a_filter() -> None:
    batch = training(LISTS)
    for part in (batch.slice(1), batch.filter(pa.array([False, True, True]))):
        kept = kept_column(part)
        assert kept is not None
        assert [k.token_ids.tolist() for k in kept] == [[6], []]
        assert [k.counts.tolist() for k in kept] == [[1], []]
    whole = kept_column(batch)
    assert whole is not None
    assert whole[0].token_ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert whole[0].counts.tolist() == [2, 1, 3]


def test_a_batch_of_two_kinds_is_refused() -> None:
    with pytest.raises(SchemaError, match="1 of 3 rows have no kept_token_ids"):
        kept_column(training([None, [[4]], []]))


def test_a_batch_without_truncation_has_none() -> None:
    assert kept_column(training([None] * 3)) is None


def test_a_layout_has_the_kept_tokens_in_the_order_of_its_sequences() -> None:
    kept = kept_column(training(LISTS))
    prompts = [np.array([7, 8]), np.array([7, 8]), np.array([9])]
    answers = [np.array([1, 2, 3]), np.array([4]), np.array([], dtype=np.int64)]
    layout = lay_out([[1], [0], [2]], prompts, answers, kept)
    assert layout.kept is not None
    assert layout.kept.tolist() == [[6, -1, -1], [0, 1, -1], [2, -1, -1], [3, 4, 5]]
    assert layout.to(torch.device("meta")).kept is not None
    assert lay_out([[0]], prompts, answers).kept is None


def test_answers_without_tokens_have_no_rows() -> None:
    nothing = KeptTokens(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))
    assert padded([nothing]).shape == (0, 1)
