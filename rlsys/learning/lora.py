"""An adapter on a policy: LoRA (Hu et al., arXiv:2106.09685, eq. 3).

    y = W x + b + (alpha / rank) B A x        W [out, in], A [rank, in], B [out, rank]

W and b are frozen, A and B are trained. B is 0 at the start, so that the policy begins as it was;
without its adapter it is that policy at any time, which is the reference. What others are given is
one weight, W + (alpha / rank) B A.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rlsys.config.adapter import adapted_layers
from rlsys.config.lora import LoraConfig
from rlsys.learning.routing import BIAS


class LoraLinear(nn.Linear):
    """In the place of a linear layer, with that one's weight and bias."""

    def __init__(self, linear: nn.Linear, rank: int, scale: float) -> None:
        """scale: alpha / rank."""
        rows, columns, has_bias = linear.out_features, linear.in_features, linear.bias is not None
        super().__init__(columns, rows, has_bias, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.scale, self.is_on = scale, True
        device, dtype = linear.weight.device, linear.weight.dtype
        # A as torch begins a linear layer, which is as the paper's authors do.
        self.lora_A = nn.Linear(columns, rank, bias=False, device=device, dtype=dtype)
        self.lora_B = nn.Linear(rank, rows, bias=False, device=device, dtype=dtype)
        nn.init.zeros_(self.lora_B.weight)

    @property
    def adapter(self) -> tuple[nn.Parameter, nn.Parameter]:
        """A and B."""
        return next(self.lora_A.parameters()), next(self.lora_B.parameters())

    def forward(self, input: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        output = super().forward(input)
        return output + self.scale * self.lora_B(self.lora_A(input)) if self.is_on else output


def add_adapter(model: PreTrainedModel, config: LoraConfig, whole: Sequence[str] = ()) -> None:
    """Freeze a model but for adapters on its linear layers.

    Args:
        whole: parts of the model, by name, that are new and trained whole.
    Raises:
        ConfigError: a target is no linear layer of the model, or the rank is larger than one.
    """
    linear = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    shapes = {name: (part.out_features, part.in_features) for name, part in linear.items()}
    model.requires_grad_(False)
    for name in whole:
        model.get_submodule(name).requires_grad_(True)
    for name in adapted_layers(shapes, config):
        parent, _, own = name.rpartition(".")
        adapted = LoraLinear(linear[name], config.rank, config.alpha / config.rank)
        setattr(model.get_submodule(parent), own, adapted)


@contextmanager
def without_adapter(model: nn.Module) -> Iterator[None]:
    """Inside, the model is the one that it was before it was given an adapter."""
    layers = [part for part in model.modules() if isinstance(part, LoraLinear)]
    for layer in layers:
        layer.is_on = False
    try:
        yield
    finally:
        for layer in layers:
            layer.is_on = True


@dataclass(frozen=True)
class Weight:
    """One weight of a policy as others know it: by its name in the model without an adapter."""

    name: str
    parameter: Tensor
    """Or a buffer that a checkpoint holds: a router's bias, which ZeRO never shards."""
    adapted: LoraLinear | None
    """The layer whose weight it is, where that has an adapter."""

    @property
    def is_trained(self) -> bool:
        """Whether it is a parameter, and no buffer."""
        return isinstance(self.parameter, nn.Parameter)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters that it is made of, its own first."""
        own = [self.parameter] if isinstance(self.parameter, nn.Parameter) else []
        return [*own, *(self.adapted.adapter if self.adapted else ())]

    def dtype(self, policy: torch.dtype) -> torch.dtype:
        """In which it is published by a policy of this precision: a bias in its own, since its
        steps are below those of bfloat16."""
        return policy if self.is_trained else self.parameter.dtype

    def whole(self, dtype: torch.dtype) -> Tensor:
        """The weight in this precision, with its adapter in it; a view of the parameter where it
        has none and is of that precision. Under ZeRO-3 its parameters must be gathered. The same
        parameters always give the same weight."""
        own = self.parameter.detach()
        if self.adapted is None:
            return own.to(self.dtype(dtype))
        a, b = (parameter.detach().float() for parameter in self.adapted.adapter)
        merged = torch.addmm(own.float(), b, a, alpha=self.adapted.scale)
        return dithered(merged) if dtype is torch.bfloat16 else merged.to(dtype)


_STEPS = (49471, 37345)
"""The fractions of the additive sequence that fills a square most evenly (0.7549 and 0.5698, by the
root of x^3 = x + 1), of 2^16."""


def dithered(values: Tensor) -> Tensor:
    """[n, m] float32 in bfloat16, each rounded up or down by a threshold of its place, so that what
    is far below a step of bfloat16 is kept in the mean. A number that bfloat16 has stays.

    A weight that was rounded to the nearest would swallow its adapter: with an update a two
    thousandth of the weights' size 28 % of it would reach the samplers, with one of a twenty
    thousandth 3 %.
    """
    rows, columns = (
        torch.arange(size, dtype=torch.int32, device=values.device) * step & 0xFFFF
        for size, step in zip(values.shape, _STEPS, strict=True)
    )
    # A bfloat16 is the upper half of a float32: what a threshold carries over is a step. In place,
    # as one layer may take hundreds of MiB.
    bits = rows[:, None] + columns
    bits &= 0xFFFF
    bits += values.contiguous().view(torch.int32)
    bits &= -0x10000
    return bits.view(torch.float32).to(torch.bfloat16)


def weights_of(model: nn.Module) -> list[Weight]:
    """All weights of a policy, in its own order, and then the biases of its routers."""
    layers = {
        f"{name}.weight": part
        for name, part in model.named_modules()
        if isinstance(part, LoraLinear)
    }
    adapters = {id(one) for layer in layers.values() for one in layer.adapter}
    trained = [
        Weight(name, parameter, layers.get(name))
        for name, parameter in model.named_parameters()
        if id(parameter) not in adapters
    ]
    biases = [(name, tensor) for name, tensor in model.named_buffers() if name.endswith(BIAS)]
    return [*trained, *(Weight(name, tensor, None) for name, tensor in biases)]
