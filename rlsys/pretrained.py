"""Reading a model's config and tokenizer: what transformers cannot read is one line of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rlsys import hub
from rlsys.errors import ConfigError
from rlsys.imports import imports

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@contextmanager
def loading(path: str, problem: str) -> Iterator[None]:
    """Read the config or tokenizer of a directory or hub id inside; a ConfigError gives the problem
    and the cause.

    with loading(path, f"model.path={path!r}: its config cannot be loaded"):
        config = AutoConfig.from_pretrained(path)
    """
    silence = "" if Path(path).is_dir() else hub.silence()
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (OSError, ValueError) as error:
        raise ConfigError(f"{problem}: {silence or _lines(error)[0]}") from error
    except KeyError as error:
        raise ConfigError(
            f"{problem}: a file of it has no {error}; copy or download it again"
        ) from error
    except StrictDataclassError as error:
        # The first line is the name of a check; what does not fit together stands below.
        raise ConfigError(f"{problem}: {_lines(error)[-1]}") from error


def load_tokenizer(path: str, named: str = "") -> PreTrainedTokenizerBase:
    """The tokenizer of a directory or hub id.

    Args:
        named: how a user named it, as in `model.path='runs/local'`.

    Raises:
        ConfigError: it has none that transformers can read.
    """
    with imports():
        from transformers import AutoTokenizer
    problem = f"{named or path}: no tokenizer can be loaded"
    with loading(path, problem):
        tokenizer = AutoTokenizer.from_pretrained(path)
    # Where the files are missing, transformers makes one that knows its special tokens alone.
    if not tokenizer("a b 1", add_special_tokens=False)["input_ids"]:
        raise ConfigError(f"{problem}: it reads no token in a text; is its tokenizer.json missing?")
    return tokenizer


def padding_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """What fills up rows of a batch: the padding token, or else what ends a text."""
    padding = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id if padding is None else padding)


def _lines(error: Exception) -> list[str]:
    return [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
