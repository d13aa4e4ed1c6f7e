"""What vLLM reads from the environment, set before it is imported."""

import logging
import os

from rlsys.config.schema import RolloutConfig, Transport


def quiet() -> None:
    """For a person's own terminal: only errors, unless VLLM_LOGGING_LEVEL asks for more. What vLLM
    and torch warn of (no Triton, eager mode on CPUs) is so on purpose or cannot be changed."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_LOGS", "-torch._library.triton")


def set_environment(config: RolloutConfig, transport: Transport) -> None:
    """In this process; inherited by the engine's. A log level that is set already stays."""
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.update(
        VLLM_NO_USAGE_STATS="1",
        VLLM_WORKER_MULTIPROC_METHOD="spawn",
        OMP_NUM_THREADS=str(config.threads),
    )
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
