"""Ranks that hold a row together say and learn of it what one rank does."""

from pathlib import Path

import pytest
import torch

from rlsys.learning.policy import load_causal_lm
from tests.helpers.learners import on_ranks
from tests.helpers.slices import learned, learned_together, row, tiny
from tests.helpers.tiny_models import ARCHITECTURES, build

CASES = [
    (2, row([4, 1, 7]), False),
    (1, row([4, 1, 7]), False),
    (4, row([4, 1, 4, 4]), False),
    (4, row([9, 0, 3, 2]), True),
    (2, row([1], prompt=1, share_prompts=False), False),
    (2, row([30, 18], share_prompts=False), True),
]
"""Heads of keys, fewer than ranks among them; rows with and without a rest to fill up, and with
equal answers, which are one; layers that are computed twice."""


def test_two_ranks_have_the_logprobs_loss_and_gradient_of_one(tmp_path: Path) -> None:
    lengths = {layout.input_ids.shape[1] % 2 for _, layout, _ in CASES}
    assert lengths == {0, 1}
    found = on_ranks(2, tmp_path, learned_together, CASES)
    assert len(found) == len(CASES)
    for (kv_heads, layout, _), together in zip(CASES, found, strict=True):
        alone = learned(tiny(kv_heads), layout)
        for name in ("logprobs", "entropies", "loss", "gradients"):
            torch.testing.assert_close(together[name], alone[name], rtol=1e-9, atol=1e-11)


def test_a_rank_of_two_keeps_half_of_what_one_keeps_for_the_backward_pass(tmp_path: Path) -> None:
    layout = row([400, 350], prompt=64, share_prompts=False)
    (together,) = on_ranks(2, tmp_path, learned_together, [(4, layout, False)])
    alone = learned(tiny(4), layout)
    assert 0.45 < together["kept"] / alone["kept"] < 0.55


@pytest.mark.slow
def test_every_model_that_is_trained_is_shared_out(tmp_path: Path) -> None:
    """By all of their ways with positions, heads and widths of keys and values."""
    layout = row([4, 0, 7])
    cases = []
    for number, architecture in enumerate(ARCHITECTURES):
        if not architecture.refusal:
            folder = tmp_path / str(number)
            build(architecture, folder)
            cases.append((folder, layout, False))
    found = on_ranks(2, tmp_path, learned_together, cases)
    assert len(found) == len(cases) > 20
    for (folder, _, _), together in zip(cases, found, strict=True):
        alone = learned(load_causal_lm(folder, torch.float32), layout)
        for name in ("logprobs", "gradients"):
            off = (together[name] - alone[name]).abs().max() / alone[name].abs().max()
            assert off < 1e-4, (folder, name)
