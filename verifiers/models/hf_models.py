"""Hugging Face models as graders: loading one, and batches under a budget of tokens.

Nothing here imports torch or transformers before a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rlsys.errors import VerifierError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load(
    verifier: str, path: str, device: str, *, classifier: bool
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """A tokenizer and a model in evaluation mode, with a padding token. Verifiers of one process
    that ask for the same share them, as the memory plan counts them (rlsys/config/graders.py).

    Args:
        device: as torch names it: cpu, cuda, cuda:1.
        classifier: a sequence classifier; else a causal language model.

    Raises:
        VerifierError: there is no such model, or no such device.
    """
    if not path:
        raise VerifierError(
            f"{verifier}: the option model is empty: it names the directory or hub id of a model"
        )
    try:
        return _load(path, device, classifier)
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        # AssertionError is what a torch without CUDA says of a CUDA device.
        reason = str(error).strip().splitlines()[0]
        raise VerifierError(f"{verifier}: model={path!r} on {device!r}: {reason}") from error


@cache
def _load(
    path: str, device: str, classifier: bool
) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    import torch
    import transformers

    auto = (
        transformers.AutoModelForSequenceClassification
        if classifier
        else transformers.AutoModelForCausalLM
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    model = auto.from_pretrained(path)
    torch.nn.Module.to(model, torch.device(device))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    # Nothing comes after a text; keys and values of all layers would be kept for it.
    model.config.use_cache = False
    return tokenizer, model.eval()


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices grouped by similar length, so that no padded batch has more than batch_tokens.

    A text longer than that makes a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[index] > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]], device: Any
) -> dict[str, Any]:
    """input_ids and attention_mask [B, T], int64, padded on the right."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), int(tokenizer.pad_token_id), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def without_special_tokens(tokenizer: PreTrainedTokenizerBase) -> Callable[[str], str]:
    """A function that breaks up the names of a tokenizer's special tokens in a text.

    An answer that writes `<|im_end|>` must not end its own turn in the template of the grader.
    """
    added = tokenizer.added_tokens_decoder.values()
    names = {*tokenizer.all_special_tokens, *(token.content for token in added if token.special)}
    ordered = sorted((name for name in names if len(name) > 1), key=len, reverse=True)

    def clean(text: str) -> str:
        for name in ordered:
            text = text.replace(name, f"{name[0]} {name[1:]}")
        return text

    return clean
