"""The command line: thin, and quick to say what it does. Heavy imports wait until needed."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsys.commands import doctor, inspect, verifiers
from rlsys.errors import RlsysError

if TYPE_CHECKING:
    from rlsys.config.schema import RunConfig

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed.",
)

Overrides = Annotated[
    list[str] | None, typer.Argument(help="section.key=value, as in loop.steps=20")
]


@app.callback()
def root() -> None:
    """Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed."""


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="YAML file of what differs from configs/base.yaml")],
    overrides: Overrides = None,
) -> None:
    """Train a policy: asynchronous GRPO on real parts."""
    from rlsys.config.load import load

    started = time.monotonic()
    console = Console()
    console.print(f"rlsys train: reading {config}", highlight=False)
    settings = load(config, overrides)
    name = run_name(settings, config)
    console.print("loading the libraries (ray, torch, transformers)", highlight=False)
    from actors.run import train as run_training

    summary = run_training(settings, name, console, started)
    if summary.steps < settings.loop.steps:
        raise typer.Exit(1)


app.command()(inspect.inspect)
app.command()(doctor.doctor)
app.add_typer(verifiers.app, name="verifiers")


def run_name(config: "RunConfig", path: Path) -> str:
    """config.run.name, or the config file's name; numbered when its folder exists."""
    base = config.run.name or path.stem
    folder = Path(config.run.directory).expanduser()
    if not (folder / base).exists():
        return base
    number = 2
    while (folder / f"{base}-{number}").exists():
        number += 1
    return f"{base}-{number}"


def main() -> None:
    """Entry point: one clear line for an error of ours, a traceback for a bug."""
    # Before torch is imported anywhere: thread pools of their own would fight over two cores.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except RlsysError as error:
        Console(stderr=True).print(
            f"{type(error).__name__}: {error}", style="red", highlight=False, markup=False
        )
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("interrupted; the fleet has been ended", highlight=False)
        sys.exit(130)
