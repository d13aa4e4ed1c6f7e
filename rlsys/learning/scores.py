"""A sequence classifier with one output, as a reward model is: a score for each whole sequence."""

from pathlib import Path
from typing import cast

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from rlsys.learning.layout import Layout
from rlsys.learning.network import Network, Outputs
from rlsys.learning.policy import hidden_states, packed_attention
from rlsys.pretrained import load_tokenizer, padding_id


class ScoreModel(Network):
    """Wraps what AutoModelForSequenceClassification loads; its head reads the last token."""

    new_parts = ("score",)

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def states(self, layout: Layout) -> torch.Tensor:
        """[B, H] final hidden states of each sequence's last token."""
        return hidden_states(self.model.base_model, layout)[layout.ends]

    def forward(self, layout: Layout, num_chunks: int | None = None) -> Outputs:
        """Scores [B] of the layout's sequences, float32; the head is called once."""
        head = cast(nn.Module, self.model.score)
        return (head(self.states(layout)).squeeze(-1).float(),)


def load_classifier(path: str | Path, dtype: torch.dtype) -> PreTrainedModel:
    """A policy with a head of one output in the place of its own. Nothing is known at the start:
    the head is 0, and so is every score.

    Raises:
        ConfigError: the model's attention cannot be exchanged.
    """
    with packed_attention(path) as attention:
        model = AutoModelForSequenceClassification.from_pretrained(
            str(path), num_labels=1, dtype=dtype, **attention
        )
    nn.init.zeros_(model.score.weight)
    # By it the loaded model finds a padded sequence's last token.
    model.config.get_text_config().pad_token_id = padding_id(load_tokenizer(str(path)))
    return model
