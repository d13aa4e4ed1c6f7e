from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from rlsys.learning import attention
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.policy import PolicyModel, checkpoint_layers, load_causal_lm

VOCABULARY = 41
Groups = tuple[list[np.ndarray], list[np.ndarray], list[int]]


def by_the_book(model: PreTrainedModel, prompt: np.ndarray, completion: np.ndarray) -> torch.Tensor:
    """log_softmax of the whole model's logits on prompt + answer alone, by its own attention."""
    ids = torch.from_numpy(np.concatenate([prompt, completion]))[None]
    model.set_attn_implementation("sdpa")
    logprobs = model(input_ids=ids).logits[0].log_softmax(dim=-1)
    model.set_attn_implementation(attention.NAME)
    steps = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
    return logprobs[steps, torch.from_numpy(completion)]


def gradients(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize("share_prompts", [False, True])
@pytest.mark.parametrize("small_keys", [0, 256], ids=["fused_kernel", "products"])
def test_logprobs_and_gradients_are_those_of_prompt_and_answer_alone(
    model: PreTrainedModel,
    groups: Groups,
    share_prompts: bool,
    small_keys: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Packed equals unpacked: whatever else lies in the row changes nothing."""
    monkeypatch.setattr(attention, "_SMALL_KEYS", small_keys)
    prompts, completions, index = groups
    layout = lay_out(blocks_of(index, len(completions), share_prompts), prompts, completions)
    slope = torch.linspace(-1, 1, 23)
    logprobs, entropies = PolicyModel(model, 1.0, 1000)(layout)
    (logprobs * slope).sum().backward()
    packed_gradients = gradients(model)
    expected = torch.cat([by_the_book(model, prompts[i], completions[i]) for i in layout.sequences])
    (expected * slope).sum().backward()
    torch.testing.assert_close(logprobs, expected, atol=1e-5, rtol=0)
    for name, gradient in gradients(model).items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(packed_gradients[name], gradient, atol=1e-5 * scale, rtol=1e-4)
    assert logprobs.shape == entropies.shape == (23,)
    assert (entropies > 0).all()


@pytest.mark.parametrize("head", [1000, 3])
def test_equal_answers_computed_once_have_the_logprobs_entropies_and_gradients_of_each_alone(
    model: PreTrainedModel, groups: Groups, head: int
) -> None:
    prompts, completions, index = groups
    twice = [*range(7), 0, 2, 5, 5]
    prompts, completions, index = ([own[i] for i in twice] for own in (prompts, completions, index))
    policy = PolicyModel(model, 0.7, head, entropy_gradient=True)
    drawn = torch.Generator().manual_seed(1)
    slopes = torch.randn(2, 11, 7, generator=drawn)
    results = []
    for share_prompts in (False, True):
        layout = lay_out(blocks_of(index, 11, share_prompts), prompts, completions)
        order = torch.tensor(layout.sequences).argsort()
        both = torch.stack([layout.padded(values)[order] for values in policy(layout)])
        (both * slopes).sum().backward()
        results.append((both.detach(), gradients(model), layout.input_ids.shape[1]))
    (separate, separate_gradients, _), (shared, shared_gradients, tokens) = results
    assert tokens == 5 + 9 + sum(map(len, groups[1]))
    torch.testing.assert_close(shared, separate, atol=1e-5, rtol=0)
    assert shared_gradients.keys() == separate_gradients.keys()
    for name, gradient in separate_gradients.items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(shared_gradients[name], gradient, atol=1e-5 * scale, rtol=1e-4)


def test_shared_prompts_give_the_same_logprobs_and_gradients_as_separate_ones(
    model: PreTrainedModel, groups: Groups
) -> None:
    prompts, completions, index = groups
    policy = PolicyModel(model, 0.7, 1000)
    weights = torch.randn(7, 7, generator=torch.Generator().manual_seed(1))
    results = []
    for share_prompts in (False, True):
        layout = lay_out(blocks_of(index, len(completions), share_prompts), prompts, completions)
        assert layout.sequences == tuple(range(7))
        padded = layout.padded(policy(layout)[0])
        (padded * weights).sum().backward()
        results.append((padded.detach(), gradients(model)))
    (separate, separate_gradients), (shared, shared_gradients) = results
    torch.testing.assert_close(shared, separate, atol=1e-5, rtol=0)
    assert shared_gradients.keys() == separate_gradients.keys()
    assert len(shared_gradients) == len(list(model.parameters()))
    for name, gradient in separate_gradients.items():
        scale = float(gradient.abs().max())
        assert scale > 0
        torch.testing.assert_close(shared_gradients[name], gradient, atol=1e-5 * scale, rtol=1e-4)


@pytest.mark.parametrize(("chunk", "num_chunks"), [(1, None), (4, None), (1000, 5), (1000, 40)])
def test_chunks_of_the_head_change_nothing(
    model: PreTrainedModel, groups: Groups, chunk: int, num_chunks: int | None
) -> None:
    prompts, completions, index = groups
    layout = lay_out(blocks_of(index, len(completions), True), prompts, completions)
    whole, _ = PolicyModel(model, 1.0, 1000)(layout)
    whole.sum().backward()
    expected = gradients(model)
    parts, _ = PolicyModel(model, 1.0, chunk)(layout, num_chunks)
    parts.sum().backward()
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0)
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-4, rtol=1e-4)


def test_the_temperature_divides_the_logits(model: PreTrainedModel) -> None:
    prompt, completion = np.array([3, 5]), np.array([7])
    with torch.no_grad():
        tokens = np.arange(VOCABULARY)
        logits = torch.cat([by_the_book(model, prompt, tokens[[i]]) for i in tokens])
        (found,), (entropy,) = PolicyModel(model, 0.5, 8)(lay_out([[0]], [prompt], [completion]))
    distribution = (logits / 0.5).softmax(dim=0)
    assert float(found) == pytest.approx(float(distribution[7].log()), abs=1e-5)
    assert float(entropy) == pytest.approx(
        float(-(distribution * distribution.log()).sum()), abs=1e-4
    )


@pytest.mark.parametrize("wanted", [False, True])
def test_gradient_flows_through_the_entropy_only_when_it_is_in_the_loss(
    model: PreTrainedModel, groups: Groups, wanted: bool
) -> None:
    prompts, completions, _ = groups
    layout = lay_out([[0]], prompts, completions)
    _, entropies = PolicyModel(model, 1.0, 8, entropy_gradient=wanted)(layout)
    assert entropies.requires_grad is wanted


def test_a_microbatch_without_answer_tokens_has_a_loss_of_zero_and_a_backward(
    model: PreTrainedModel,
) -> None:
    """A rank without work takes part in ZeRO's collectives with such a one."""
    layout = lay_out([[0]], [np.array([1, 2])], [np.empty(0, dtype=np.int64)])
    logprobs, entropies = PolicyModel(model, 1.0, 8)(layout, 3)
    assert logprobs.shape == entropies.shape == (0,)
    layout.padded(logprobs).sum().backward()
    found = gradients(model)
    assert len(found) == len(list(model.parameters()))
    assert all(float(gradient.abs().max()) == 0.0 for gradient in found.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_policy_is_loaded_in_the_asked_precision(
    model: PreTrainedModel, tmp_path: Path, dtype: torch.dtype
) -> None:
    model.save_pretrained(tmp_path)
    loaded = load_causal_lm(tmp_path, dtype)
    assert {p.dtype for p in loaded.parameters()} == {dtype}
    assert loaded.config._attn_implementation == attention.NAME
    for (name, own), (_, saved) in zip(
        loaded.named_parameters(), model.named_parameters(), strict=True
    ):
        assert torch.equal(own, saved.to(dtype)), name


def test_checkpointed_layers_keep_less_and_have_the_same_gradients(
    model: PreTrainedModel, groups: Groups, tmp_path: Path
) -> None:
    prompts, completions, _ = groups
    model.save_pretrained(tmp_path)
    layout = lay_out([[0, 1, 2]], prompts, completions)
    kept, found = [], []
    for recomputed in (False, True):
        loaded = load_causal_lm(tmp_path, torch.float32)
        if recomputed:
            checkpoint_layers(loaded)
        saved: list[int] = []

        def keep(tensor: torch.Tensor, saved: list[int] = saved) -> torch.Tensor:
            saved.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logprobs, _ = PolicyModel(loaded, 1.0, 8)(layout)
        logprobs.sum().backward()
        kept.append(sum(saved))
        found.append(gradients(loaded))
    assert kept[1] < kept[0] / 2
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, msg=name)
