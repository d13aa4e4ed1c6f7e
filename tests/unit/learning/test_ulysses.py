"""Ranks that hold a row together say and learn of it what one rank does."""

from pathlib import Path

import torch

from tests.helpers.learners import on_ranks
from tests.helpers.slices import learned, learned_together, row, tiny

CASES = [
    (2, row([4, 1, 7]), False),
    (1, row([4, 1, 7]), False),
    (4, row([9, 0, 3, 2]), True),
    (2, row([1], prompt=1, share_prompts=False), False),
    (2, row([30, 18], share_prompts=False), True),
]
"""Heads of keys, fewer than ranks among them; rows with and without a rest to fill up; layers that
are computed twice."""


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
