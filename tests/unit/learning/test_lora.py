"""A policy that learns by an adapter: what it computes and learns."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel

from rlsys import schema
from rlsys.config.algorithm import CriticConfig
from rlsys.config.lora import LoraConfig
from rlsys.errors import ConfigError
from rlsys.learning import checkpoint
from rlsys.learning import learner as learner_module
from rlsys.learning.adapter_files import FOLDER
from rlsys.learning.critic import Critic
from rlsys.learning.layout import blocks_of, lay_out
from rlsys.learning.lora import LoraLinear, add_adapter, weights_of, without_adapter
from rlsys.learning.objectives.cross_entropy import CrossEntropy
from rlsys.learning.objectives.preference import Preference
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.ranks import Ranks
from rlsys.learning.reference import score_sequences
from rlsys.learning.weights_out import WeightsOut
from tests.helpers.learners import (
    fitted,
    learner_of,
    on_ranks,
    one_rank,
    same,
    weights,
)
from tests.helpers.lora_policies import demonstrations, learner_with, logprobs, moved, with_lora

pytestmark = pytest.mark.slow

HIDDEN = 32
"""Of the tiny model; q_proj and gate_proj read as much."""


# --- what it is -----------------------------------------------------------------------------------


def test_a_policy_with_a_new_adapter_is_bit_for_bit_the_one_without(folder: Path) -> None:
    policy = PolicyModel(load_causal_lm(folder, torch.float32), 1.0, 64)
    before = logprobs(policy)
    add_adapter(policy.model, LoraConfig(rank=4))
    assert np.array_equal(before, logprobs(policy))
    assert sum(isinstance(part, LoraLinear) for part in policy.model.modules()) == 2 * 7


def test_without_its_adapter_a_policy_that_has_learned_is_the_one_of_the_start(
    folder: Path,
) -> None:
    learner = learner_with(folder, with_lora())
    before = logprobs(learner.policy)
    for version in range(3):
        learner.step(demonstrations(), version)
    assert np.abs(logprobs(learner.policy) - before).max() > 0.1
    with without_adapter(learner.policy.model):
        assert np.array_equal(before, logprobs(learner.policy))
    assert np.abs(logprobs(learner.policy) - before).max() > 0.1


def test_only_the_adapter_learns_and_only_it_is_in_the_optimizer(folder: Path) -> None:
    learner = learner_with(folder, with_lora(zero_stage=0))
    model = learner.policy.model
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for version in range(2):
        learner.step(demonstrations(), version)
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    adapters = {n for n in before if "lora_" in n}
    assert changed == adapters
    held = [p for group in learner.deepspeed.optimizer.param_groups for p in group["params"]]
    assert sum(p.numel() for p in held) == sum(before[n].numel() for n in adapters)


def test_targets_choose_the_layers_by_name(folder: Path) -> None:
    model = load_causal_lm(folder, torch.float32)
    add_adapter(model, LoraConfig(rank=2, targets=["q_proj", "down_proj"]))
    adapted = {n.rpartition(".")[2] for n, p in model.named_modules() if isinstance(p, LoraLinear)}
    assert adapted == {"q_proj", "down_proj"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (LoraConfig(rank=2, targets=["q_prj"]), r"'q_prj' .*did you mean 'q_proj'\?; there are: "),
        (LoraConfig(rank=2, targets=["lm_head"]), "no linear layer 'lm_head' that could have an"),
        (LoraConfig(rank=17), r"rank=17: .*\.k_proj is 16 x 32, .*nearest valid: 16"),
    ],
)
def test_what_no_layer_has_room_for_is_refused(
    folder: Path, config: LoraConfig, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        add_adapter(load_causal_lm(folder, torch.float32), config)


# --- that it learns what full training learns -----------------------------------------------------


def gradients(policy: PolicyModel) -> None:
    """Of the likelihood of some completions."""
    batch = demonstrations(5).to_pydict()
    prompts, completions = (
        [np.array(ids) for ids in batch[name]] for name in ("prompt_token_ids", "token_ids")
    )
    layout = lay_out(blocks_of(list(range(8)), 8, False), prompts, completions)
    (-policy(layout)[0].sum()).backward()


def test_the_adapters_gradients_are_the_full_ones_projected(folder: Path) -> None:
    """dL/dB = s G A^T and dL/dA = s B^T G, with G the gradient of the merged weight."""
    adapted = PolicyModel(load_causal_lm(folder, torch.float64), 1.0, 64)
    add_adapter(adapted.model, LoraConfig(rank=4, alpha=6.0))
    moved(adapted.model)
    gradients(adapted)
    merged = PolicyModel(load_causal_lm(folder, torch.float64), 1.0, 64)
    own = dict(merged.model.named_parameters())
    for weight in weights_of(adapted.model):
        own[weight.name].data.copy_(weight.whole(torch.float64))
    gradients(merged)
    for name, layer in adapted.model.named_modules():
        if isinstance(layer, LoraLinear):
            full, (a, b) = own[f"{name}.weight"].grad, layer.adapter
            assert full is not None
            # The merged weight is rounded to float32.
            torch.testing.assert_close(b.grad, 1.5 * full @ a.T, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(a.grad, 1.5 * b.T @ full, rtol=1e-4, atol=1e-4)


def test_an_adapter_of_full_rank_with_a_frozen_identity_trains_as_its_layers_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With A = 1 and alpha = rank the weight is W + B: the same gradients, so the same steps of
    Adam, and the same policy after each of them, up to the rounding of W + B."""
    targets = ["q_proj", "gate_proj"]
    config = with_lora(lora=LoraConfig(HIDDEN, float(HIDDEN), targets), microbatch_tokens=4096)

    def identity(model: PreTrainedModel, lora: LoraConfig, whole: tuple[str, ...]) -> None:
        monkeypatch.setattr("rlsys.learning.lora.adapted_layers", lambda shapes, _: chosen(shapes))
        add_adapter(model, lora, whole)
        for part in model.modules():
            if isinstance(part, LoraLinear):
                nn.init.eye_(part.lora_A.weight)
                part.lora_A.requires_grad_(False)

    def chosen(shapes: dict[str, tuple[int, int]]) -> list[str]:
        return [name for name in shapes if name.rpartition(".")[2] in targets]

    def full(model: PreTrainedModel, lora: LoraConfig, whole: tuple[str, ...]) -> None:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.split(".")[-2] in targets and name.endswith("weight"))

    found = []
    for added in (identity, full):
        monkeypatch.setattr(learner_module, "add_adapter", added)
        found.append(fitted(folder, one_rank(config), demonstrations(), 4))
    (losses, by_adapter), (expected, by_layers) = found
    assert losses == pytest.approx(expected, rel=1e-5)
    assert losses[-1] < 0.8 * losses[0]
    for name, tensor in by_layers.items():
        torch.testing.assert_close(by_adapter[name], tensor, rtol=1e-4, atol=1e-5)


