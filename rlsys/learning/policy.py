"""A causal language model that answers one question: the logprobs of given completion tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from rlsys.algorithms.logprobs import chunked_logprobs
from rlsys.errors import ConfigError
from rlsys.learning import attention
from rlsys.learning.layout import Layout
from rlsys.learning.network import Network
from rlsys.thinking.latents import embeddings, latents_of


class PolicyModel(Network):
    """Wraps a Hugging Face causal LM. Its head is called on chunks of completion tokens only, so
    the [tokens, vocabulary] logits never exist at once; as a module call, so ZeRO-3 gathers it."""

    def __init__(
        self,
        model: PreTrainedModel,
        temperature: float,
        chunk_tokens: int,
        entropy_gradient: bool = False,
        latents: int = 0,
    ) -> None:
        """latents: that it makes of each prompt; layouts must have as many."""
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.logit_divisor = logit_divisor(model.config)
        self.chunk_tokens = chunk_tokens
        self.entropy_gradient = entropy_gradient
        self.latents = latents

    def forward(
        self, layout: Layout, num_chunks: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logprobs [N] and entropies [N] of the layout's completion tokens, nats, at the sampling
        temperature, over the tokens that were kept when they were sampled; num_chunks as in
        chunked_logprobs."""
        logprobs, entropies = chunked_logprobs(
            self.model.get_output_embeddings(),
            hidden_states(self.model.get_decoder(), layout).index_select(0, layout.read_at),
            layout.targets,
            self.temperature * self.logit_divisor,
            self.chunk_tokens,
            kept=layout.kept,
            entropy_gradient=self.entropy_gradient,
            num_chunks=num_chunks,
        )
        return layout.repeated(logprobs), layout.repeated(entropies)


def logit_divisor(config: PreTrainedConfig) -> float:
    """By what a model divides its head's output: Granite's `logits_scaling`, the inverse of
    Cohere's `logit_scale`; 1 for others."""
    divisor = getattr(config, "logits_scaling", None) or 1.0
    return divisor / (getattr(config, "logit_scale", None) or 1.0)


def hidden_states(decoder: nn.Module, layout: Layout) -> torch.Tensor:
    """[S, H] final hidden states of a packed row, under a decoder with packed attention."""
    output = decoder(
        **_inputs(decoder, layout),
        position_ids=layout.position_ids,
        attention_plan=layout.attention,
        use_cache=False,
    )
    return output.last_hidden_state[0]


def _inputs(decoder: nn.Module, layout: Layout) -> dict[str, torch.Tensor]:
    """Token ids; with latents the embeddings of tokens, and the latents at their places."""
    own = layout.latents
    if own is None:
        return {"input_ids": layout.input_ids}
    latents = latents_of(decoder, own.rows, own.passes())[own.whose]
    row = embeddings(decoder, layout.input_ids)[0]
    return {"inputs_embeds": row.index_copy(0, own.into, latents.flatten(0, 1))[None]}


def checkpoint_layers(model: PreTrainedModel) -> None:
    """Keep a layer's input alone, and compute its activations again in the backward pass.

    transformers' own switch works in training mode alone, and that has dropout, under which
    logprobs are not those of the policy that the sampler ran.
    """
    for layer in model.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)


def load_causal_lm(path: str | Path, dtype: torch.dtype) -> PreTrainedModel:
    """A Hugging Face model directory or hub id, with packed attention.

    Raises:
        ConfigError: the model's attention cannot be exchanged.
    """
    with packed_attention(path) as attention_of:
        return AutoModelForCausalLM.from_pretrained(str(path), dtype=dtype, **attention_of)


@contextmanager
def packed_attention(path: str | Path) -> Iterator[dict[str, str]]:
    """Load a model inside, with what is given here.

    Raises:
        ConfigError: the model's attention cannot be exchanged.
    """
    try:
        yield {"attn_implementation": attention.NAME}
    except KeyError as error:
        if error.args != (attention.NAME,):
            raise
        # Its table of attention classes is its own, and not transformers' common one.
        raise ConfigError(
            f"model.path={str(path)!r}: this architecture's attention cannot be exchanged for "
            "attention in packed rows. docs/models.md lists the models that work"
        ) from error
