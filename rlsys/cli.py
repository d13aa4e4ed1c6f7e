"""The command line: thin, and quick to say what it does. Heavy imports wait until needed."""

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
from rlsys.errors import RlsysError, first_cause
from rlsys.watch.signals import end_process

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # In a pipe or a log, an error is a line and not a box of 80 columns.
    rich_markup_mode="rich" if sys.stderr.isatty() else None,
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
            emoji=False,  # `:test:` in it is a text
            soft_wrap=True,  # a path or a command in it can be copied as it stands
        )
        end_process(2)
    except BaseExceptionGroup as errors:
        # A bug below groups of tasks, whose own tracebacks would hide that of its cause.
        raise first_cause(errors) from None
    except SystemExit as ended:
        end_process(ended.code)
