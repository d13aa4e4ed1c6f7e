"""Learning through latents, against a loop written out by hand."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from rlsys import schema
from rlsys.config.run import LearnerConfig
from rlsys.learning import attention
from rlsys.learning.layout import block_length, blocks_of, lay_out
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.policy import PolicyModel, checkpoint_layers
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import score_sequences
from rlsys.thinking.latents import latents_behind, latents_of
from tests.helpers.latents_by_hand import by_hand
from tests.helpers.learners import in_float32, learner_of, on_ranks, one_rank, saved

LATENTS = 3
Groups = tuple[list[np.ndarray], list[np.ndarray], list[int]]


@pytest.fixture
def exact() -> PreTrainedModel:
    """GPT-2 in float64: newer models have norms that compute in float32 whatever they are given."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=41,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=64,
        initializer_range=0.3,
        attn_implementation=attention.NAME,
    )
    return GPT2LMHeadModel(config).double().eval()


def gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize("share_prompts", [False, True])
@pytest.mark.parametrize(("chunk", "is_checkpointed"), [(4, False), (1000, False), (1000, True)])
def test_logprobs_and_gradients_through_the_latents_are_those_of_a_loop_by_hand(
    exact: PreTrainedModel, groups: Groups, share_prompts: bool, chunk: int, is_checkpointed: bool
) -> None:
    """Also where each pass's layers are computed again in the backward pass, behind the keys that
    earlier passes have left."""
    packed_model = deepcopy(exact)
    if is_checkpointed:
        checkpoint_layers(packed_model)
    prompts, completions, index = groups
    blocks = blocks_of(index, len(completions), share_prompts)
    layout = lay_out(blocks, prompts, completions, latents=LATENTS)
    slope = torch.linspace(-1, 1, 23, dtype=torch.float64)
    logprobs, _ = PolicyModel(packed_model, 1.0, chunk, latents=LATENTS)(layout)
    (logprobs * slope).sum().backward()
    packed = gradients(packed_model)
    expected = torch.cat(
        [by_hand(exact, prompts[i], completions[i], LATENTS) for i in layout.sequences]
    )
    (expected * slope).sum().backward()
    torch.testing.assert_close(logprobs, expected, atol=1e-12, rtol=0)
    for name, gradient in gradients(exact).items():
        scale = float(gradient.abs().max())
        assert scale > 0
        torch.testing.assert_close(packed[name], gradient, atol=1e-11 * scale, rtol=1e-10)


