"""A policy's weights as its checkpoint holds them: what vLLM loads from disk, and every update.

transformers keeps some parameters in another form than the files: the experts of a layer, which
are one tensor each on disk, are one stacked parameter in memory, and some names differ. Updates
bring the form on disk, so that they take the road that vLLM takes at its start.

    model.layers.0.mlp.experts.gate_up_proj [E, 2 I, H]
        -> model.layers.0.mlp.experts.0.gate_proj.weight [I, H], ...0.up_proj.weight [I, H], ...
"""

from collections.abc import Iterable, Iterator, Mapping

import torch
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from rlsys.errors import ConfigError
from rlsys.weights.bundle import Named

Shape = tuple[int, ...]


class SavedForm:
    """From a model's parameters to the tensors of its checkpoint."""

    def __init__(self, model: PreTrainedModel, shapes: Mapping[str, Shape]) -> None:
        """shapes: of the model's whole parameters, by name; under ZeRO-3 they are nowhere whole.

        Raises:
            ConfigError: a tensor of the checkpoint is made of several parameters.
        """
        self.model = model
        parameters = {n: torch.empty(shape, device="meta") for n, shape in shapes.items()}
        saved = {name: revert_weight_conversion(model, {name: p}) for name, p in parameters.items()}
        self._same = {n for n, found in saved.items() if found.get(n) is parameters[n]}
        self.shapes: dict[str, Shape] = {
            name: tuple(tensor.shape) for found in saved.values() for name, tensor in found.items()
        }
        """Of the checkpoint's tensors, in the order of the parameters that hold them."""
        together = revert_weight_conversion(model, dict(parameters))
        if {name: tuple(tensor.shape) for name, tensor in together.items()} != self.shapes:
            names = sorted(set(together) ^ set(self.shapes)) or sorted(together)
            raise ConfigError(
                f"model.path: {type(model).__name__} makes {names[:3]} of its checkpoint of "
                "several parameters, which cannot be sent to the samplers one by one"
            )

    def of(self, named: Iterable[Named]) -> Iterator[Named]:
        """The checkpoint's tensors that hold these parameters; views where they can be."""
        for name, tensor in named:
            if name in self._same:
                yield name, tensor
            else:
                yield from revert_weight_conversion(self.model, {name: tensor}).items()
