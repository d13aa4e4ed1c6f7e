"""What transformers says of a model that it cannot read, as one error with one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlsys import hub
from rlsys.errors import ConfigError


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
    except StrictDataclassError as error:
        # The first line is the name of a check; what does not fit together stands below.
        raise ConfigError(f"{problem}: {_lines(error)[-1]}") from error


def _lines(error: Exception) -> list[str]:
    return [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