def test_checkpointed_layers_are_computed_twice_and_learn_the_same(folder: Path) -> None:
    """Though nothing before the first adapter has a gradient."""
    found = {}
    for is_checkpointed in (False, True):
        torch.manual_seed(0)
        config = with_lora(gradient_checkpointing=is_checkpointed, microbatch_tokens=4096)
        learner = learner_with(folder, config)
        calls = []
        first = learner.policy.model.get_decoder().layers[0]
        first.mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        learner.step(demonstrations(), 0)
        assert len(calls) == 1 + is_checkpointed
        found[is_checkpointed] = weights(learner.policy)
    assert same(found[False], found[True])


def test_a_critic_learns_an_adapter_of_its_own_and_its_head(folder: Path) -> None:
    critic = Critic(str(folder), one_rank(with_lora()), CriticConfig())
    learns = {name for name, p in critic.deepspeed.module.named_parameters() if p.requires_grad}
    assert {name for name in learns if "lora_" not in name} == {"head.weight", "head.bias"}
    assert len(learns) == 2 + 2 * 2 * 7


# --- who is the reference -------------------------------------------------------------------------


def test_the_learner_says_what_the_reference_would(folder: Path) -> None:
    learner = learner_with(folder, with_lora())
    rollouts = sampled()
    before = learner.score_reference(rollouts)
    assert before.schema.equals(schema.REFERENCE, check_metadata=True)
    prompts, completions = rollouts.column(8).to_pylist(), rollouts.column(9).to_pylist()
    expected = score_sequences(
        learner.policy,  # type: ignore[arg-type]
        [np.array(ids) for ids in prompts],
        [np.array(ids) for ids in completions],
        [0, 0, 1, 1],
        False,
        64,
    )
    for row, logprobs_of_row in zip(before.column("reference_logprobs"), expected, strict=True):
        np.testing.assert_allclose(row.as_py(), logprobs_of_row, atol=1e-5)
    for version in range(2):
        learner.step(demonstrations(), version)
    assert learner.score_reference(rollouts).equals(before)


