"""What leaves a policy that learns by an adapter: weights, checkpoints, files as of peft."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM

from rlsys.config.lora import LoraConfig
from rlsys.config.precision import COMPUTED
from rlsys.config.run import Precision
from rlsys.learning import checkpoint
from rlsys.learning.adapter_files import FOLDER
from rlsys.learning.lora import LoraLinear, Weight
from rlsys.learning.policy import PolicyModel, load_causal_lm
from rlsys.learning.weights_out import WeightsOut
from tests.helpers.learners import (
    same,
    weights,
)
from tests.helpers.lora_policies import demonstrations, learner_with, logprobs, with_lora

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("precision", COMPUTED)
def test_what_is_published_is_a_model_without_adapters_that_says_the_same(
    folder: Path, tmp_path: Path, precision: Precision
) -> None:
    learner = learner_with(folder, with_lora(dtype=precision))
    for version in range(3):
        learner.step(demonstrations(), version)
    out = WeightsOut(learner.policy, learner.ranks)
    plain = load_causal_lm(folder, out.dtype)
    published = {name: tensor for bucket in out.buckets(4096) for name, tensor in bucket}
    own = dict(plain.named_parameters())
    assert published.keys() == own.keys() == out.shapes().keys()
    for name, tensor in published.items():
        assert tensor.dtype == out.dtype
        own[name].data.copy_(tensor)
    bound = 1e-4 if precision is Precision.float32 else 0.25
    says = logprobs(PolicyModel(plain, 1.0, 64))
    assert np.abs(says - logprobs(learner.policy)).max() < bound


def share(update: torch.Tensor, arrived: torch.Tensor) -> float:
    """Of an update, that is there when it has been rounded."""
    return float((update * arrived).sum() / update.square().sum())


@pytest.mark.parametrize("size", [1e-6, 1e-5, 1e-4])
def test_an_update_below_the_steps_of_bfloat16_arrives_in_the_mean(size: float) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(512, 512, bias=False, dtype=torch.bfloat16)
    nn.init.normal_(linear.weight, std=0.02)
    layer = LoraLinear(linear, 16, 1.0)
    weight = Weight("weight", layer.weight, layer)
    assert torch.equal(weight.whole(torch.bfloat16), layer.weight)
    nn.init.normal_(layer.lora_B.weight)
    a, b = (parameter.detach().float() for parameter in layer.adapter)
    layer.scale = size / float((b @ a).square().mean().sqrt())
    own, update = layer.weight.detach().float(), layer.scale * (b @ a)
    arrived = weight.whole(torch.bfloat16).float() - own
    assert share(update, arrived) == pytest.approx(1.0, abs=0.05)
    nearest = (own + update).bfloat16().float() - own
    assert share(update, nearest) == pytest.approx(
        {1e-6: 0.03, 1e-5: 0.28, 1e-4: 0.99}[size], abs=0.02
    )
    # What it costs: an output is off by as much as rounding makes of it anyway.
    inputs = torch.randn(64, 512)
    off = inputs @ (arrived - update).T
    assert off.norm() < 4e-3 * (inputs @ own.T).norm()


def test_a_learner_from_its_checkpoint_learns_the_adapter_on_bit_for_bit(
    folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "checkpoint"
    target.mkdir()
    straight = learner_with(folder, with_lora())
    for version in range(2):
        straight.step(demonstrations(version), version)
    out = WeightsOut(straight.policy, straight.ranks)
    checkpoint.copied(target, straight, out, str(folder)).write()
    at_save = weights(straight.policy)
    straight.step(demonstrations(2), 2)

    torch.manual_seed(5)
    resumed = learner_with(folder, with_lora())
    checkpoint.load(target, resumed)
    assert same(at_save, weights(resumed.policy))
    resumed.step(demonstrations(2), 2)
    assert same(weights(straight.policy), weights(resumed.policy))


def test_a_checkpoint_has_the_merged_policy_and_the_adapter_and_no_frozen_weight_else(
    folder: Path, tmp_path: Path
) -> None:
    target = tmp_path / "checkpoint"
    target.mkdir()
    learner = learner_with(folder, with_lora())
    learner.step(demonstrations(), 0)
    out = WeightsOut(learner.policy, learner.ranks)
    checkpoint.copied(target, learner, out, str(folder)).write()

    merged = AutoModelForCausalLM.from_pretrained(target / "policy", dtype=torch.float32)
    (bucket,) = out.gathered(1 << 30)
    for name, parameter in merged.named_parameters():
        assert torch.equal(parameter, dict(bucket)[name]), name

    described = json.loads((target / FOLDER / "adapter_config.json").read_text())
    assert (described["r"], described["lora_alpha"]) == (4, 8.0)
    assert described["base_model_name_or_path"] == str(folder)
    tensors = load_file(target / FOLDER / "adapter_model.safetensors")
    own = dict(learner.policy.model.named_parameters())
    assert len(tensors) == 2 * 2 * 7
    for name, tensor in tensors.items():
        assert torch.equal(tensor, own[name.removeprefix("base_model.model.")])

    state = torch.load(target / "deepspeed/state/mp_rank_00_model_states.pt", weights_only=False)
    # DeepSpeed leaves out frozen weights by their first name, and a tied head is another.
    kept = state["module"].keys() - {"model.lm_head.weight"}
    assert kept == {f"model.{n}" for n in own if "lora_" in n}


def test_vllm_reads_the_adapter_as_one_of_pefts(folder: Path, tmp_path: Path) -> None:
    from vllm.lora.peft_helper import PEFTHelper

    target = tmp_path / "checkpoint"
    target.mkdir()
    learner = learner_with(folder, with_lora(lora=LoraConfig(4, 8.0, ["q_proj", "up_proj"])))
    checkpoint.copied(
        target, learner, WeightsOut(learner.policy, learner.ranks), str(folder)
    ).write()
    helper = PEFTHelper.from_local_dir(str(target / FOLDER), 64)
    assert (helper.r, helper.vllm_lora_scaling_factor) == (4, 2.0)
    assert helper.target_modules == ["q_proj", "up_proj"]
