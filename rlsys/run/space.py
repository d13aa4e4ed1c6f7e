"""How large a checkpoint will be, from the headers of a model's files: nothing is loaded."""

import json
import math
import struct
from pathlib import Path

_LEARNER_BYTES = 16
"""Per parameter: weights, float32 master weights, and AdamW's two moments."""


def checkpoint_bytes(model_path: str, policy_bytes: int, with_critic: bool) -> int | None:
    """Bytes of one checkpoint but for the kept samples; None when the model is not a folder of
    safetensors, so that its size is not known before it is loaded.

    Args:
        policy_bytes: per parameter, of the policy in Hugging Face form.
    """
    files = sorted(Path(model_path).expanduser().glob("*.safetensors"))
    if not files:
        return None
    parameters = sum(map(_parameters, files))
    return parameters * (_LEARNER_BYTES * (2 if with_critic else 1) + policy_bytes)


def _parameters(path: Path) -> int:
    """Numbers in a safetensors file: 8 bytes of the header's length, then the header, a JSON
    object of name to dtype, shape and offsets."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__")
