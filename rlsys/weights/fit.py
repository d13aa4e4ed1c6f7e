"""Whether a model's weight files fit its config.json, by the names and shapes in their heads.

The files are led through transformers' own loading with tensors that have a shape and no content:
models keep some tensors in another form than their files (experts packed in one parameter, a head
that is the embedding, names of older versions). Without that, a parameter that is in no file is
drawn at random, and a shape that differs is an error of each member once the fleet has loaded.
"""

import re
from collections.abc import Iterable
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import convert_and_load_state_dict_in_model
from transformers.modeling_utils import LoadStateDictConfig, LoadStateDictInfo
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.utils.logging import disable_progress_bar

from rlsys.config.weight_files import Shape, shapes_of
from rlsys.errors import ConfigError
from rlsys.pretrained import loading

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


def require_fitting(path: str, named: str) -> None:
    """Raise ConfigError when the weights in a model's directory are not those that its config.json
    asks for. Only what is certain: nothing is said of a hub id, nor of weights that are quantized
    or not in safetensors, nor of a model of more than text.

    Args:
        named: how the user named the model, for the error.
    """
    shapes = shapes_of(path, named)
    if not shapes:
        return
    with loading(path, f"{named}: its config cannot be loaded"):
        config = AutoConfig.from_pretrained(path)
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or hasattr(config, "quantization_config"):
        return
    disable_progress_bar()
    with loading(path, f"{named}: its config cannot be loaded"), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    if problem := _problem(config, model, shapes):
        raise ConfigError(f"{named}: its weights do not fit its config.json: {problem}")


def _problem(
    config: PreTrainedConfig, model: PreTrainedModel, shapes: dict[str, Shape]
) -> str | None:
    """What differs, the most telling first: layers, then sizes, then single parameters."""
    asked = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = _loaded(model, shapes)
    beyond = [name for name in found.unexpected_keys if _is_of_one_more_layer(name, asked)]
    if getattr(config, "num_nextn_predict_layers", 0):
        beyond = []  # those that predict further tokens, which no policy needs
    num_there, num_asked = _layers(shapes), _layers(asked)
    if num_there != num_asked and (beyond or any(map(_LAYER.search, found.missing_keys))):
        hint = _said(config, num_asked, num_there)
        return f"they have {num_there} layers, and it asks for {num_asked}{hint}"
    others = {name: (list(there), list(right)) for name, there, right in found.mismatched_keys}
    if others:
        # The embedding first: its sizes have names that everybody knows.
        name = min(others, key=lambda name: ("embed" not in name, name))
        there, right = others[name]
        pairs = [(a, b) for a, b in zip(right, there, strict=False) if a != b]
        hint = _said(config, *pairs[0]) if pairs else ""
        return f"{name} is {there}, and it asks for {right}{hint}{_more(others)}"
    missing = sorted(found.missing_keys)
    if missing:
        is_tied = getattr(config.get_text_config(), "tie_word_embeddings", None)
        is_head = missing == ["lm_head.weight"] and is_tied is False
        hint = " (tie_word_embeddings=false)" if is_head else ""
        return f"{missing[0]} is in no file{hint}{_more(missing)}"
    return None


def _loaded(model: PreTrainedModel, shapes: dict[str, Shape]) -> LoadStateDictInfo:
    """What transformers finds when it loads tensors of these shapes."""
    mapping: Any = get_model_conversion_mapping(model)
    found, _ = convert_and_load_state_dict_in_model(
        model,
        {name: torch.empty(shape, device="meta") for name, shape in shapes.items()},
        LoadStateDictConfig(
            device_map={"": "meta"}, ignore_mismatched_sizes=True, weight_mapping=mapping
        ),
    )
    model.tie_weights(missing_keys=found.missing_keys, recompute_mapping=False)
    model._adjust_missing_and_unexpected_keys(found)
    return found


def _said(config: PreTrainedConfig, asked: int, there: int) -> str:
    """Which of the config's sizes may be the wrong one."""
    sizes = config.get_text_config().to_dict().items()
    names = [name for name, value in sizes if value == asked and type(value) is int]
    likely = [f"{name}={asked}" for name in names if "token_id" not in name]
    return f" ({' or '.join(likely)}; nearest valid: {there})" if likely else ""


def _more(names: Iterable[str]) -> str:
    others = len(list(names)) - 1
    return f"; so with {others} more" if others else ""


def _is_of_one_more_layer(name: str, expected: dict[str, Shape]) -> bool:
    """Whether another layer has a parameter of that name."""
    match = _LAYER.search(name)
    if not match:
        return False
    before, after = name[: match.start(1)], name[match.end(1) :]
    return any(n.startswith(before) and n.endswith(after) for n in expected)


def _layers(names: Iterable[str]) -> int:
    return len({match[1] for name in names if (match := _LAYER.search(name))})
