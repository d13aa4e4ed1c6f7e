"""What a learner rank holds on its GPU, laid into the CPU's memory while samplers have the GPU.

DeepSpeed moves what it trains: weights, master weights, the optimizer's states and gradients
(engine.offload_states, of ZeRO 1 and 2). What is frozen it does not know of: the weights under an
adapter, and a reference that the ranks hold.
"""

from collections.abc import Iterator

import torch

from rlsys.learning.learner import Learner


def offload(learner: Learner) -> None:
    """Nothing large is on the GPU when this returns; only `reload` may follow."""
    for model in learner.in_deepspeed.values():
        model.offload_states()
    _move_frozen(learner, torch.device("cpu"))
    if learner.ranks.device.type == "cuda":
        torch.cuda.empty_cache()


def reload(learner: Learner) -> None:
    """All that `offload` took is where it was, in the place and to the bit."""
    for model in learner.in_deepspeed.values():
        model.reload_states()
    _move_frozen(learner, learner.ranks.device)


def _move_frozen(learner: Learner, device: torch.device) -> None:
    for parameter in _frozen(learner):
        parameter.data = parameter.data.to(device)


def _frozen(learner: Learner) -> Iterator[torch.nn.Parameter]:
    held = [learner.reference] if learner.reference is not None else []
    for module in (*(model.module for model in learner.in_deepspeed.values()), *held):
        yield from (one for one in module.parameters() if not one.requires_grad)
