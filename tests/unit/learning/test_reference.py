import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from rlsys.learning.policy import PolicyModel
from rlsys.learning.reference import score_sequences

Groups = tuple[list[np.ndarray], list[np.ndarray], list[int]]


@pytest.mark.parametrize("share_prompts", [False, True])
@pytest.mark.parametrize("microbatch_tokens", [1, 20, 10_000])
def test_scores_do_not_depend_on_microbatches_or_rows(
    model: PreTrainedModel, groups: Groups, share_prompts: bool, microbatch_tokens: int
) -> None:
    prompts, completions, index = groups
    policy = PolicyModel(model, 1.0, 1000)
    logprobs = score_sequences(
        policy, prompts, completions, index, share_prompts, microbatch_tokens
    )
    assert [s.shape for s in logprobs] == [a.shape for a in completions]
    assert all(s.dtype == np.float32 for s in logprobs)
    for i, completion in enumerate(completions):
        (alone,) = score_sequences(policy, [prompts[i]], [completion], [0], False, 10_000)
        np.testing.assert_allclose(logprobs[i], alone, atol=1e-5)


def test_scoring_leaves_no_gradient(model: PreTrainedModel, groups: Groups) -> None:
    prompts, completions, index = groups
    model.zero_grad()
    score_sequences(PolicyModel(model, 1.0, 1000), prompts, completions, index, False, 10_000)
    assert all(p.grad is None for p in model.parameters())
    assert torch.is_grad_enabled()