def sampled() -> pa.RecordBatch:
    rng = np.random.default_rng(2)
    completions = [rng.integers(0, 41, n) for n in (5, 1, 9, 3)]
    given = {
        "group_id": [0, 0, 1, 1],
        "sample_index": [0, 1, 0, 1],
        "prompt_token_ids": [[7, 8], [7, 8], [9], [9]],
        "token_ids": completions,
        "kept_token_ids": [None] * 4,
    }
    others = {field.name: [None] * 4 for field in schema.ROLLOUTS if field.name not in given}
    return schema.build(schema.ROLLOUTS, given | others)


# --- on several ranks -----------------------------------------------------------------------------


def learned(model: str | Path, ranks: Ranks) -> dict[str, Any]:
    """After two steps: their losses, the merged weights, and what the reference says before the
    second and after it."""
    torch.manual_seed(0)
    learner = learner_of(model, CrossEntropy(), ranks)
    losses, said = [], []
    for version in range(2):
        losses.append(learner.step(demonstrations(version), version)["loss"])
        said.append(learner.score_reference(sampled()).column("reference_logprobs").to_pylist())
    (bucket,) = WeightsOut(learner.policy, ranks).gathered(1 << 30)
    merged = {name: tensor.clone() for name, tensor in bucket}
    return {"losses": losses, "said": said, "merged": merged}


def learned_on_ranks(
    rank: int, count: int, port: int, model: str, stages: list[int]
) -> list[dict[str, Any]]:
    return [
        learned(model, Ranks(rank, count, "127.0.0.1", port, with_lora(zero_stage=stage)))
        for stage in stages
    ]


def test_several_ranks_do_what_one_does_at_every_stage_of_zero(
    folder: Path, tmp_path: Path
) -> None:
    """They learn the same adapter, and share the reference's work."""
    expected = learned(folder, one_rank(with_lora(zero_stage=0)))
    for found in on_ranks(2, tmp_path, learned_on_ranks, str(folder), [0, 1, 2, 3]):
        assert found["losses"] == pytest.approx(expected["losses"], rel=1e-4)
        assert found["said"][0] == found["said"][1]
        for row, values in zip(found["said"][0], expected["said"][0], strict=True):
            np.testing.assert_allclose(row, values, atol=1e-5)
        assert found["merged"].keys() == expected["merged"].keys()
        for name, tensor in found["merged"].items():
            torch.testing.assert_close(tensor, expected["merged"][name], rtol=1e-3, atol=2e-4)


# --- a reward model -------------------------------------------------------------------------------


def test_a_reward_model_learns_its_head_whole_beside_the_adapter(
    folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "checkpoint"
    target.mkdir()
    learner = learner_of(folder, Preference(), one_rank(with_lora()))
    columns = {
        "prompt_token_ids": [[1, 2], [3]],
        "chosen_token_ids": [[4, 5], [6]],
        "rejected_token_ids": [[7], [8, 9, 10]],
    }
    batch = schema.build(schema.PAIRS, columns)
    losses = [learner.step(batch, version)["loss"] for version in range(5)]
    assert losses[-1] < 0.5 * losses[0]
    checkpoint.copied(
        target, learner, WeightsOut(learner.policy, learner.ranks), str(folder)
    ).write()
    described = json.loads((target / FOLDER / "adapter_config.json").read_text())
    assert (described["task_type"], described["modules_to_save"]) == ("SEQ_CLS", ["score"])
    head = load_file(target / FOLDER / "adapter_model.safetensors")["base_model.model.score.weight"]
    assert torch.equal(head, learner.policy.model.score.weight)
    assert head.abs().max() > 0
