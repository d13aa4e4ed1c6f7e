"""PPO's value model: the policy's initialization with a scalar head, in an engine of its own."""

from types import ModuleType

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from rlsys.algorithms.gae import clipped_value_loss
from rlsys.config.algorithm import AlgorithmConfig
from rlsys.config.run import LearnerConfig
from rlsys.learning.deepspeed_setup import initialize
from rlsys.learning.layout import Layout
from rlsys.learning.policy import hidden_states, load_causal_lm
from rlsys.learning.sequences import Sequences


class ValueModel(nn.Module):
    """Value of the state before each answer token."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.decoder = model.get_decoder()
        self.head = nn.Linear(model.config.hidden_size, 1)
        # Nothing is known at the start: a value of 0 everywhere makes GAE plain returns.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, layout: Layout) -> torch.Tensor:
        """Returns: [N] reward units, for the layout's answer tokens."""
        hidden = hidden_states(self.decoder, layout)
        return self.head(hidden[layout.read_at]).squeeze(-1).float()


class Critic:
    """Values of a batch before an update, then learns from its returns."""

    def __init__(
        self,
        deepspeed: ModuleType,
        model_path: str,
        config: LearnerConfig,
        algorithm: AlgorithmConfig,
    ) -> None:
        self.config, self.algorithm = config, algorithm
        model = ValueModel(load_causal_lm(model_path, torch.float32))
        self.engine = initialize(deepspeed, model, config, algorithm.critic_learning_rate)

    @torch.no_grad()
    def values(self, sequences: Sequences, layouts: list[Layout]) -> list[np.ndarray]:
        """Value of the state before each answer token, float32, reward units.

        Args:
            layouts: microbatches that together hold every sequence, on the engine's device.
        """
        values = [np.empty(0, dtype=np.float32)] * len(sequences)
        for layout in layouts:
            flat = self.engine.module(layout).cpu().numpy()
            ends = np.cumsum([len(sequences.answers[i]) for i in layout.sequences])
            for i, part in zip(layout.sequences, np.split(flat, ends[:-1]), strict=True):
                values[i] = part
        return values

    def learn(
        self,
        sequences: Sequences,
        layout: Layout,
        weights: torch.Tensor,
        world_size: int,
        is_last: bool,
    ) -> dict[str, float]:
        """Forward and backward on one microbatch, and the update after the last one.

        Args:
            weights: [B] of the layout's sequences, as for the policy loss.
        Returns: metrics, each a sum over the microbatch's tokens.
        """
        assert sequences.values is not None
        assert sequences.returns is not None
        self.engine.set_gradient_accumulation_boundary(is_last)
        output = clipped_value_loss(
            layout.padded(self.engine(layout)),
            sequences.gather(sequences.values, layout),
            sequences.gather(sequences.returns, layout),
            sequences.mask(layout),
            weights,
            self.algorithm.value_clip,
        )
        self.engine.backward(output.loss * world_size)
        if is_last:
            self.engine.step()
        return {f"critic_{name}": float(value) for name, value in output.metrics.items()}
