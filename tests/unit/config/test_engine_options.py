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
