"""The command line: thin, and quick to say what it does. Heavy imports wait until needed."""

import errno
import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from rlsys import __version__
from rlsys.commands import (
    algorithms,
    audit,
    chat,
    checkpoint,
    dashboard,
    doctor,
    explain,
    fleet,
    grade,
    inspect,
    lineage,
    merge,
    plan,
    push,
    recipe,
    report,
    runs,
    serve,
    stacks,
    thinking,
    trace,
    train,
    verifiers,
)
from rlsys.commands import eval as evaluation
from rlsys.errors import ConfigError, RlsysError, first_cause
from rlsys.watch.signals import end_process

_OF_THE_SYSTEM = (
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO),
)
"""Refusals that say all there is to say, and name the file where there is one; none is a bug."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # In a pipe or a log, an error is a line and not a box of 80 columns.
    rich_markup_mode="rich" if sys.stderr and sys.stderr.isatty() else None,
    help="Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed.",
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"rlsys {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Reinforcement learning with verifiable rewards on Ray, vLLM and DeepSpeed."""


app.command()(train.train)
app.command()(train.sft)
app.command()(train.sample)
app.command("reward-model")(train.reward_model)
app.command()(merge.merge)
app.add_typer(recipe.app, name="recipe")
app.command()(lineage.lineage)
app.command()(push.push)
app.command()(runs.runs)
app.command()(report.report)
app.command(context_settings={"ignore_unknown_options": True})(trace.trace)
app.command()(explain.explain)
app.command()(audit.audit)
app.command()(dashboard.dashboard)
app.command()(checkpoint.checkpoint)
app.command()(stacks.stacks)
app.command()(inspect.inspect)
app.command()(doctor.doctor)
app.command()(plan.plan)
app.command()(fleet.fleet)
app.command("eval")(evaluation.evaluate)
app.command()(evaluation.compare)
app.command()(chat.chat)
app.command()(serve.serve)
app.add_typer(evaluation.app, name="benchmarks")
app.command()(grade.grade)
app.add_typer(thinking.app, name="thinking")
app.add_typer(verifiers.app, name="verifiers")
app.add_typer(algorithms.app, name="algorithms")


def _fill_standard_streams() -> None:
    """Open /dev/null where a shell closed one (`>&-`): the next file that is opened would get its
    number, and what members print would go there."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so this one
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _require_working_directory() -> None:
    """Raise ConfigError where it was deleted, as relative paths and all who start here would say
    each in words of its own."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "the working directory is not there any more: it was deleted; go to another one"
        ) from error


def _end_with(error: Exception) -> None:
    Console(stderr=True).print(
        f"{type(error).__name__}: {error}",
        style="red",
        highlight=False,
        markup=False,
        emoji=False,  # `:test:` in it is a text
        soft_wrap=True,  # a path or a command in it can be copied as it stands
    )
    end_process(2)


def main() -> None:
    """Entry point: one clear line for an error of ours, a traceback for a bug."""
    # Before torch is imported anywhere: thread pools of their own would fight over two cores.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    _fill_standard_streams()
    try:
        _require_working_directory()
        app()
    except RlsysError as error:
        _end_with(error)
    except OSError as error:
        if error.errno not in _OF_THE_SYSTEM:
            raise
        _end_with(error)
    except BaseExceptionGroup as errors:
        # A bug below groups of tasks, whose own tracebacks would hide that of its cause.
        raise first_cause(errors) from None
    except SystemExit as ended:
        end_process(ended.code)
