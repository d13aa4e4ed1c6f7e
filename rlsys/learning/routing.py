"""A policy's routers: which experts each token of a row goes through, seen and replayed.

transformers' routers are modules of their own, which return logits [S, E], weights [S, k] and the
chosen experts [S, k]. A hook behind each shows them, and puts another choice in the place of its
own, with the weights that its logits give to that choice, so that gradients flow as they do.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rlsys.errors import ConfigError

BIAS = "e_score_correction_bias"
"""Of a router that is balanced by a bias: a buffer [E], which no gradient trains."""
_ROUTER = re.compile(r"Top[kK]Router$")
_NORMALIZED = ("MixtralTopKRouter",)
"""Routers whose weights add up to 1, and that do not say so by norm_topk_prob."""
_OVER_CHOSEN = ("GraniteMoeTopKRouter",)
"""Routers whose weights are a softmax over the logits of the chosen experts."""


@dataclass(frozen=True)
class Routing:
    """What the router of one layer did with a row of S tokens."""

    logits: Tensor
    """[S, E]; gradient flows."""
    experts: Tensor
    """[S, k] int64."""
    has_bias: bool

    @property
    def probabilities(self) -> Tensor:
        """[S, E] float32, of each token a distribution. Made here, and not behind the router: what
        a checkpointed layer keeps must be the same when it is computed again.

        DeepSeek-V3's affinities are sigmoids, and made a distribution for its balance loss
        (arXiv:2412.19437, eq. 19).
        """
        if not self.has_bias:
            return self.logits.float().softmax(-1)
        affinities = self.logits.float().sigmoid()
        return affinities / affinities.sum(-1, keepdim=True)


class Routers:
    """All routers of a model, in the order of its layers; none of a dense one.

    Build it once DeepSpeed has wrapped the model: its own hooks have to come first.
    """

    def __init__(self, model: nn.Module, proves: bool) -> None:
        """proves: that a choice can be replayed is proved wherever a router makes its own."""
        self._proves = proves
        named = [(n, m) for n, m in model.named_modules() if _ROUTER.search(type(m).__name__)]
        self.names = [name for name, _ in named]
        self.modules: list[Any] = [module for _, module in named]
        self._seen: list[Routing] | None = None
        self._replayed: Sequence[Tensor] | None = None
        for layer, module in enumerate(self.modules):
            module.register_forward_hook(partial(self._routed, layer))

    def __len__(self) -> int:
        return len(self.modules)

    @contextmanager
    def seen(self) -> Iterator[list[Routing]]:
        """What the routers do inside, one after another. Activations that are computed again in a
        backward pass are not inside."""
        self._seen = []
        try:
            yield self._seen
        finally:
            self._seen = None

    def replay(self, experts: Sequence[Tensor] | None) -> None:
        """From now on the experts [S, k] of each layer are these; None: the router's own choice.
        They have to stay for the backward pass, which may compute activations again."""
        self._replayed = experts

    def _routed(self, layer: int, router: Any, inputs: Any, outputs: Any) -> Any:
        experts_first = not outputs[0].is_floating_point()
        logits, weights, experts = reversed(outputs) if experts_first else outputs
        if self._replayed is not None:
            experts = self._replayed[layer].to(experts)
            weights = expert_weights(router, logits, experts).to(weights.dtype)
        elif self._proves:
            _require_known(router, logits, weights, experts)
        if self._seen is not None:
            self._seen.append(Routing(logits, experts.detach(), hasattr(router, BIAS)))
        return (experts, weights, logits) if experts_first else (logits, weights, experts)


def expert_weights(router: Any, logits: Tensor, experts: Tensor) -> Tensor:
    """[S, k] float32: how much each of the given experts weighs, as the router has it for its own.

    Args:
        logits: [S, E].
        experts: [S, k].
    """
    kind = type(router).__name__
    if kind in _OVER_CHOSEN:
        return logits.float().gather(1, experts).softmax(-1)
    scores = logits.float().sigmoid() if hasattr(router, BIAS) else logits.float().softmax(-1)
    chosen = scores.gather(1, experts)
    if getattr(router, "norm_topk_prob", kind in _NORMALIZED):
        chosen = chosen / chosen.sum(-1, keepdim=True)
    return chosen * getattr(router, "routed_scaling_factor", 1.0)


def _require_known(router: Any, logits: Tensor, weights: Tensor, experts: Tensor) -> None:
    """Raise ConfigError unless weights made here are the router's own for its own choice."""
    with torch.no_grad():
        made = expert_weights(router, logits, experts)
        if torch.allclose(made, weights.float(), rtol=0.02, atol=1e-3):
            return
    raise ConfigError(
        f"learner.experts.replay=learner: how {type(router).__name__} weighs the experts it has "
        "chosen is not known here; nearest valid: none"
    )
