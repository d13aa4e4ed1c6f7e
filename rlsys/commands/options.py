"""What several commands share: options, as they are typed, and a summary of a function."""

import inspect
from collections.abc import Callable
from typing import Any

import typer

PRICES = typer.Option(help="Price table; without it, configs/eval/prices.yaml.")
PRICE_OF = typer.Option(help="Whose prices of the table.")


def key_values(pairs: list[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; values are read as YAML reads them."""
    from omegaconf import OmegaConf

    options = OmegaConf.to_object(OmegaConf.from_dotlist(pairs))
    assert isinstance(options, dict)
    return {str(name): value for name, value in options.items()}


def summary_of(factory: Callable[..., Any]) -> str:
    """The first sentence of its description, on one line."""
    text = " ".join((inspect.getdoc(factory) or "").partition("\n\n")[0].split())
    return text or "(no description)"
