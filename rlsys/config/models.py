"""Which models can be trained, by their config.json alone, before anything heavy is imported.

The learner lays sequences end to end in one row, and calls the output head by itself; the sampler
has to compute the same model. What a config says against that is refused here, in the first second
of a run. What no config says is proved when the fleet starts: that packed rows change nothing
(rlsys.learning.packing_proof), and that vLLM agrees with the learner on the weights from disk and
holds new ones as it holds those (rlsys.sampling.engine.SamplingEngine.prove_model).

docs/models.md is the list of what was tried, made by tests/unit/learning/test_tiny_models.py.
"""

import json
from collections.abc import Callable
from difflib import get_close_matches
from numbers import Real
from pathlib import Path

from rlsys import hub
from rlsys.config.model_room import POSITIONS, Model, room_problems
from rlsys.config.run import RunConfig
from rlsys.errors import ConfigError

WORKS = (
    *("llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "mixtral", "olmoe"),
    *("granitemoe", "glm4_moe", "gemma", "gemma3_text", "phi3", "gpt2", "gpt_neox", "opt"),
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
_SINKS = ("gpt_oss", "mimo_v2_flash")
_OWN_ATTENTION = (
    *("gptj", "falcon", "mpt", "codegen", "stablelm", "nemotron", "persimmon", "gpt_neo", "ctrl"),
    *("gpt_neox_japanese", "xglm"),
)
_CHUNKED = ("llama4", "llama4_text")
NOT_SAMPLED = {
    "phi": "vLLM 0.32.0 does not show that it takes a new bias of the output head",
    "phimoe": "vLLM 0.32.0 has no implementation of it, and fails with that of transformers",
    **dict.fromkeys(
        ("deepseek_v2", "deepseek_v3"),
        "vLLM 0.32.0 computes its latent attention otherwise on CPU (by 0.4 nats and more); it "
        "was not tried on GPUs",
    ),
}
"""What the learner computes, and vLLM does not as it does."""
_WEIGHTS = ("*.safetensors", "*.bin")
_POINTER = b"version https://git-lfs"
"""How a file begins that `git clone` left in place of a large one."""
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts")
_TYPES: dict[str, tuple[type, str]] = {
    "model_type": (str, "a text"),
    "layer_types": (list, "a list"),
    "text_config": (dict, "an object"),
    "quantization_config": (dict, "an object"),
    "rope_scaling": (dict, "an object"),
    "rope_parameters": (dict, "an object"),
    "vocab_size": (Real, "a number"),
    "sliding_window": (Real, "a number"),
    "attn_logit_softcapping": (Real, "a number"),
    "final_logit_softcapping": (Real, "a number"),
    **dict.fromkeys(POSITIONS, (Real, "a number")),
}
"""Of what is read here."""


def require_trainable(config: RunConfig) -> None:
    """Raise ConfigError when the run's model says of itself that it cannot be trained here, or that
    model.max_context has no room in it, or when its directory holds no weights. The local policy
    is made to fit."""
    path = config.model.path
    if not path:
        return
    model = read_config(path)
    if reason := refusal(model):
        kind = model.get("model_type", "no model_type")
        nearest = "" if kind in WORKS else f"; nearest valid model_type: {_nearest(model)}"
        raise ConfigError(
            f"model.path={path!r} ({kind}): {reason}{nearest} (docs/models.md lists the models "
            "that work)"
        )
    if problems := room_problems(config, model):
        raise ConfigError("\n".join(problems))
    if reason := _without_weights(Path(path).expanduser()):
        raise ConfigError(f"model.path={path!r}: {reason}")


def read_config(path: str) -> Model:
    """The config.json of a model directory or hub id, with what it says of the language model.

    Raises:
        ConfigError: there is none, it is not JSON, or a value has another type than it should.
    """
    file = Path(path).expanduser() / "config.json"
    if not file.is_file():
        file = _from_hub(path)
    try:
        found = json.loads(file.read_text())
    except ValueError as error:
        raise ConfigError(f"model.path={path!r}: its config.json is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"model.path={path!r}: its config.json is not a JSON object")
    _check_types(path, found)
    model = found | (found.get("text_config") or {})
    _check_types(path, model)
    return model


def refusal(model: Model) -> str | None:
    """Why a model cannot be trained here; None where its config says nothing against it."""
    for says in _FEATURES:
        if reason := says(model):
            return reason
    return None


# --- features: each says why a model is refused, or nothing ---------------------------------------


def _unnamed(model: Model) -> str | None:
    return None if model.get("model_type") else "its config.json names no model_type"


def _encoder(model: Model) -> str | None:
    if model.get("is_encoder_decoder"):
        return "an encoder-decoder; only causal language models are trained"
    if model["model_type"] in ("bert", "roberta", "xlm-roberta", "distilbert", "electra", "albert"):
        return "an encoder, which does not write from left to right"
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
    found = sorted(kinds & _STATEFUL) + [name for name in _STATES if model.get(name)]
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


def _alibi(model: Model) -> str | None:
    nested = model.get("attn_config")
    if model.get("alibi") or (isinstance(nested, dict) and nested.get("alibi")):
        return "ALiBi counts positions from the row's start, not from the sequence's"
    if model["model_type"] == "bloom":
        return "ALiBi counts positions from the row's start, not from the sequence's"
    return None


def _soft_caps(model: Model) -> str | None:
    defaults = {"gemma2": 50.0}
    cap = model.get("attn_logit_softcapping", defaults.get(model["model_type"]))
    if cap:
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


def _not_sampled(model: Model) -> str | None:
    return NOT_SAMPLED.get(model["model_type"])


def _tokens(model: Model) -> str | None:
    size: int | None = model.get("vocab_size")
    ends = model.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [ends]
    outside = [end for end in ends if isinstance(end, int) and size and end >= size]
    if size and outside:
        return f"its embedding ends at {size - 1}, but eos_token_id is {outside[0]}"
    return None


_FEATURES: tuple[Callable[[Model], str | None], ...] = (
    _unnamed,
    _encoder,
    _multimodal,
    _quantized,
    _remote_code,
    _states_along_the_row,
    _other_layers,
    _alibi,
    _soft_caps,
    _sinks,
    _own_attention,
    _not_sampled,
    _tokens,
)


# --- parts of it ----------------------------------------------------------------------------------


def _check_types(path: str, model: Model) -> None:
    for name, (kind, words) in _TYPES.items():
        value = model.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ConfigError(
                f"model.path={path!r}: {name}={value!r} in its config.json should be {words}"
            )


def _without_weights(folder: Path) -> str | None:
    """Why a directory cannot be loaded; None for one with weights, and for a hub id."""
    if not folder.is_dir():
        return None
    files = sorted(file for kind in _WEIGHTS for file in folder.glob(kind))
    if not files:
        return f"the directory has a config.json and no weights ({' or '.join(_WEIGHTS)})"
    for file in files:
        with file.open("rb") as opened:
            if opened.read(len(_POINTER)) == _POINTER:
                return f"{file.name} is a pointer of Git LFS, not the weights: `git lfs pull` there"
    return None


def _nearest(model: Model) -> str:
    """A type of model that works, by its name or by whether it has experts."""
    experts = any(model.get(name) for name in _EXPERTS)
    close = get_close_matches(str(model.get("model_type")), WORKS, n=1, cutoff=0.7)
    return close[0] if close else "qwen3_moe" if experts else "qwen3"


def _folder(model: Model) -> str:
    return str(model["model_type"]).removesuffix("_text").replace("-", "_")


def _transformers_models() -> Path:
    """Where transformers has its architectures; it is not imported."""
    from importlib.util import find_spec

    spec = find_spec("transformers")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models"


def _from_hub(path: str) -> Path:
    """Downloads one small file, or finds it where it was downloaded before."""
    silence = hub.silence()
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(path, "config.json"))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        reason = silence or str(error).strip().splitlines()[0]
        raise ConfigError(
            f"model.path={path!r}: neither a model directory, nor does the hub give its "
            f"config.json: {reason}"
        ) from error
