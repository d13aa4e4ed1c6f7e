"""What a model has room for, by its config: an embedding for each token.

A tokenizer of another model, or one that got tokens after the embedding was made, gives ids beyond
it: an index out of range, minutes later, inside a sampler. That the context is no longer than the
positions is checked in rlsys.config.model_room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlsys.data.templates import Prompt
from rlsys.errors import ConfigError
from rlsys.markup import END_THINK
from rlsys.pretrained import loading

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_vocabulary(
    setting: str,
    model: str,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Prompt],
    more: Sequence[tuple[str, Sequence[int]]] = (),
) -> None:
    """Compare the prompts' tokens, and those that end thinking and answer, with the embedding.

    Reads the model's config and no weights.

    Args:
        setting: what named the model, such as `model.path`, for the error.
        model: its directory or hub id.
        more: other token ids, each with what holds them.
    Raises:
        ConfigError: a token has no embedding, or the config cannot be loaded.
    """
    size = getattr(_config(setting, model), "vocab_size", None)
    if size is None:
        return
    ends = [*tokenizer.encode(END_THINK, add_special_tokens=False), tokenizer.eos_token_id or 0]
    uses = [("the end of thinking or answer", ends)]
    uses += [(f"the prompt {p.text[:40]!r} of {p.source}", p.token_ids) for p in prompts]
    for where, token_ids in (*uses, *more):
        largest = max(token_ids, default=0)
        if largest >= size:
            token = tokenizer.convert_ids_to_tokens(largest)
            raise ConfigError(
                f"{setting}={model!r}: {where} holds token {largest} ({token!r}), but the model's "
                f"embedding ends at {size - 1} (vocab_size={size} in its config.json). The "
                "tokenizer is another model's, or got tokens afterwards: then save both after "
                "model.resize_token_embeddings(len(tokenizer))"
            )


def _config(setting: str, model: str) -> Any:
    """The config of the model's language part."""
    from transformers import AutoConfig

    with loading(model, f"{setting}={model!r}: its config cannot be loaded"):
        return AutoConfig.from_pretrained(model).get_text_config()
