"""Options of vLLM and DeepSpeed that are handed through, checked by name before either is imported.

An option that rlsys sets is refused with the setting that it has here; one that does not exist is
refused with the one that it is like.
"""

import ast
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.errors import nearest

OF_ENGINE: Mapping[str, str] = MappingProxyType(
    {
        "model": "model.path",
        "dtype": "rollout.dtype",
        "seed": "run.seed",
        "max_model_len": "model.max_context",
        "max_num_seqs": "rollout.max_sequences",
        "tensor_parallel_size": "rollout.tensor_parallel",
        "gpu_memory_utilization": "rollout.gpu_memory_utilization",
        "kv_cache_memory_bytes": "rollout.kv_cache_gib",
        "enable_prefix_caching": "weights.prefix_cache",
        "weight_transfer_config": "weights.transport",
        "enable_sleep_mode": "cluster.colocate",
        "logits_processors": "",
        "worker_extension_cls": "",
        "logprobs_mode": "",
        "max_logprobs": "",
        "distributed_executor_backend": "",
        "compilation_config": "",
        "use_tqdm_on_load": "",
        # An engine is one process group with its learner: these would change who holds what.
        "pipeline_parallel_size": "rollout.tensor_parallel",
        "data_parallel_size": "rollout.workers",
        "enable_lora": "",
        "enable_prompt_embeds": "thinking.mode",
    }
)
"""vLLM's options that cannot be handed through, each with the setting that decides it; empty: none
does, and rlsys depends on its value."""

OF_DEEPSPEED: Mapping[str, str] = MappingProxyType(
    {
        "train_batch_size": "loop.groups_per_step",
        "train_micro_batch_size_per_gpu": "learner.microbatch_tokens",
        "gradient_accumulation_steps": "learner.microbatch_tokens",
        "gradient_clipping": "learner.optimizer.gradient_clip",
        "optimizer": "learner.optimizer",
        "scheduler": "learner.optimizer.schedule",
        "bf16": "learner.dtype",
        "fp16": "learner.dtype",
        "zero_optimization.stage": "learner.zero_stage",
        "zero_optimization.offload_optimizer": "learner.offload",
        "zero_optimization.offload_param": "learner.offload",
        "sequence_parallel_size": "learner.sequence_parallel",
        "zero_allow_untested_optimizer": "",
        "zero_force_ds_cpu_optimizer": "",
    }
)
"""The same of DeepSpeed's."""
_DEEPSPEED = (
    *("zero_optimization", "communication_data_type", "data_types", "prescale_gradients"),
    *("gradient_predivide_factor", "sparse_gradients", "dump_state", "wall_clock_breakdown"),
    *("memory_breakdown", "comms_logger", "flops_profiler", "checkpoint", "aio", "timers"),
    *("seq_parallel_communication_data_type", "disable_allgather", "compile"),
)
"""What can be handed through; DeepSpeed itself passes over a name that it does not know."""


def problems(config: RunConfig) -> Iterator[str]:
    """What is wrong with the options of both, each with its place."""
    if options := config.rollout.engine_options:
        path = "rollout.engine_options"
        yield from _refused(path, options, OF_ENGINE, vllm_options())
    if options := config.learner.deepspeed_options:
        path = "learner.deepspeed_options"
        yield from _refused(path, options, OF_DEEPSPEED, _DEEPSPEED)
        if isinstance(nested := options.get("zero_optimization"), Mapping):
            own = {
                name.partition(".")[2]: setting
                for name, setting in OF_DEEPSPEED.items()
                if name.startswith("zero_optimization.")
            }
            yield from _refused(f"{path}.zero_optimization", nested, own, None)


def _refused(
    path: str, options: Mapping[str, Any], own: Mapping[str, str], known: Collection[str] | None
) -> Iterator[str]:
    for name, value in options.items():
        if name in own:
            hint = f"; nearest valid: {own[name]}" if own[name] else ""
            yield f"{path}.{name}={value!r}: rlsys sets it itself{hint}"
        elif known is not None and name not in known:
            close = nearest(name, sorted(set(known) - own.keys()))
            guess = f"; did you mean {close!r}?" if close else ""
            yield f"{path}.{name}={value!r}: there is no such option{guess}"


def vllm_options() -> list[str]:
    """The fields of vLLM's EngineArgs and AsyncEngineArgs, read off its text: its import takes
    fifteen seconds."""
    spec = find_spec("vllm")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "engine" / "arg_utils.py").read_text(encoding="utf-8")
    return [
        field.target.id
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name in ("EngineArgs", "AsyncEngineArgs")
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    ]
