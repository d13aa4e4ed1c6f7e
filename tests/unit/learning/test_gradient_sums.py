"""Gradients in bfloat16 over many microbatches: added up in float32 where DeepSpeed shards them."""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from rlsys.config.run import LearnerConfig, Offload, Precision
from rlsys.learning.layout import Layout, blocks_of, lay_out
from rlsys.learning.policy import PolicyModel
from tests.helpers.learners import one_rank

pytestmark = pytest.mark.slow

COUNT = 64
"""Microbatches of the update."""


@pytest.fixture
def policy(model: PreTrainedModel) -> Iterator[PolicyModel]:
    threads = torch.get_num_threads()
    yield PolicyModel(deepcopy(model).to(torch.bfloat16), 1.0, 64)
    torch.set_num_threads(threads)


def microbatches() -> list[Layout]:
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, 41, 3), rng.integers(0, 41, 9)) for _ in range(COUNT)]
    return [lay_out(blocks_of([0], 1, False), [prompt], [told]) for prompt, told in pairs]


def summed(policy: PolicyModel) -> torch.Tensor:
    """[n] the update's gradients: each microbatch's as torch has it in bfloat16, summed exactly."""
    total = torch.zeros(())
    for layout in microbatches():
        policy.zero_grad()
        (-policy(layout)[0].sum() / COUNT).backward()
        total = total + torch.cat([p.grad.flatten().double() for p in policy.parameters()])
    return total


def summed_by_deepspeed(policy: PolicyModel, config: LearnerConfig) -> torch.Tensor:
    from deepspeed.utils import safe_get_full_grad

    wrapped = one_rank(config).into_deepspeed(policy, 0.0)
    for number, layout in enumerate(microbatches()):
        wrapped.set_gradient_accumulation_boundary(number == COUNT - 1)
        wrapped.backward(-wrapped(layout, None)[0].sum() / COUNT)
    return torch.cat([safe_get_full_grad(p).flatten().double() for p in policy.parameters()])


@pytest.mark.parametrize(
    ("stage", "offload", "error"),
    [
        (1, Offload.none, 1e-2),
        (2, Offload.none, 1e-7),
        (3, Offload.none, 1e-7),
        (2, Offload.optimizer, 1e-7),
    ],
)
def test_sums_are_as_exact_as_the_stage_of_zero_allows(
    policy: PolicyModel, stage: int, offload: Offload, error: float
) -> None:
    expected = summed(deepcopy(policy))
    config = LearnerConfig(dtype=Precision.bfloat16, zero_stage=stage, offload=offload)
    found = summed_by_deepspeed(policy, config)
    off = float((found - expected).norm() / expected.norm())
    assert off < error
    # What stage 1 adds up in bfloat16 loses what the others keep.
    assert (off > error / 10) == (stage == 1)
