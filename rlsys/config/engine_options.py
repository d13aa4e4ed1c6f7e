"""Options of vLLM and DeepSpeed that are handed through, checked before either is imported.

An option that rlsys sets is refused with the setting that it has here; one that does not exist,
with the one that it is like; one that would make sampler and learner run different models, or take
GPUs that a sampler does not have, with the reason; and a value that the option does not take, with
those that it does.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlsys.config.option_values import Taken, fields_of, literals_of
from rlsys.config.ranges import Range
from rlsys.config.run import Precision, RunConfig
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

_OTHER_MODEL = "the learner trains the model as its own files have it, and the sampler must run it"
_MORE_GPUS = "a sampler has the GPUs of rollout.gpus on one node, all for rollout.tensor_parallel"
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("hf_overrides", "hf_config_path", "config_format", "model_weights", "revision"),
            _OTHER_MODEL,
        ),
        **dict.fromkeys(("tokenizer", "tokenizer_revision"), _OTHER_MODEL),
        **dict.fromkeys(
            ("prefill_context_parallel_size", "nnodes", "node_rank", "device_ids"), _MORE_GPUS
        ),
        **dict.fromkeys(
            ("data_parallel_rank", "data_parallel_size_local", "data_parallel_start_rank"),
            _MORE_GPUS,
        ),
        "trust_remote_code": "code of a model's own repository is never run here",
        "runner": "a sampler writes text",
        "convert": "a sampler writes text",
        "worker_cls": "new weights reach vLLM's own worker",
    }
)
"""vLLM's options that go with nothing here, and why."""
_BOUNDED = {"max_num_batched_tokens": Range(least=1), "block_size": Range(least=1)}
"""Those whose bounds are not with their annotations."""

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
        "zero_optimization.cpu_offload": "learner.offload",
        "zero_optimization.cpu_offload_param": "learner.offload",
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


_NUMBERS = Taken(texts=("fp16", "bf16", "fp32"), null=True)
_OF_VALUES = {
    "communication_data_type": _NUMBERS,
    "seq_parallel_communication_data_type": _NUMBERS,
}
"""What some of them take."""


def problems(config: RunConfig) -> Iterator[str]:
    """What is wrong with the options of both, each with its place."""
    if options := config.rollout.engine_options:
        yield from _of_engine(config, options)
    if options := config.learner.deepspeed_options:
        yield from _of_deepspeed(config, options)


def _of_engine(config: RunConfig, options: Mapping[str, Any]) -> Iterator[str]:
    path, known = "rollout.engine_options", vllm_options()
    for name, value in options.items():
        if name in _REFUSED:
            yield f"{path}.{name}={value!r}: {_REFUSED[name]}; nearest valid: without it"
    others = {name: value for name, value in options.items() if name not in _REFUSED}
    yield from _refused(path, others, OF_ENGINE, known)
    if options.get("load_format") == "dummy":
        yield f"{path}.load_format='dummy': {_OTHER_MODEL}; nearest valid: auto"
    if options.get("async_scheduling") and config.thinking.fed_back:
        yield (
            f"{path}.async_scheduling=true: with thinking.latents={config.thinking.fed_back} "
            "prompts are embedded, which it does not go with; nearest valid: without it"
        )
    yield from _of_step(config, options)


def _of_step(config: RunConfig, options: Mapping[str, Any]) -> Iterator[str]:
    """A step has room for a token of each completion, and for a whole prompt where it is not
    cut."""
    tokens = options.get("max_num_batched_tokens")
    if not isinstance(tokens, int) or tokens < 1:
        return
    needs = {"rollout.max_sequences": config.rollout.max_sequences or 0}
    if options.get("enable_chunked_prefill") is False:
        needs["model.max_context"] = config.model.max_context
    for setting, least in needs.items():
        if tokens < least:
            yield (
                f"rollout.engine_options.max_num_batched_tokens={tokens}: a step has room for less "
                f"than {setting}={least}; nearest valid: {least}"
            )


def _of_deepspeed(config: RunConfig, options: Mapping[str, Any]) -> Iterator[str]:
    path, learner = "learner.deepspeed_options", config.learner
    yield from _refused(path, options, OF_DEEPSPEED, dict.fromkeys(_DEEPSPEED) | _OF_VALUES)
    for section in ("zero_optimization", "data_types"):
        nested = options.get(section)
        if nested is not None and not isinstance(nested, Mapping):
            yield f"{path}.{section}={nested!r}: expected a mapping, as in {{NAME: VALUE}}"
    if isinstance(nested := options.get("zero_optimization"), Mapping):
        own = {
            name.partition(".")[2]: setting
            for name, setting in OF_DEEPSPEED.items()
            if name.startswith("zero_optimization.")
        }
        yield from _refused(f"{path}.zero_optimization", nested, own, zero_options())
    if isinstance(nested := options.get("data_types"), Mapping):
        known = {"grad_accum_dtype": _NUMBERS}
        yield from _refused(f"{path}.data_types", nested, {}, known)
        summed = nested.get("grad_accum_dtype")
        if learner.zero_stage == 0 and summed == "fp32" and learner.dtype is Precision.bfloat16:
            yield (
                f"{path}.data_types.grad_accum_dtype='fp32': without ZeRO DeepSpeed adds gradients "
                "up in bfloat16 alone; nearest valid: learner.zero_stage=2"
            )


def _refused(
    path: str,
    options: Mapping[str, Any],
    own: Mapping[str, str],
    known: Mapping[str, Taken | None],
) -> Iterator[str]:
    """Args:
    known: what each option takes; None: any value.
    """
    for name, value in options.items():
        if name in own:
            hint = f"; nearest valid: {own[name]}" if own[name] else ""
            yield f"{path}.{name}={value!r}: rlsys sets it itself{hint}"
        elif name not in known:
            yield f"{path}.{name}={value!r}: there is no such option{_meant(name, known, own)}"
        elif (takes := known[name]) and (refusal := takes.refusal(value)):
            yield f"{path}.{name}={value!r}: {refusal}"


def _meant(name: str, known: Mapping[str, object], own: Mapping[str, str]) -> str:
    """The option that was meant, also where `{name:value}` was read as one name."""
    before, colon, after = name.partition(":")
    if colon and before in known:
        return f"; a space stands behind the colon; nearest valid: {{{before}: {after}}}"
    close = nearest(name, sorted(known.keys() - own.keys()))
    return f"; did you mean {close!r}?" if close else ""


@cache
def vllm_options() -> Mapping[str, Taken | None]:
    """The fields of vLLM's EngineArgs and AsyncEngineArgs, and what each takes, read off its text:
    its import takes fifteen seconds."""
    vllm = _package("vllm")
    text, classes = vllm / "engine" / "arg_utils.py", ("EngineArgs", "AsyncEngineArgs")
    found = fields_of(text, classes, literals_of(vllm / "config"))
    for name, bounds in _BOUNDED.items():
        if takes := found[name]:
            found[name] = Taken(takes.types, takes.texts, takes.null, bounds)
    return found


@cache
def zero_options() -> Mapping[str, Taken | None]:
    """The same of DeepSpeed's section zero_optimization; a field may have a second name there."""
    config = _package("deepspeed") / "runtime" / "zero" / "config.py"
    return fields_of(config, ("DeepSpeedZeroConfig",), lambda name: None)


def _package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
