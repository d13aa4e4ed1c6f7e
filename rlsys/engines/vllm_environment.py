"""What vLLM reads from the environment, set before it is imported."""

import logging
import os

from rlsys.config.schema import RolloutConfig, Transport

_RUNNER = "VLLM_USE_V2_MODEL_RUNNER"
_PROCESSORS = {
    "0": "rlsys.thinking.vllm_processor:ThinkingProcessor",
    "1": "rlsys.thinking.vllm_slot_processor:ThinkingSlotProcessor",
}
"""What steers thinking, by vLLM's model runner: each refuses the other's."""


def set_environment(config: RolloutConfig, transport: Transport) -> None:
    """In this process; inherited by the engine's. A log level that is set already stays."""
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.update(
        VLLM_NO_USAGE_STATS="1",
        VLLM_WORKER_MULTIPROC_METHOD="spawn",
        OMP_NUM_THREADS=str(config.threads),
    )
    # vLLM would find out by itself whether it can run its second one; what is loaded into it has to
    # be known before.
    os.environ.setdefault(_RUNNER, "1" if config.gpus else "0")
    if config.gpus == 0:
        os.environ.update(
            VLLM_CPU_KVCACHE_SPACE=str(max(1, round(config.kv_cache_gib))),
            VLLM_CPU_OMP_THREADS_BIND="nobind",
            # The sampler is compiled at the first request otherwise: up to 17 s on two cores.
            TORCHDYNAMO_DISABLE="1",
        )
    if transport is Transport.cuda_ipc:
        # Handles of GPU memory hold Python types; they go from this process to its own engine.
        os.environ["VLLM_ALLOW_INSECURE_SERIALIZATION"] = "1"
    logging.getLogger("vllm").setLevel(level)


def thinking_processor() -> str:
    """What vLLM is told to load for limits of thinking, after `set_environment`."""
    return _PROCESSORS[os.environ[_RUNNER]]
