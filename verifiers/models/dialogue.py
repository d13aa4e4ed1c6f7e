"""Conversations as a sequence classifier reads them: the same tokens in training and in grading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from verifiers.models.hf_models import without_special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class DialogueEncoder:
    """Token ids of whole conversations, by one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer: Any = tokenizer
        self._clean = without_special_tokens(tokenizer)

    def encode(self, turns: Sequence[Mapping[str, Any]]) -> list[int]:
        """In the tokenizer's chat template, where it has one; else all turns but the last as the
        first text of a pair, and the last as the second. Special tokens come from the template,
        never from the turns.

        Raises:
            jinja2.TemplateError: the template refuses the turns' roles.
        """
        cleaned = [
            {"role": turn["role"], "content": self._clean(turn["content"])} for turn in turns
        ]
        if self._tokenizer.chat_template is None:
            *asked, said = (turn["content"] for turn in cleaned)
            return list(self._tokenizer("\n\n".join(asked), said)["input_ids"])
        rendered = self._tokenizer.apply_chat_template(cleaned, tokenize=False)
        return list(self._tokenizer(rendered, add_special_tokens=False)["input_ids"])
