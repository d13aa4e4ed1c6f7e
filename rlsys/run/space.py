"""How large a checkpoint will be, from the headers of a model's files: nothing is loaded."""

import math

from rlsys.config.weight_files import shapes_of

_LEARNER_BYTES = 16
"""Per parameter: weights, float32 master weights, and AdamW's two moments."""


def checkpoint_bytes(model_path: str, policy_bytes: int, with_critic: bool) -> int | None:
    """Bytes of one checkpoint but for the kept samples; None when the model is not a folder of
    safetensors, so that its size is not known before it is loaded.

    Args:
        policy_bytes: per parameter, of the policy in Hugging Face form.
    """
    shapes = shapes_of(model_path, model_path)
    if not shapes:
        return None
    parameters = sum(map(math.prod, shapes.values()))
    return parameters * (_LEARNER_BYTES * (2 if with_critic else 1) + policy_bytes)
