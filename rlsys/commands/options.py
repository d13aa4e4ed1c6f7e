"""What several commands share: options, as they are typed, and a summary of a function."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from rlsys.errors import ConfigError

PRICES = typer.Option(help="Price table; without it, configs/eval/prices.yaml.")
PRICE_OF = typer.Option(help="Whose prices of the table.")


def key_values(pairs: list[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; values are read as YAML reads them."""
    from omegaconf import OmegaConf

    options = OmegaConf.to_object(OmegaConf.from_dotlist(pairs))
    assert isinstance(options, dict)
    return {str(name): value for name, value in options.items()}


def html_file(out: Path | None, default: Path) -> Path:
    """Where a page is written.

    Args:
        out: of the option --out; None: the default.
    Raises:
        ConfigError: no file can be there.
    """
    file = (out or default).expanduser()
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise ConfigError(
            f"--out {out}: a file in a folder that exists is needed; nearest valid: --out {default}"
        )
    return file


def summary_of(factory: Callable[..., Any]) -> str:
    """The first sentence of its description, on one line."""
    text = " ".join((inspect.getdoc(factory) or "").partition("\n\n")[0].split())
    return text or "(no description)"
