"""The command line: thin, and quick to say what it does. Heavy imports wait until needed."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsys import __version__
from rlsys.commands import (
    chat,
    checkpoint,
    doctor,
    grade,
    inspect,
    plan,
    runs,
    serve,
    stacks,
    thinking,
    verifiers,
)
from rlsys.commands import eval as evaluation
from rlsys.errors import ConfigError, RlsysError
from rlsys.imports import imports
from rlsys.watch.signals import end_process

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # In a pipe or a log, an error is a line and not a box of 80 columns.
    rich_markup_mode="rich" if sys.stderr.isatty() else None,
    help="Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed.",
)

_LOG_WIDTH = 200
"""Columns of a table in a file or a pipe, where nobody wraps lines but its reader."""

Overrides = Annotated[
    list[str] | None, typer.Argument(help="section.key=value, as in loop.steps=20")
]


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"rlsys {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed."""


@app.command()
def train(
    config: Annotated[
        Path | None, typer.Option(help="YAML file of what differs from configs/base.yaml")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(help="name or folder of a run to go on with", metavar="RUN")
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Train a policy: asynchronous GRPO on real parts."""
    started = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    if config and not resume:
        console.print(f"rlsys train: reading {config}", highlight=False)
        settings, name = _new_run(config, overrides or [])
    elif resume and not config:
        console.print(f"rlsys train: resuming {resume}", highlight=False)
        settings, name = _old_run(resume, overrides or [])
    else:
        raise ConfigError(
            "rlsys train needs --config FILE for a new run, or --resume RUN to go on with an old "
            "one, which has its own config"
        )
    from rlsys.config.models import require_trainable
    from rlsys.network import require_cluster

    require_trainable(settings)
    require_cluster(settings.cluster.address)
    console.print("loading the libraries (ray, torch, transformers)", highlight=False)
    with imports():
        from actors.drivers.train import train as run_training
    from rlsys.watch.signals import Terminated

    try:
        summary = run_training(settings, name, console, started, resume=resume is not None)
    except (KeyboardInterrupt, Terminated) as ended:
        told = "SIGTERM" if isinstance(ended, Terminated) else "SIGINT"
        console.print(f"stopped by {told}; what was started has been ended", highlight=False)
        raise
    except RlsysError:
        folder = Path(settings.run.directory).expanduser() / name
        if not folder.exists():
            console.print(
                f"run {name} has not begun: there is no folder of it, and nothing in `rlsys runs`",
                highlight=False,
                markup=False,
            )
        raise
    if summary.stopped_by is not None:
        raise typer.Exit(128 + summary.stopped_by)
    if summary.steps < summary.planned_steps:
        raise typer.Exit(1)


app.command()(runs.runs)
app.command()(checkpoint.checkpoint)
app.command()(stacks.stacks)
app.command()(inspect.inspect)
app.command()(doctor.doctor)
app.command()(plan.plan)
app.command("eval")(evaluation.evaluate)
app.command()(evaluation.compare)
app.command()(chat.chat)
app.command()(serve.serve)
app.add_typer(evaluation.app, name="benchmarks")
app.command()(grade.grade)
app.add_typer(thinking.app, name="thinking")
app.add_typer(verifiers.app, name="verifiers")


def _new_run(config: Path, overrides: list[str]) -> "tuple[RunConfig, str]":
    """Settings and name of a run that begins."""
    from rlsys.config.load import load
    from rlsys.disk import require_writable
    from verifiers.settings import check_rewards

    settings = load(config, overrides, check_rewards)
    require_writable(settings.run.directory)
    return settings, run_name(settings, config)


def _old_run(run: str, overrides: list[str]) -> "tuple[RunConfig, str]":
    """Settings and name of a run that goes on; run.directory=PLACE is where its name is sought."""
    from rlsys.config.resume import find_run, resumed_config
    from rlsys.config.run import RunSection
    from rlsys.run.checkpointer import newest
    from rlsys.run.folder import held
    from verifiers.settings import check_rewards

    places = [text for text in overrides if text.startswith("run.directory=")]
    directory = places[-1].partition("=")[2] if places else RunSection().directory
    folder = find_run(run, directory)
    own = [text for text in overrides if text not in places]
    settings = resumed_config(folder, own, check_rewards)
    if not settings.loop.epochs:  # else the steps are known when the prompts are counted
        with held(folder):
            newest(folder, settings.loop.steps)
    return settings, folder.name


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
            f"{type(error).__name__}: {error}",
            style="red",
            highlight=False,
            markup=False,
            soft_wrap=True,  # a path or a command in it can be copied as it stands
        )
        end_process(2)
    except SystemExit as ended:
        end_process(ended.code)