def test_the_gradient_through_the_latents_is_a_part_of_the_whole_one(
    exact: PreTrainedModel, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Detached latents give another gradient, so the comparison by hand would show them."""
    prompts, completions, _ = groups
    layout = lay_out([[0]], prompts, completions, latents=LATENTS)
    policy = PolicyModel(exact, 1.0, 1000, latents=LATENTS)
    policy(layout)[0].sum().backward()
    whole = gradients(exact)["transformer.h.0.mlp.c_fc.weight"]
    monkeypatch.setattr(
        "rlsys.learning.policy.latents_of", lambda *a, **k: latents_of(*a, **k).detach()
    )
    policy(layout)[0].sum().backward()
    cut = gradients(exact)["transformer.h.0.mlp.c_fc.weight"]
    assert float((whole - cut).norm() / whole.norm()) > 0.01


def test_equal_prompts_have_their_latents_computed_once(groups: Groups) -> None:
    prompts, completions, index = groups
    for share_prompts, blocks in ((True, 2), (False, 7)):
        chosen = blocks_of(index, len(completions), share_prompts)
        part = lay_out(chosen, prompts, completions, latents=LATENTS).latents
        assert part is not None
        assert part.rows.input_ids.shape == (1, 5 + 9)
        assert part.rows.ends.tolist() == [4, 13]
        assert len(part.whose) == blocks
        assert len(part.into) == blocks * LATENTS


def test_places_of_latents_count_in_positions_lengths_and_where_tokens_are_read(
    groups: Groups,
) -> None:
    prompts, completions, _ = groups
    layout = lay_out([[0, 1]], prompts, completions, latents=2)
    assert layout.position_ids.tolist() == [[*range(7), *range(7, 11), 7]]
    assert layout.read_at.tolist() == [6, 7, 8, 9, 6]
    assert layout.latents is not None
    assert layout.latents.into.tolist() == [5, 6]
    assert block_length([0, 1], prompts, completions, 2) == layout.input_ids.shape[1]


def test_without_latents_a_layout_is_what_it_was(groups: Groups) -> None:
    prompts, completions, index = groups
    layout = lay_out(blocks_of(index, 7, True), prompts, completions, latents=0)
    assert layout.latents is None
    assert layout.input_ids.shape == (1, 5 + 9 + 23)


@pytest.mark.parametrize("count", [1, LATENTS])
def test_a_samplers_latents_are_the_learners(
    exact: PreTrainedModel, groups: Groups, count: int
) -> None:
    """By a cache for decoding, padded, and by the model's own attention."""
    prompts = [groups[0][i] for i in (0, 3)]
    nothing = [np.empty(0, dtype=np.int64)] * 2
    part = lay_out([[0], [1]], prompts, nothing, latents=count).latents
    assert part is not None
    with torch.no_grad():
        expected = latents_of(exact.get_decoder(), part.rows, part.passes())
    exact.set_attn_implementation("sdpa")
    together = latents_behind(exact.get_decoder(), [p.tolist() for p in prompts], count)
    torch.testing.assert_close(together, expected, atol=1e-12, rtol=0)
    assert together.shape == (2, count, 32)


def test_scoring_makes_the_same_latents_as_learning(exact: PreTrainedModel, groups: Groups) -> None:
    prompts, completions, index = groups
    policy = PolicyModel(exact, 1.0, 1000, latents=LATENTS)
    found = score_sequences(policy, prompts, completions, index, True, 40)
    for i, completion in enumerate(completions):
        with torch.no_grad():
            expected = by_hand(exact, prompts[i], completion, LATENTS).float().numpy()
        np.testing.assert_allclose(found[i], expected, atol=1e-6)


def test_a_policy_with_latents_is_another_than_without(
    exact: PreTrainedModel, groups: Groups
) -> None:
    prompts, completions, index = groups
    with_latents = PolicyModel(exact, 1.0, 1000, latents=LATENTS)
    found = score_sequences(with_latents, prompts, completions, index, True, 100)
    without = score_sequences(PolicyModel(exact, 1.0, 1000), prompts, completions, index, True, 100)
    assert float(np.abs(found[0] - without[0]).max()) > 0.01


def _batch(groups: Groups) -> pa.RecordBatch:
    prompts, completions, _ = groups
    rows = [i for i, completion in enumerate(completions) if len(completion)]
    return schema.build(
        schema.DEMONSTRATIONS,
        {
            "prompt_token_ids": [prompts[i] for i in rows],
            "token_ids": [completions[i] for i in rows],
            "loss_weights": [None] * len(rows),
        },
    )


def _losses(ranks: Ranks, model: str, batch: pa.RecordBatch) -> list[float]:
    learner = learner_of(model, CrossEntropy(LATENTS), ranks)
    return [learner.step(batch, version)["loss"] for version in range(3)]


def losses_on_ranks(
    rank: int,
    count: int,
    port: int,
    model: str,
    batch: pa.RecordBatch,
    configs: list[LearnerConfig],
) -> list[list[float]]:
    return [
        _losses(Ranks(rank, count, "127.0.0.1", port, in_float32(config)), model, batch)
        for config in configs
    ]


@pytest.mark.slow
@pytest.mark.long
def test_ranks_zero_stages_and_microbatches_learn_through_latents_what_one_rank_does(
    model: PreTrainedModel, groups: Groups, tmp_path: Path
) -> None:
    """Of three updates in a row; Adam makes rounding larger."""
    folder, batch = str(saved(model, tmp_path / "model")), _batch(groups)
    whole = _losses(one_rank(LearnerConfig(zero_stage=0)), folder, batch)
    configs = [
        LearnerConfig(microbatch_tokens=40, zero_stage=1),
        LearnerConfig(microbatch_tokens=40, zero_stage=2, gradient_checkpointing=True),
        LearnerConfig(microbatch_tokens=40, zero_stage=3, logprob_chunk=3),
    ]
    for found in on_ranks(2, tmp_path, losses_on_ranks, folder, batch, configs):
        np.testing.assert_allclose(found, whole, rtol=1e-4)
    assert whole[-1] < whole[0]
