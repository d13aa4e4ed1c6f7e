"""What vLLM is told: rlsys's own arguments, and those that are handed through."""

from types import SimpleNamespace

import pyarrow as pa
import pytest

from rlsys.config.batch import Batch, gpu_batch
from rlsys.config.engine_options import OF_ENGINE, vllm_options
from rlsys.config.run import ModelConfig, RolloutConfig, RunConfig, WeightsConfig
from rlsys.config.thinking import BudgetRule
from rlsys.sampling.rollout_rows import may_limit
from rlsys.sampling.vllm_arguments import engine_arguments, usage_context

MAY_BE_CHANGED = {
    "enable_chunked_prefill",
    "enforce_eager",
    "disable_log_stats",
}


@pytest.fixture
def arguments(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')

    def of(limits=True, sleeps=False, **rollout):
        config, weights = RolloutConfig(**rollout), WeightsConfig()
        return engine_arguments(
            str(tmp_path), ModelConfig(), config, weights, 0, False, False, limits, sleeps
        )

    return of


def test_every_argument_is_one_of_vllms_and_is_refused_from_elsewhere(arguments):
    own = arguments().keys()
    assert own <= set(vllm_options())
    assert own - MAY_BE_CHANGED <= OF_ENGINE.keys()


def test_a_cache_of_a_given_size_asks_for_no_share_of_the_gpu(arguments):
    given = arguments(gpus=0.4, kv_cache_gib=4.0)
    assert given["kv_cache_memory_bytes"] == 4 << 30
    # vLLM refuses to start where this share of the whole GPU is not free.
    assert given["gpu_memory_utilization"] <= 0.01
    whole = arguments(gpus=1.0)
    assert (whole["kv_cache_memory_bytes"], whole["gpu_memory_utilization"]) == (None, 0.9)


def test_a_gpu_samples_more_at_once_and_takes_longer_prompts_in_a_step(arguments):
    on_cpu, on_gpu = arguments(), arguments(gpus=1.0)
    assert on_cpu["max_num_seqs"] == 128
    # vLLM chooses by the device, as its offline class does.
    assert on_gpu["max_num_seqs"] is None
    assert not {"max_num_batched_tokens"} & (on_cpu.keys() | on_gpu.keys())
    assert usage_context(RolloutConfig(gpus=0.5)) == "LLM_CLASS"
    assert usage_context(RolloutConfig()) == "ENGINE_CONTEXT"
    assert arguments(gpus=1.0, max_sequences=7)["max_num_seqs"] == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gib", "name"),
    [
        (40, "NVIDIA A100-SXM4-40GB"),
        (80, "NVIDIA A100-SXM4-80GB"),
        (80, "NVIDIA H100 80GB HBM3"),
        (48, "NVIDIA L40S"),
        (139, "NVIDIA H200"),
        (180, "NVIDIA B200"),
    ],
)
def test_what_is_planned_for_is_vllms_own_choice_for_the_device(monkeypatch, gib, name):
    arg_utils = pytest.importorskip("vllm.engine.arg_utils")
    device = SimpleNamespace(
        get_device_total_memory=lambda: gib << 30,
        get_device_name=lambda: name,
        is_tpu=lambda: False,
        is_cpu=lambda: False,
    )
    monkeypatch.setattr(arg_utils, "current_platform", device)
    tokens, sequences = arg_utils.EngineArgs.get_batch_defaults(1)
    usage_lib = pytest.importorskip("vllm.usage.usage_lib")
    context = usage_lib.UsageContext[usage_context(RolloutConfig(gpus=1.0))]
    assert gpu_batch(gib, name) == Batch(sequences[context], tokens[context])


def test_memory_that_can_be_given_up_is_asked_for_on_a_gpu_and_by_turns_alone(arguments):
    assert arguments(gpus=0.5, sleeps=True)["enable_sleep_mode"]
    assert not arguments(gpus=0.5)["enable_sleep_mode"]
    # vLLM refuses it on CPUs.
    assert not arguments(sleeps=True)["enable_sleep_mode"]


def test_on_cpus_the_size_goes_another_way(arguments):
    assert arguments(kv_cache_gib=4.0)["kv_cache_memory_bytes"] is None


def test_options_are_handed_through_and_may_change_what_is_free_to_change(arguments):
    given = arguments(engine_options={"max_num_batched_tokens": 16384, "enforce_eager": False})
    assert (given["max_num_batched_tokens"], given["enforce_eager"]) == (16384, False)


def test_what_steers_thinking_is_loaded_only_where_it_can_have_something_to_do(arguments):
    assert arguments(limits=False)["logits_processors"] is None
    assert len(arguments(limits=True)["logits_processors"]) == 1


@pytest.mark.parametrize(
    ("budgets", "settings", "may"),
    [
        ([None, None], {}, False),
        ([None, 30], {}, True),
        ([None, None], {"max_reasoning_tokens": 0}, True),
        ([None, None], {"min_reasoning_tokens": 1}, True),
    ],
)
def test_a_limit_may_come_from_a_prompt_or_from_the_settings(budgets, settings, may):
    config = RunConfig()
    for name, value in settings.items():
        setattr(config.sampling, name, value)
    prompts = pa.record_batch({"token_budget": pa.array(budgets, pa.int32())})
    assert may_limit(config.sampling, config.thinking, prompts) is may
    config.thinking.budgets = BudgetRule.random
    assert may_limit(config.sampling, config.thinking, prompts)


@pytest.mark.slow
def test_vllm_takes_them_as_they_are(arguments):
    arg_utils = pytest.importorskip("vllm.engine.arg_utils")
    options = {"kv_cache_dtype": "fp8", "max_num_batched_tokens": 4096}
    made = arg_utils.AsyncEngineArgs(**arguments(gpus=1.0, engine_options=options))
    assert (made.kv_cache_dtype, made.max_num_batched_tokens) == ("fp8", 4096)
    # A dict becomes vLLM's own object, with which it goes on.
    assert made.compilation_config.custom_ops == []
