"""Supervised fine-tuning on solved examples."""

import pytest
import torch

from rlsys.local_policy.warm_start import IGNORED, Example, collate, learning_rate_factor


def test_targets_are_the_next_tokens_of_the_completion_alone() -> None:
    inputs, targets = collate(
        [Example(prompt=(5, 6), completion=(7, 8)), Example(prompt=(3,), completion=(4,))]
    )
    assert inputs.tolist() == [[5, 6, 7], [3, 0, 0]]
    assert targets.tolist() == [[IGNORED, 7, 8], [4, IGNORED, IGNORED]]
    assert inputs.dtype == targets.dtype == torch.int64


@pytest.mark.parametrize(
    ("step", "factor"),
    [
        (0, 0.1),  # the first of ten steps of warm-up; the cosine is still 1
        (4, 0.5 * (0.05 + 0.95 * 0.9960574)),  # (1 + cos(0.04 pi)) / 2 = 0.9960574
        (50, 0.05 + 0.95 * 0.5),
        (100, 0.05),
    ],
)
def test_the_learning_rate_rises_then_follows_a_cosine(step: int, factor: float) -> None:
    assert learning_rate_factor(step, steps=100, warmup_steps=10) == pytest.approx(factor)
