"""PPO's value model: the policy's initialization with a scalar head; DeepSpeed wraps it, too."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from rlsys.algorithms.gae import clipped_value_loss
from rlsys.config.algorithm import CriticConfig
from rlsys.learning.layout import Layout
from rlsys.learning.loading import load_for_training
from rlsys.learning.lora import add_adapter
from rlsys.learning.microbatches import Microbatches
from rlsys.learning.policy import checkpoint_layers, hidden_states
from rlsys.learning.ranks import Ranks
from rlsys.learning.report import Totals, numbers
from rlsys.learning.sequences import Sequences
from rlsys.learning.work import work_of


class ValueModel(nn.Module):
    """Value of the state before each completion token."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.decoder = model.get_decoder()
        first = next(self.decoder.parameters())
        self.head = nn.Linear(model.config.hidden_size, 1, device=first.device, dtype=first.dtype)
        # Nothing is known at the start: a value of 0 everywhere makes GAE plain returns.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, layout: Layout) -> torch.Tensor:
        """Returns: [N] reward units, for the layout's completion tokens."""
        hidden = hidden_states(self.decoder, layout)
        return layout.repeated(self.head(hidden[layout.read_at]).squeeze(-1).float())


class Critic:
    """Values of a batch before an update, then learns from its returns."""

    def __init__(self, model_path: str, ranks: Ranks, config: CriticConfig) -> None:
        self.config, self.ranks = config, ranks
        model = load_for_training(model_path, ranks)
        self.microbatches = Microbatches(ranks, work=work_of(model.config))
        if ranks.config.lora:
            add_adapter(model, ranks.config.lora)
        if ranks.config.gradient_checkpointing:
            checkpoint_layers(model)
        self.deepspeed = ranks.into_deepspeed(ValueModel(model), config.learning_rate)

    def values(self, sequences: Sequences) -> list[np.ndarray]:
        """Value of the state before each completion token, float32, reward units. All ranks must
        call, each computes its share."""
        return self.microbatches.numbers(sequences, lambda own: self.deepspeed.module(own.layout))

    def learn(
        self, sequences: Sequences, chosen: Sequence[int], weights: np.ndarray
    ) -> dict[str, float]:
        """One update on a minibatch, from the columns values and returns.

        Args:
            weights: [N] of all sequences, as for the policy loss.
        Returns: metrics, each a sum over this rank's tokens.
        """
        totals = Totals()
        for microbatch in self.microbatches.own(sequences, chosen, weights):
            layout = microbatch.layout
            self.deepspeed.set_gradient_accumulation_boundary(microbatch.is_last)
            output = clipped_value_loss(
                layout.padded(self.deepspeed(layout)),
                sequences.gather("values", layout),
                sequences.gather("returns", layout),
                sequences.mask(layout),
                microbatch.weights,
                self.config.value_clip,
            )
            # DeepSpeed averages gradients over ranks; the weights already count all of them.
            self.deepspeed.backward(output.loss * self.ranks.world_size)
            totals.add(numbers(output.metrics))
        self.deepspeed.step()
        return {f"critic_{name}": total for name, total in totals.sums.items()}
