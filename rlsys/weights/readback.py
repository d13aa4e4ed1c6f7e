"""Which tensors a model does not hold: asked once the canary says that something is wrong.

vLLM keeps weights as its kernels want them, often packed behind a handle that shows nothing. What
a linear layer holds can still be read exactly: applied to the unit matrix it answers with its
weight, since products with 1 and sums with 0 round nothing. That costs a whole product per layer:
too much for every update, nothing for the one that failed.
"""

from collections.abc import Iterable
from typing import Any

import torch
from vllm.model_executor.layers.linear import LinearBase
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead

from rlsys.weights.bundle import Named

_ROWS = 512
"""Of the unit matrix at a time."""


@torch.no_grad()
def differing(model: Any, placed: dict[str, list[str]], tensors: Iterable[Named]) -> list[str]:
    """Published tensors that the model's layers do not hold.

    Args:
        placed: by module, the tensors it was handed, in the order of their rows in its weight.
        tensors: what was published.
    Returns: "tensor (in module)". A layer that is split among GPUs is left out.
    """
    published = dict(tensors)
    wrong = []
    for place, module in model.named_modules():
        names = placed.get(place) or _tied(model, module, placed)
        held = _held(module) if names else None
        row = 0
        for name in names:
            expected = published[name]
            if held is None or expected.ndim != held.ndim:  # a bias
                continue
            part = held[row : row + len(expected)]
            row += len(expected)
            if part.shape == expected.shape and not _is(part, expected.to(part)):
                wrong.append(f"{name} (in {place})")
    return wrong


def _is(part: torch.Tensor, expected: torch.Tensor) -> bool:
    """GPT-2's checkpoints hold a layer's weight the other way round, which only its shape shows."""
    return torch.equal(part, expected) or (
        part.ndim == 2 and part.shape[0] == part.shape[1] and torch.equal(part, expected.T)
    )


def _tied(model: Any, module: Any, placed: dict[str, list[str]]) -> list[str]:
    """An output head that shares the embedding's parameter is handed nothing itself."""
    if not isinstance(module, ParallelLMHead):
        return []
    for place, other in model.named_modules():
        if place in placed and other._parameters.get("weight") is module.weight:
            return placed[place]
    return []


def _held(module: Any) -> torch.Tensor | None:
    """[rows, ...] a layer's weight as it takes effect; None where it has none."""
    weight = module._parameters.get("weight")
    if not isinstance(module, LinearBase | ParallelLMHead):
        return weight
    unit = torch.eye(input_size(module), dtype=weight.dtype, device=weight.device)
    return torch.cat([module.quant_method.apply(module, rows) for rows in unit.split(_ROWS)]).T


def input_size(module: Any) -> int:
    """Of a linear layer, an embedding or an output head, on this GPU."""
    for name in ("input_size_per_partition", "input_size", "embedding_dim"):
        if (size := getattr(module, name, None)) is not None:
            return size
    raise TypeError(f"{type(module).__name__} has no input size")
