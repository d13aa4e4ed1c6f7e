"""Options of vLLM and DeepSpeed that are handed through."""

import pytest

from rlsys.config.load import CONFIGS, load
from rlsys.errors import ConfigError


def error_of(*overrides):
    with pytest.raises(ConfigError) as caught:
        load(CONFIGS / "local.yaml", list(overrides))
    return str(caught.value)


def test_options_of_both_are_read_from_the_command_line():
    config = load(
        CONFIGS / "local.yaml",
        [
            "rollout.engine_options.max_num_batched_tokens=4096",
            "learner.deepspeed_options.zero_optimization.zero_hpz_partition_size=8",
            "learner.deepspeed_options.communication_data_type=fp32",
        ],
    )
    assert config.rollout.engine_options == {"max_num_batched_tokens": 4096}
    assert config.learner.deepspeed_options == {
        "zero_optimization": {"zero_hpz_partition_size": 8},
        "communication_data_type": "fp32",
    }


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("rollout.engine_options.max_model_len=99", "model.max_context"),
        ("rollout.engine_options.kv_cache_memory_bytes=9", "rollout.kv_cache_gib"),
        ("learner.deepspeed_options.zero_optimization.stage=2", "learner.zero_stage"),
        ("learner.deepspeed_options.fp16.enabled=true", "learner.dtype"),
        ("learner.deepspeed_options.sequence_parallel_size=2", "learner.sequence_parallel"),
    ],
)
def test_what_rlsys_sets_is_refused_with_the_setting_that_it_has_here(option, setting):
    message = error_of(option)
    assert message.startswith(option.partition("=")[0].removesuffix(".enabled"))
    assert message.endswith(f"rlsys sets it itself; nearest valid: {setting}")


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("rollout.engine_options.max_num_batch_tokens=99", "max_num_batched_tokens"),
        ("learner.deepspeed_options.zero_optimisation.overlap_comm=true", "zero_optimization"),
    ],
)
def test_an_option_that_does_not_exist_names_the_one_that_it_is_like(option, meant):
    assert error_of(option).endswith(f"there is no such option; did you mean {meant!r}?")


def test_a_shared_gpu_needs_the_size_of_the_cache():
    shared = ["rollout.gpus=0.4", "learner.gpus=0.5"]
    assert "nearest valid: rollout.kv_cache_gib=8" in error_of(*shared)
    load(CONFIGS / "local.yaml", [*shared, "rollout.kv_cache_gib=2"])


def test_a_sampler_on_cpus_has_a_cache_of_whole_gib():
    assert error_of("rollout.kv_cache_gib=0.2").endswith("nearest valid: 1")
    assert error_of("rollout.kv_cache_gib=2.7").endswith("nearest valid: 3")
    load(CONFIGS / "local.yaml", ["rollout.kv_cache_gib=2"])


def test_offloading_needs_the_stage_that_can():
    assert "learner.zero_stage=3" in error_of("learner.offload=parameters")
    assert "learner.zero_stage=1" in error_of("learner.offload=optimizer", "learner.zero_stage=0")
    load(CONFIGS / "local.yaml", ["learner.offload=parameters", "learner.zero_stage=3"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("rollout.engine_options.kv_cache_dtype=fp9", "no such value; did you mean 'fp8'?"),
        ("rollout.engine_options.enforce_eager=maybe", "expected true or false"),
        ("rollout.engine_options.max_num_batched_tokens=-1", "must be at least 1"),
        ("rollout.engine_options.block_size=0", "must be at least 1; nearest valid: 1"),
        ("rollout.engine_options.load_format=dummy", "nearest valid: auto"),
        ("rollout.engine_options.hf_overrides={num_hidden_layers: 2}", "the model as its own"),
        ("rollout.engine_options.trust_remote_code=true", "is never run here"),
        ("rollout.engine_options.nnodes=2", "a sampler has the GPUs of rollout.gpus on one node"),
        ("learner.deepspeed_options.zero_optimization=3", "expected a mapping"),
        (
            "learner.deepspeed_options.zero_optimization.reduce_bucket_size=-1",
            "must be above 0.0; nearest valid: 1",
        ),
        (
            "learner.deepspeed_options.zero_optimization.reduce_bucket_size=big",
            "expected a whole number",
        ),
        ("learner.deepspeed_options.zero_optimization.cpu_offload=true", "valid: learner.offload"),
        ("learner.deepspeed_options.communication_data_type=fp17", "did you mean 'fp16'?"),
        ("learner.deepspeed_options.data_types.grad_accum_dtype=int8", "no such value"),
        ("learner.deepspeed_options.zero_optimization.overlap_com=true", "mean 'overlap_comm'?"),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_place(option, said):
    message = error_of(option)
    assert message.startswith(option.partition("=")[0])
    assert said in message


@pytest.mark.parametrize(
    "option",
    [
        "rollout.engine_options={kv_cache_dtype: fp8, enable_expert_parallel: true}",
        "rollout.engine_options={quantization: fp8, attention_backend: FLASH_ATTN}",
        "learner.deepspeed_options.zero_optimization={reduce_bucket_size: 1.0e8}",
        "learner.deepspeed_options.zero_optimization={stage3_max_live_parameters: 100000}",
        "learner.deepspeed_options.data_types={grad_accum_dtype: fp32}",
    ],
)
def test_what_the_other_program_takes_is_handed_through(option):
    load(CONFIGS / "local.yaml", [option])


def test_a_step_of_the_sampler_has_room_for_what_it_must_take_at_once():
    small = "rollout.engine_options={max_num_batched_tokens: 100}"
    assert error_of(small) == (
        "rollout.engine_options.max_num_batched_tokens=100: a step has room for less than "
        "rollout.max_sequences=256; nearest valid: 256"
    )
    whole = "rollout.engine_options={max_num_batched_tokens: 100, enable_chunked_prefill: false}"
    assert error_of(whole, "rollout.max_sequences=64").endswith("context=128; nearest valid: 128")
    load(CONFIGS / "local.yaml", [small, "rollout.max_sequences=64"])


def test_a_missing_space_behind_a_colon_is_told():
    message = error_of("rollout.engine_options={enforce_eager:true}")
    assert message.endswith("behind the colon; nearest valid: {enforce_eager: true}")


def test_without_zero_gradients_are_not_added_up_in_float32():
    summed = "learner.deepspeed_options={data_types: {grad_accum_dtype: fp32}}"
    message = error_of(summed, "learner.zero_stage=0", "learner.dtype=bfloat16")
    assert message.endswith("in bfloat16 alone; nearest valid: learner.zero_stage=2")
    load(CONFIGS / "local.yaml", [summed, "learner.zero_stage=0", "learner.dtype=float32"])
