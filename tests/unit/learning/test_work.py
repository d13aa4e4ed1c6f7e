"""What a model has to compute, counted by hand."""

import pytest
import torch
from transformers import AutoConfig

from rlsys.learning.work import Work, peak_flops, speed_report, work_of
from tests.helpers.known_models import QWEN_7B

A100_SPEED = 312e12


def test_each_token_sees_its_prompt_and_what_its_completion_said_before() -> None:
    pairs = Work(token=0.0, pair=1.0)
    assert pairs.of(3, []) == 1 + 2 + 3
    # Two completions behind one copy of the prompt do not see each other.
    assert pairs.of(3, [2, 1]) == 6 + (4 + 5) + 4
    assert Work(token=1.0, pair=0.0).of(3, [2, 1]) == 6


def test_a_models_flops_are_palms() -> None:
    work = work_of(AutoConfig.for_model(**QWEN_7B))
    assert work is not None
    assert work.token == pytest.approx(6 * 7.62e9, rel=1e-3)
    assert work.pair == 12 * 28 * 28 * 128


def test_weights_that_an_adapter_leaves_as_they_are_need_no_gradient() -> None:
    whole, frozen = (work_of(AutoConfig.for_model(**QWEN_7B), x) for x in (False, True))
    assert whole is not None
    assert frozen is not None
    assert frozen.token == whole.token * 4 / 6
    assert frozen.pair == whole.pair


def test_an_expert_that_a_token_does_not_go_through_costs_it_nothing() -> None:
    sizes = QWEN_7B | {"model_type": "qwen3_moe", "moe_intermediate_size": 768, "num_experts": 128}
    few, many = (
        work_of(AutoConfig.for_model(**sizes, num_experts_per_tok=chosen)) for chosen in (1, 8)
    )
    assert few is not None
    assert many is not None
    assert many.token - few.token == 6 * 28 * 7 * 3 * 3584 * 768


def test_values_of_latent_attention_are_narrower_than_its_queries() -> None:
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    heads = {"qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 24}
    work = work_of(AutoConfig.for_model("deepseek_v3", **sizes, **heads))
    assert work is not None
    assert work.pair == 6 * 2 * 4 * (48 + 24)


def test_of_a_model_whose_sizes_are_not_known_nothing_is_said() -> None:
    assert work_of(AutoConfig.for_model("mamba")) is None


def test_mfu_is_a_share_of_what_the_device_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert speed_report(3e12, 2.0, torch.device("cpu")) == {"tflops": 1.5}
    name = "NVIDIA A100-SXM4-80GB"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: name)
    half = speed_report(A100_SPEED, 2.0, torch.device("cuda"))
    assert half == {"tflops": 156.0, "mfu": 0.5}
    name = "a device of next year"
    assert peak_flops(torch.device("cuda")) is None
    assert speed_report(3e12, 2.0, torch.device("cuda")) == {"tflops": 1.5}
