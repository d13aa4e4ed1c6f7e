"""Which models can be trained, and which can answer, by their config.json alone, before anything
heavy is imported.

The learner lays sequences end to end in one row, and calls the output head by itself; the sampler
has to compute the same model. What a config says against that is refused here, in the first second
of a run. What no config says is proved when the fleet starts: that packed rows change nothing
(rlsys.learning.packing_proof), and that vLLM agrees with the learner on the weights from disk and
holds new ones as it holds those (rlsys.sampling.sampler.Sampler.prove_model).

To answer (`rlsys eval`, `chat`, `serve`) a model needs vLLM alone, so less is refused.

docs/models.md is the list of what was tried, made by tests/unit/learning/test_tiny_models.py.
"""

from collections.abc import Callable
from numbers import Real
from pathlib import Path

from rlsys.config import latents
from rlsys.config.model_files import read_config
from rlsys.config.model_room import Model, length_problems, room_problems, rope_kinds
from rlsys.config.model_sizes import EXPERTS
from rlsys.config.run import RunConfig
from rlsys.config.sequence_parallel import head_problems
from rlsys.config.tensor_parallel import spread_problems
from rlsys.config.weight_files import require_weights
from rlsys.errors import ConfigError, nearest

WORKS = (
    *("llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "mixtral", "olmoe"),
    *("granitemoe", "deepseek_v2", "deepseek_v3", "glm4_moe", "gemma", "gemma3_text", "phi3"),
    *("gpt2", "gpt_neox", "opt"),
    *("olmo", "olmo2", "olmo3", "granite", "cohere", "starcoder2", "smollm3", "glm4", "exaone4"),
    *("seed_oss", "ernie4_5"),
)
"""Model types that learner and vLLM were tried with, for those that must be told another one."""

_ATTENTION = {"full_attention", "sliding_attention", "attention"}
"""Types of layers that attend by the plan."""
_STATEFUL = {"linear_attention", "mamba", "mamba2", "conv", "recurrent", "hybrid"}
"""Types of layers that do not attend alone."""
_STATES = (
    *("ssm_cfg", "ssm_state_size", "state_size", "mamba_d_state", "mamba_d_ssm", "mamba_num_heads"),
    *("linear_num_value_heads", "linear_attn_config", "conv_L_cache", "hybrid_override_pattern"),
    *("layers_block_type", "block_types", "mamba_expand"),
)
"""Settings that only a model with a recurrent state or a convolution along the row has."""
_SEVERAL = ("vision_config", "audio_config", "thinker_config", "vision_tower", "visual")
_ROPES = (
    *("default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"),
    *("su", "deepseek_yarn", "mrope"),
)
"""Ways to stretch positions of transformers 5.19, and older names of theirs."""
_SINKS = ("gpt_oss", "mimo_v2_flash")
_OWN_ATTENTION = (
    *("gptj", "falcon", "mpt", "codegen", "stablelm", "nemotron", "persimmon", "gpt_neo", "ctrl"),
    *("gpt_neox_japanese", "xglm"),
)
_CHUNKED = ("llama4", "llama4_text")
_UNKNOWN_TO_VLLM = {
    "phimoe": "vLLM 0.32.0 has no implementation of it, and fails with that of transformers",
}
NOT_SAMPLED = {
    **_UNKNOWN_TO_VLLM,
    "phi": "vLLM 0.32.0 does not show that it takes a new bias of the output head",
}
"""What the learner computes, and vLLM does not as it does."""
_ROUTING: dict[str, dict[str, tuple[object, object]]] = {
    "deepseek_v2": {"scoring_func": ("softmax", "softmax"), "norm_topk_prob": (False, False)},
    "deepseek_v3": {"scoring_func": ("sigmoid", "softmax"), "topk_method": ("noaux_tc", None)},
}
"""How experts are chosen by types for which transformers knows one way, whatever the config.json
says, and vLLM does what it says: that way, and what vLLM does where it says nothing."""


def require_computable(config: RunConfig) -> None:
    """Raise ConfigError when a model says of itself that it cannot be trained here, that
    model.max_context has no room in it, or that the ranks or GPUs that hold it together cannot
    share it out."""
    path = config.model.path
    named = f"model.path={path!r}"
    model = read_config(path, named)
    if reason := refusal(model):
        raise ConfigError(_refused(named, model, reason))
    problems = room_problems(config, model) + head_problems(config, model)
    problems += spread_problems(config, model) + latents.model_problems(config, model)
    if problems:
        raise ConfigError("\n".join(problems))


def require_scoring(path: str, named: str, longest: int) -> None:
    """Raise ConfigError when a model says of itself that it cannot score here what others wrote, or
    not so many tokens."""
    model = read_config(path, named)
    if reason := refusal(model):
        raise ConfigError(_refused(named, model, reason))
    if problems := length_problems(longest, model, named):
        raise ConfigError("\n".join(problems))


def require_answering(path: str, named: str) -> None:
    """Raise ConfigError when a model says of itself that vLLM cannot sample from it, or when its
    directory holds no weights.

    Args:
        named: how the user named it, for the error.
    """
    require_sampled(path, named)
    require_weights(path, named)


def require_sampled(path: str, named: str) -> None:
    """Raise ConfigError when a model says of itself that vLLM cannot sample from it."""
    model = read_config(path, named)
    if reason := _first(_ANSWERING, model):
        raise ConfigError(_refused(named, model, reason))


def refusal(model: Model) -> str | None:
    """Why a model cannot be trained here; None where its config says nothing against it."""
    return _first(_FEATURES, model)


# --- features: each says why a model is refused, or nothing ---------------------------------------


def _unnamed(model: Model) -> str | None:
    return None if model.get("model_type") else "its config.json names no model_type"


def _unheard_of(model: Model) -> str | None:
    """Read off the tables of transformers as text: its import takes ten seconds."""
    auto = _transformers_models() / "auto"
    tables = "".join(
        (auto / file).read_text(encoding="utf-8")
        for file in ("auto_mappings.py", "configuration_auto.py")
    )
    kind = str(model["model_type"])
    if any(f'"{name}"' in tables for name in (kind, kind.removesuffix("_text"))):
        return None
    return f"model_type={kind!r} is none that transformers knows"


def _encoder(model: Model) -> str | None:
    if model.get("is_encoder_decoder"):
        return "an encoder-decoder, not a causal language model"
    if model["model_type"] in ("bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert"):
        return "an encoder, which does not write from left to right"
    return None


def _classifier(model: Model) -> str | None:
    kinds = [str(kind) for kind in model.get("architectures") or ()]
    if any(kind.endswith("ForSequenceClassification") for kind in kinds):
        return (
            "a classifier, such as a reward model, which writes nothing; the verifier reward_model "
            "takes it"
        )
    return None


def _multimodal(model: Model) -> str | None:
    found = [name for name in _SEVERAL if model.get(name)]
    if found:
        return f"a model of more than text ({found[0]}); train its language model saved by itself"
    return None


def _quantized(model: Model) -> str | None:
    method = (model.get("quantization_config") or {}).get("quant_method")
    if method is None:
        return None
    return (
        f"its weights are quantized ({method}), and a quantized weight cannot be trained; "
        "take the model that it was made from"
    )


def _remote_code(model: Model) -> str | None:
    if not model.get("auto_map") or (_transformers_models() / _folder(model)).is_dir():
        return None
    return "its architecture is code of its own repository (auto_map), which is never run here"


def _states_along_the_row(model: Model) -> str | None:
    kinds = {str(kind) for kind in model.get("layer_types") or ()}
    found = [name for name in _STATES if model.get(name)] + sorted(kinds & _STATEFUL)
    if not found:
        return None
    return (
        f"its layers carry a state along the row ({found[0]}), so sequences of one row would see "
        "each other"
    )


def _other_layers(model: Model) -> str | None:
    if model["model_type"] in _CHUNKED:
        return "its attention sees chunks of the positions, which the learner does not compute"
    others = sorted({str(kind) for kind in model.get("layer_types") or ()} - _ATTENTION)
    return f"it has layers of {others[0]}, which the learner does not compute" if others else None


def _layer_count(model: Model) -> str | None:
    layers, kinds = model.get("num_hidden_layers"), model.get("layer_types")
    if not isinstance(layers, int) or not kinds or len(kinds) == layers:
        return None
    return f"its config.json names {len(kinds)} layer_types for num_hidden_layers={layers}"


def _alibi(model: Model) -> str | None:
    nested = model.get("attn_config")
    if model.get("alibi") or (isinstance(nested, dict) and nested.get("alibi")):
        return "ALiBi counts positions from the row's start, not from the sequence's"
    if model["model_type"] == "bloom":
        return "ALiBi counts positions from the row's start, not from the sequence's"
    return None


def _unknown_rope(model: Model) -> str | None:
    unknown = [kind for kind, _ in rope_kinds(model) if kind not in _ROPES]
    if not unknown:
        wrong = [f for _, f in rope_kinds(model) if isinstance(f, Real) and f <= 0]
        return f"factor={wrong[0]} of its RoPE must be above 0" if wrong else None
    close = nearest(str(unknown[0]), _ROPES) or "default"
    return f"rope_type={unknown[0]!r} is none that transformers knows; nearest valid: {close!r}"


def _soft_caps(model: Model) -> str | None:
    if cap := model.get("attn_logit_softcapping"):
        return f"its attention has soft caps ({cap:g}), which the learner does not compute"
    if model.get("final_logit_softcapping"):
        return "its logits have soft caps, which the learner does not compute"
    return None


def _sinks(model: Model) -> str | None:
    if model["model_type"] in _SINKS:
        return "its attention has sinks, which the learner does not compute"
    return None


def _own_attention(model: Model) -> str | None:
    if model["model_type"] in _OWN_ATTENTION:
        return "its attention in transformers cannot be told where sequences of a row end"
    return None


def _routing(model: Model) -> str | None:
    for name, (right, default) in _ROUTING.get(model["model_type"], {}).items():
        if (found := model.get(name, default)) != right:
            return (
                f"{name}={found!r} in its config.json, by which vLLM would choose other experts "
                f"than transformers does; nearest valid: {name}={right!r}"
            )
    if model["model_type"] == "deepseek_v2" and model.get("topk_method", "greedy") == "greedy":
        groups, kept = model.get("n_group") or 1, model.get("topk_group") or 1
        if kept < groups:
            return (
                f"topk_method='greedy' in its config.json, but vLLM chooses experts by groups "
                f"(topk_group={kept} of n_group={groups}); nearest valid: topk_method="
                "'group_limited_greedy'"
            )
    return None


def _unknown_to_vllm(model: Model) -> str | None:
    return _UNKNOWN_TO_VLLM.get(model["model_type"])


def _not_sampled(model: Model) -> str | None:
    return NOT_SAMPLED.get(model["model_type"])


def _tokens(model: Model) -> str | None:
    size: int | None = model.get("vocab_size")
    ends = model.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [ends]
    if named := [end for end in ends if isinstance(end, str)]:
        return f"eos_token_id={named[0]!r} is no number of a token"
    outside = [end for end in ends if isinstance(end, int) and size and end >= size]
    if size and outside:
        return f"its embedding ends at {size - 1}, but eos_token_id is {outside[0]}"
    return None


_FEATURES: tuple[Callable[[Model], str | None], ...] = (
    _unnamed,
    _encoder,
    _classifier,
    _multimodal,
    _quantized,
    _remote_code,
    _unheard_of,
    _states_along_the_row,
    _other_layers,
    _layer_count,
    _alibi,
    _unknown_rope,
    _soft_caps,
    _sinks,
    _own_attention,
    _not_sampled,
    _routing,
    _tokens,
)
_ANSWERING = (
    *(
        _unnamed,
        _encoder,
        _classifier,
        _remote_code,
        _unheard_of,
        _unknown_to_vllm,
        _routing,
        _tokens,
    ),
)


# --- parts of it ----------------------------------------------------------------------------------


def _first(features: tuple[Callable[[Model], str | None], ...], model: Model) -> str | None:
    return next((reason for says in features if (reason := says(model))), None)


def _refused(named: str, model: Model, reason: str) -> str:
    kind = model.get("model_type", "no model_type")
    nearest = "" if kind in WORKS else f"; nearest valid model_type: {_nearest(model)}"
    return f"{named} ({kind}): {reason}{nearest} (docs/models.md lists the models that work)"


def _nearest(model: Model) -> str:
    """A type of model that works, by its name or by whether it has experts."""
    experts = any(model.get(name) for name in EXPERTS)
    close = nearest(str(model.get("model_type")), WORKS, cutoff=0.7)
    return close or ("qwen3_moe" if experts else "qwen3")


def _folder(model: Model) -> str:
    return str(model["model_type"]).removesuffix("_text").replace("-", "_")


def _transformers_models() -> Path:
    """Where transformers has its architectures; it is not imported."""
    from importlib.util import find_spec

    spec = find_spec("transformers")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"
