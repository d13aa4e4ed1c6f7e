"""Loading a model to be trained, in the learner's precision.

DeepSpeed makes its float32 master weights from what it is given in the learner's precision, so
nothing is lost by loading in that one.
"""

import torch
from transformers import PreTrainedModel

from rlsys.learning.policy import load_causal_lm
from rlsys.learning.ranks import Ranks


def load_for_training(path: str, ranks: Ranks) -> PreTrainedModel:
    """A model that `ranks.into_deepspeed` will take; every rank loads the whole of it."""
    return load_causal_lm(path, getattr(torch, ranks.config.dtype.value))
