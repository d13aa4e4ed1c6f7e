"""What learns: a Hugging Face model, and what it is asked for a packed row."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from transformers import PreTrainedModel

from rlsys.learning.layout import Layout

Outputs = tuple[Tensor, ...]
"""As the network's kind says: logprobs and entropies of tokens, or scores of sequences."""


class Network(nn.Module, ABC):
    """Wraps a model; its objective knows what the outputs are."""

    model: PreTrainedModel
    new_parts: tuple[str, ...] = ()
    """Of the model, by name: what it did not come with, and so learns whole beside an adapter."""

    @abstractmethod
    def forward(self, layout: Layout, num_chunks: int | None = None) -> Outputs:
        """Args:
        num_chunks: calls of the head, where it is called on chunks of tokens.
        """
