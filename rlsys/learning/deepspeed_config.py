"""DeepSpeed's config, from the learner's settings and what the user hands through.

learner: {deepspeed_options: {zero_optimization: {zero_hpz_partition_size: 8}}}
"""

from collections.abc import Mapping
from typing import Any

from rlsys.config.memory import sums_in_float32
from rlsys.config.run import LearnerConfig, Offload


def deepspeed_config(config: LearnerConfig) -> dict[str, Any]:
    """As deepspeed.initialize and zero.Init take it."""
    zero: dict[str, Any] = {"stage": config.zero_stage}
    if config.offload is not Offload.none:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if config.offload is Offload.parameters:
        zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    own = {
        # Microbatches and their accumulation are the caller's: see microbatches.py.
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": config.optimizer.gradient_clip,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        # DeepSpeed's own for offloading has to be compiled; torch's fused AdamW runs on CPUs, too.
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": config.dtype.value == "bfloat16"},
    }
    if sums_in_float32(config):
        own["data_types"] = {"grad_accum_dtype": "fp32"}
    return _merged(own, config.deepspeed_options)


def frozen_config(config: LearnerConfig) -> dict[str, Any]:
    """The same of a model that is only computed with: there is no optimizer to offload."""
    frozen = deepspeed_config(config)
    frozen["zero_optimization"].pop("offload_optimizer", None)
    return frozen


def _merged(own: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, sections within sections; no name is in both but a section's."""
    merged = dict(own)
    for name, value in more.items():
        before = merged.get(name)
        is_section = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(before, value) if is_section else value  # type: ignore[arg-type]
    return merged
