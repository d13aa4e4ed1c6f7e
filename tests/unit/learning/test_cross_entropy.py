"""Supervised training: the learner against a plain torch loop, and however its batch is split."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from rlsys import schema
from rlsys.config.run import LearnerConfig
from rlsys.learning.objectives.base import check_columns
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from tests.helpers.learners import (
    LEARNING_RATE,
    Fitted,
    fitted,
    fitted_on_ranks,
    learner_of,
    on_ranks,
    one_rank,
    same,
    saved,
    weights,
)

VOCABULARY, ROWS, STEPS = 41, 7, 3


@pytest.fixture(scope="module")
def folder(model: PreTrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    yield saved(model, tmp_path_factory.mktemp("policy"))
    torch.set_num_threads(threads)


def demonstrations(loss_weights: list[Any] | None = None) -> pa.RecordBatch:
    """Rows of 3 to 20 tokens; the same for every call."""
    rng = np.random.default_rng(5)
    columns = {
        "prompt_token_ids": [rng.integers(0, VOCABULARY, n) for n in rng.integers(1, 9, ROWS)],
        "token_ids": [rng.integers(0, VOCABULARY, n) for n in rng.integers(2, 12, ROWS)],
        "loss_weights": loss_weights or [None] * ROWS,
    }
    return schema.build(schema.DEMONSTRATIONS, columns)


def turns() -> list[np.ndarray]:
    """Loss weights under which every other pair of tokens is somebody else's."""
    lengths = [len(ids) for ids in demonstrations().column("token_ids")]
    return [(np.arange(length) // 2 % 2 == 0).astype(np.float32) for length in lengths]


def plain_loop(folder: Path, batch: pa.RecordBatch) -> Fitted:
    """Row by row, through transformers' own forward pass and attention."""
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    settings = LearnerConfig().optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=LEARNING_RATE,
        betas=(settings.beta1, settings.beta2),
        weight_decay=settings.weight_decay,
    )
    rows = batch.to_pylist()
    own = [row["loss_weights"] or [1.0] * len(row["token_ids"]) for row in rows]
    total = sum(sum(weights) for weights in own)
    losses = []
    for _ in range(STEPS):
        summed = 0.0
        for row, row_weights in zip(rows, own, strict=True):
            ids = torch.tensor([row["prompt_token_ids"] + row["token_ids"]])
            logits = model(input_ids=ids).logits[0, len(row["prompt_token_ids"]) - 1 : -1]
            targets = torch.tensor(row["token_ids"])
            nll = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
            loss = (nll * torch.tensor(row_weights)).sum() / total
            loss.backward()
            summed += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(summed)
    return losses, {name: p.detach() for name, p in model.named_parameters()}


def assert_equal(found: Fitted, expected: Fitted) -> None:
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found[1].keys() == expected[1].keys()
    for name, weight in expected[1].items():
        # Adam divides by the gradient's size, so rounding shows where gradients nearly vanish.
        torch.testing.assert_close(found[1][name], weight, atol=2e-4, rtol=0, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("loss_weights", [None, turns()], ids=["all_tokens", "masked_turns"])
def test_the_learner_is_a_plain_torch_loop(folder: Path, loss_weights: Any) -> None:
    batch = demonstrations(loss_weights)
    expected = plain_loop(folder, batch)
    assert expected[0][-1] < expected[0][0]
    assert_equal(fitted(folder, one_rank(LearnerConfig()), batch, STEPS), expected)


@pytest.mark.slow
def test_loss_and_weights_do_not_depend_on_packing_and_microbatches(folder: Path) -> None:
    batch = demonstrations(turns())
    whole = fitted(folder, one_rank(LearnerConfig()), batch, STEPS)
    for microbatch_tokens in (1, 24):
        config = LearnerConfig(microbatch_tokens=microbatch_tokens, logprob_chunk=5)
        assert_equal(fitted(folder, one_rank(config), batch, STEPS), whole)


@pytest.mark.slow
def test_a_measured_loss_is_that_of_the_next_step_and_changes_nothing(folder: Path) -> None:
    batch = demonstrations(turns())
    learner = learner_of(folder, CrossEntropy(), one_rank(LearnerConfig(microbatch_tokens=24)))
    before = weights(learner.policy)
    measured = learner.measure(batch, 0)
    assert same(before, weights(learner.policy))
    step = learner.step(batch, 0)
    assert (measured["loss"], measured["entropy"]) == pytest.approx((step["loss"], step["entropy"]))
    assert learner.measure(batch, 1)["loss"] < measured["loss"]


@pytest.mark.slow
@pytest.mark.long
def test_loss_and_weights_do_not_depend_on_ranks_and_sharding(folder: Path, tmp_path: Path) -> None:
    """Rows of unequal weight, so that a mean of the ranks' means is another number."""
    batch = demonstrations(turns())
    whole = fitted(folder, one_rank(LearnerConfig()), batch, STEPS)
    configs = [
        LearnerConfig(zero_stage=stage, microbatch_tokens=30, logprob_chunk=7)
        for stage in (0, 1, 2, 3)
    ]
    found = on_ranks(2, tmp_path, fitted_on_ranks, str(folder), batch, STEPS, configs)
    assert len(found) == len(configs)
    for one in found:
        assert_equal(one, whole)


@pytest.mark.slow
def test_what_is_masked_out_of_every_row_is_not_an_update(folder: Path) -> None:
    learner = learner_of(folder, CrossEntropy(), one_rank(LearnerConfig()))
    before = weights(learner.policy)
    nothing = [np.zeros(len(own), dtype=np.float32) for own in turns()]
    metrics = learner.step(demonstrations(nothing), 0)
    assert (metrics["skipped_updates"], metrics["loss"], learner.updates) == (1, 0, 0)
    assert same(before, weights(learner.policy))


@pytest.mark.slow
def test_the_report_has_the_means_over_the_tokens_in_the_loss(folder: Path) -> None:
    learner = learner_of(folder, CrossEntropy(), one_rank(LearnerConfig()))
    metrics = learner.step(demonstrations(turns()), 0)
    assert metrics["trained_tokens"] == sum(own.sum() for own in turns())
    assert metrics["trained_sequences"] == ROWS
    assert 0 < metrics["entropy"] < np.log(VOCABULARY)
    assert metrics["learning_rate"] == LEARNING_RATE
    assert metrics["loss"] > metrics["entropy"]  # random tokens, which the policy does not expect


def test_the_weights_of_a_minibatch_are_counted_over_it_alone() -> None:
    sequences = CrossEntropy().prepare(demonstrations(turns()), 0, lambda _: [])
    own = [weights_.sum() for weights_ in turns()]
    found = CrossEntropy().weights(sequences, [1, 4])
    assert found == pytest.approx([1 / (own[1] + own[4])] * 2)


def test_demonstrations_need_no_more_than_prompts_and_completions() -> None:
    check_columns(CrossEntropy(), ["prompt_token_ids", "token_ids"])
