"""What vLLM reads from the environment, set before it is imported."""

import logging
import os
import warnings

from rlsys.config.model_files import read_config
from rlsys.config.run import RolloutConfig, Transport
from rlsys.errors import ConfigError

_RUNNER = "VLLM_USE_V2_MODEL_RUNNER"
_PROCESSORS = {
    "0": "rlsys.sampling.thinking_processor:ThinkingProcessor",
    "1": "rlsys.sampling.thinking_slots:ThinkingSlotProcessor",
}
"""What steers thinking, by vLLM's model runner: each refuses the other's."""


def quiet() -> None:
    """For a person's own terminal: only errors, unless VLLM_LOGGING_LEVEL asks for more. What vLLM
    and torch warn of (no Triton, eager mode on CPUs, names that vLLM should no longer use) is so on
    purpose or cannot be changed. Before torch is imported, which reads its part then."""
    if "VLLM_LOGGING_LEVEL" not in os.environ:
        # To the stream that goes to a log while a model is loaded.
        os.environ |= {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_LOGGING_STREAM": "ext://sys.stderr"}
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_LOGS", "-torch._library.triton")
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning")
    warnings.filterwarnings("ignore", category=FutureWarning)


def set_environment(config: RolloutConfig, transport: Transport) -> None:
    """In this process; inherited by the sampler's. A log level that is set already stays."""
    level = os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.update(
        VLLM_NO_USAGE_STATS="1",
        VLLM_WORKER_MULTIPROC_METHOD="spawn",
        OMP_NUM_THREADS=str(config.threads),
    )
    os.environ[_RUNNER] = model_runner(config)
    if config.gpus == 0:
        os.environ.update(
            VLLM_CPU_KVCACHE_SPACE=str(max(1, round(config.kv_cache_gib))),
            VLLM_CPU_OMP_THREADS_BIND="nobind",
            # The sampler is compiled at the first request otherwise: up to 17 s on two cores.
            TORCHDYNAMO_DISABLE="1",
        )
    if transport is Transport.cuda_ipc:
        # Handles of GPU memory hold Python types; they go from this process to its own sampler.
        os.environ["VLLM_ALLOW_INSECURE_SERIALIZATION"] = "1"
    logging.getLogger("vllm").setLevel(level)


def require_gpus(config: RolloutConfig) -> None:
    """See that a sampler which is started without Ray has the GPUs that it is to use.

    Raises:
        ConfigError: this machine has fewer.
    """
    if not config.gpus:
        return
    import torch

    there = torch.cuda.device_count()
    if there < config.tensor_parallel:
        nearest = f"{there} rollout.tensor_parallel={there}" if there else "0"
        raise ConfigError(
            f"rollout.gpus={config.gpus:g}: torch sees {there} GPUs on this machine; nearest "
            f"valid: rollout.gpus={nearest}"
        )


def model_runner(config: RolloutConfig) -> str:
    """vLLM's model runner, "0" for its first and "1" for its second: vLLM would find out by itself
    whether it can run the second, but what is loaded into it has to be known before."""
    return os.environ.get(_RUNNER, "1" if config.gpus else "0")


def thinking_processor(config: RolloutConfig) -> str:
    """What vLLM is told to load for limits of thinking."""
    return _PROCESSORS[model_runner(config)]


def custom_ops(model_path: str, config: RolloutConfig) -> list[str]:
    """Which of vLLM's own kernels a model does without, each as `-NAME`.

    On CPU its own kernel of rotary embedding (vLLM 0.32.0) turns a query of several heads wrongly
    when it comes as [tokens, heads, size], as latent attention (DeepSeek) has it: by 0.8 nats in a
    small model. torch's is right.
    """
    if config.gpus or not read_config(model_path, f"model {model_path}").get("kv_lora_rank"):
        return []
    return ["-rotary_embedding"]
