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
    prompts, answers, index = groups
    policy = PolicyModel(model, 1.0, 1000)
    scores = score_sequences(policy, prompts, answers, index, share_prompts, microbatch_tokens)
    assert [s.shape for s in scores] == [a.shape for a in answers]
    assert all(s.dtype == np.float32 for s in scores)
    for i, answer in enumerate(answers):
        (alone,) = score_sequences(policy, [prompts[i]], [answer], [0], False, 10_000)
        np.testing.assert_allclose(scores[i], alone, atol=1e-5)


def test_scoring_leaves_no_gradient(model: PreTrainedModel, groups: Groups) -> None:
    prompts, answers, index = groups
    model.zero_grad()
    score_sequences(PolicyModel(model, 1.0, 1000), prompts, answers, index, False, 10_000)
    assert all(p.grad is None for p in model.parameters())
    assert torch.is_grad_enabled()
