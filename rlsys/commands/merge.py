"""`rlsys merge`: several policies of one architecture become one."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rlsys.commands.train import Resume, require_stage, run_name
from rlsys.errors import ConfigError
from rlsys.imports import imports

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig

_LOG_WIDTH = 200
_LINE_EVERY_S = 5.0


def merge(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="section.key=value, as in 'merge.policies=[runs/a,runs/b]'"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with a section merge; without it, overrides do")
    ] = None,
    resume: Resume = None,
) -> None:
    """Merge policies: linear, slerp, task arithmetic, TIES, DARE. No cluster, one tensor at a time.

    The policy is in run.directory/NAME, which is a model wherever one is asked for.
    """
    from rlsys.observe.next_steps import near

    started = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    if config and resume:
        raise ConfigError("rlsys merge: a run that is resumed has its own config; leave --config")
    if resume:
        settings, folder = _old_run(resume, overrides or [])
    else:
        settings, folder = _new_run(config, overrides or [])
    console.print("loading the libraries (torch, transformers)", highlight=False)
    with imports():
        from rlsys.stages import merge as stage
        from rlsys.stages import merge_plan
    progress = _Progress(console, started)
    plan = merge_plan.read(settings, progress)
    summary = stage.run(settings, folder, plan, started, progress)
    summary.show(console, [f"rlsys chat {near(folder)}  # talk to it"])


def _new_run(config: Path | None, overrides: list[str]) -> "tuple[RunConfig, Path]":
    """Settings and folder of a merge that begins."""
    from rlsys.config.load import CONFIGS, load
    from rlsys.config.run import StageKind
    from rlsys.disk import require_writable

    told = [f"run.stage={StageKind.merge.value}", *overrides]
    settings = load(config or CONFIGS / "base.yaml", told)
    require_stage(StageKind.merge, settings, f"--config {config}" if config else "")
    require_writable(settings.run.directory)
    name = run_name(settings, config or Path("merge"))
    return settings, Path(settings.run.directory).expanduser().resolve() / name


def _old_run(run: str, overrides: list[str]) -> "tuple[RunConfig, Path]":
    """Settings and folder of a merge that was killed."""
    from rlsys.config.resume import find_run, resumed_config
    from rlsys.config.run import RunSection, StageKind

    folder = find_run(run, RunSection().directory)
    settings = resumed_config(folder, overrides)
    require_stage(StageKind.merge, settings, f"--resume {run}")
    return settings, folder


class _Progress:
    """Says what goes on: what is new at once, what only counts further every few seconds."""

    def __init__(self, console: Console, started: float) -> None:
        self.console, self.started = console, started
        self.last, self.said = 0.0, ""

    def __call__(self, line: str) -> None:
        now, what = time.monotonic(), line.partition(":")[0]
        if what != self.said or now - self.last >= _LINE_EVERY_S:
            self.last, self.said = now, what
            self.console.print(
                f"[{now - self.started:6.1f} s] {line}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
