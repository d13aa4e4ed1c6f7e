"""A model's config.json, before anything heavy is imported."""

import json
from numbers import Real
from pathlib import Path

from rlsys import hub
from rlsys.config.model_defaults import DEFAULTS
from rlsys.config.model_room import POSITIONS, Model
from rlsys.config.model_sizes import size_problems
from rlsys.errors import ConfigError, NotAtHandError

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


def read_config(path: str, named: str) -> Model:
    """The config.json of a model directory or hub id, with what it says of the language model and
    what it leaves to the defaults of its type.

    Args:
        named: how the user named it, for the error.
    Raises:
        NotAtHandError: it is in no folder, nor does the hub give it.
        ConfigError: there is none, it is not JSON, a value has another type than it should, or
            sizes do not fit each other.
    """
    folder = Path(path).expanduser()
    file = folder / "config.json"
    if not file.is_file():
        if folder.is_dir():
            raise ConfigError(f"{named}: the directory has no config.json")
        file = _from_hub(path, named)
    found = _read_object(file, named)
    _check_types(named, found)
    inner = found.get("text_config") or {}
    _check_types(named, inner)
    model = _defaults(found) | found | _defaults(inner) | inner
    if problems := size_problems(model):
        raise ConfigError(
            "\n".join(f"{named}: in its config.json {problem}" for problem in problems)
        )
    return model


def _read_object(file: Path, named: str) -> Model:
    text = file.read_bytes()
    if not text.strip():
        raise ConfigError(f"{named}: its config.json is empty")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{named}: its config.json is not JSON: {error}") from error
    if not isinstance(found, dict):
        kind = "a list" if isinstance(found, list) else repr(found)
        raise ConfigError(
            f"{named}: its config.json is {kind}, where it should be a JSON object with a "
            "model_type and sizes"
        )
    return found


def _defaults(model: Model) -> Model:
    return DEFAULTS.get(str(model.get("model_type")), {})


def _check_types(named: str, model: Model) -> None:
    for name, (kind, words) in _TYPES.items():
        value = model.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ConfigError(f"{named}: {name}={value!r} in its config.json should be {words}")


def _from_hub(path: str, named: str) -> Path:
    """Downloads one small file, or finds it where it was downloaded before."""
    silence = hub.silence()
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(path, "config.json"))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        reason = silence or str(error).strip().splitlines()[0]
        raise NotAtHandError(
            f"{named}: neither a model directory, nor does the hub give its config.json: {reason}"
        ) from error
