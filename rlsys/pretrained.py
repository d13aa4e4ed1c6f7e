"""What transformers says of a model that it cannot read, as one error with one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from rlsys.errors import ConfigError


@contextmanager
def loading(problem: str) -> Iterator[None]:
    """Read a model's config or tokenizer inside; a ConfigError gives the problem and the cause.

    with loading(f"model.path={path!r}: its config cannot be loaded"):
        config = AutoConfig.from_pretrained(path)
    """
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (OSError, ValueError) as error:
        raise ConfigError(f"{problem}: {_lines(error)[0]}") from error
    except StrictDataclassError as error:
        # The first line is the name of a check; what does not fit together stands below.
        raise ConfigError(f"{problem}: {_lines(error)[-1]}") from error


def _lines(error: Exception) -> list[str]:
    return [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
