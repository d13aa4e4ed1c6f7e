"""vLLM's engine arguments of a rollout worker: what rlsys sets, and what the user hands through.

    rollout: {engine_options: {max_num_batched_tokens: 16384, kv_cache_dtype: fp8}}

Any of vLLM's AsyncEngineArgs can be handed through, but those that rlsys sets itself
(rlsys/config/engine_options.py refuses these by name).
"""

from typing import Any

from rlsys.config.run import ModelConfig, PrefixCache, RolloutConfig, WeightsConfig
from rlsys.data.kept_tokens import MOST_LISTED
from rlsys.sampling.vllm_environment import custom_ops, thinking_processor

# Before vLLM is imported. One process per engine: on CPU the executor that vLLM picks keeps a
# second process spinning on a shared-memory queue, a whole core of a laptop's two.
_UNIPROC = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
_NO_SHARE = 0.01
"""Of a GPU, where the cache has a size of its own. vLLM still asks that so much of it is free,
which a shared GPU may not have, and uses the number for nothing else."""
_EMBEDDED = {"enable_prompt_embeds": True, "async_scheduling": False}
"""For prompts with latents. There is a public report of wrong tokens after prompt embeddings with
async scheduling."""


def engine_arguments(
    model_path: str,
    model: ModelConfig,
    config: RolloutConfig,
    weights: WeightsConfig,
    seed: int,
    seeded: bool,
    deterministic: bool,
    limits: bool,
    sleeps: bool = False,
    latents: int = 0,
) -> dict[str, Any]:
    """Keywords of AsyncEngineArgs; plain values, since vLLM must not be imported here.

    Args:
        limits: whether a request may limit its thinking.
        sleeps: whether it is to give its memory up at times.
        latents: of each prompt.
    """
    on_cpu = config.gpus == 0
    own = {
        "model": model_path,
        "dtype": config.dtype.value,
        "seed": seed,
        "max_model_len": model.max_context,
        # What is sampled together is rounded together, and timing decides what is together.
        "max_num_seqs": 1 if deterministic else _sequences(config),
        # Between two parts of a prompt vLLM turns a seeded generator back, which torch's
        # generator for CPUs does not know: "CPU Generator does not use offset".
        "enable_chunked_prefill": False if on_cpu and seeded else None,
        "tensor_parallel_size": config.tensor_parallel,
        "enforce_eager": on_cpu,
        "compilation_config": {"custom_ops": custom_ops(model_path, config)},
        "distributed_executor_backend": _UNIPROC if config.tensor_parallel == 1 else "mp",
        "logprobs_mode": "processed_logprobs",
        "max_logprobs": MOST_LISTED,
        # Whether a prefix is found is a matter of timing, and shows in the rounding.
        "enable_prefix_caching": not (deterministic or weights.prefix_cache is PrefixCache.off),
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        # Of a GPU's memory: on CPUs vLLM takes the calls and keeps everything, but not the option.
        "enable_sleep_mode": sleeps and not on_cpu,
        "logits_processors": [thinking_processor(config)] if limits else None,
        "worker_extension_cls": "rlsys.weights.vllm_transfer.WorkerExtension",
        **_memory(config),
        **(_EMBEDDED if latents else {}),
    }
    return {**own, **config.engine_options}


def usage_context(config: RolloutConfig) -> str:
    """As what vLLM takes the engine, by which it chooses the tokens of a step where none are given:
    on GPUs as its offline class, 8192 or 16384 by the device. For an engine like ours it would be
    2048 on each, and many steps where prompts are long."""
    return "LLM_CLASS" if config.gpus else "ENGINE_CONTEXT"


def _sequences(config: RolloutConfig) -> int | None:
    """None: vLLM's choice for the device."""
    return config.max_sequences if config.gpus else config.sequences_at_once


def _memory(config: RolloutConfig) -> dict[str, Any]:
    """A cache of a given size on GPUs, or what is left of a share of the GPU; on CPUs vLLM reads
    the size from its environment."""
    if config.gpus == 0 or config.kv_cache_gib is None:
        return {
            "gpu_memory_utilization": config.gpu_memory_utilization,
            "kv_cache_memory_bytes": None,
        }
    return {
        "gpu_memory_utilization": _NO_SHARE,
        "kv_cache_memory_bytes": int(config.kv_cache_gib * 2**30),
    }
