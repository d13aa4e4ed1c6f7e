"""`rlsys train`, `sft`, `sample` and `reward-model`: a stage as a command, new or resumed."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rlsys.config.run import RunConfig, StageKind
from rlsys.errors import ConfigError, RlsysError
from rlsys.imports import imports

_LOG_WIDTH = 200
"""Columns of a table in a file or a pipe, where nobody wraps lines but its reader."""
_COMMANDS = {
    StageKind.rl: "train",
    StageKind.sft: "sft",
    StageKind.sample: "sample",
    StageKind.reward_model: "reward-model",
    StageKind.merge: "merge",
}

Config = Annotated[
    Path | None, typer.Option(help="YAML file of what differs from configs/base.yaml")
]
Resume = Annotated[
    str | None, typer.Option(help="name or folder of a run to go on with", metavar="RUN")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="section.key=value, as in loop.steps=20")
]


def train(config: Config = None, resume: Resume = None, overrides: Overrides = None) -> None:
    """Train a policy by reinforcement with verifiers: asynchronous GRPO, or `algorithm=NAME`."""
    _run(StageKind.rl, config, resume, overrides or [])


def sft(config: Config = None, resume: Resume = None, overrides: Overrides = None) -> None:
    """Teach a policy from demonstrations: supervised fine-tuning."""
    _run(StageKind.sft, config, resume, overrides or [])


def sample(config: Config = None, resume: Resume = None, overrides: Overrides = None) -> None:
    """See where a policy stands, and keep its best completions: rejection sampling."""
    _run(StageKind.sample, config, resume, overrides or [])


def reward_model(config: Config = None, resume: Resume = None, overrides: Overrides = None) -> None:
    """Train a reward model from preference pairs, for the verifier reward_model."""
    _run(StageKind.reward_model, config, resume, overrides or [])


def _run(stage: StageKind, config: Path | None, resume: str | None, overrides: list[str]) -> None:
    started = time.monotonic()
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    command = f"rlsys {_COMMANDS[stage]}"
    if config and not resume:
        console.print(f"{command}: reading {config}", highlight=False)
        settings, name = _new_run(stage, config, overrides)
    elif resume and not config:
        console.print(f"{command}: resuming {resume}", highlight=False)
        settings, name = _old_run(stage, resume, overrides)
    else:
        raise ConfigError(
            f"{command} needs --config FILE for a new run, or --resume RUN to go on with an old "
            "one, which has its own config"
        )
    from rlsys.config.run_model import require_model
    from rlsys.network import require_cluster

    require_model(settings)
    require_cluster(settings.cluster.address)
    console.print("loading the libraries (ray, torch, transformers)", highlight=False)
    with imports():
        from actors.drivers.stage import run_stage
    from rlsys.watch.signals import Terminated

    try:
        summary = run_stage(settings, name, console, started, resume=resume is not None)
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


def _new_run(stage: StageKind, config: Path, overrides: list[str]) -> tuple[RunConfig, str]:
    """Settings and name of a run that begins."""
    from rlsys.algorithms.settings import check_algorithm
    from rlsys.config.load import load
    from rlsys.disk import require_writable
    from rlsys.observe.trackers import check_loggers
    from verifiers.settings import check_rewards

    told = [f"run.stage={stage.value}"] if stage is not StageKind.rl else []
    settings = load(config, [*told, *overrides], check_rewards, check_algorithm, check_loggers)
    require_stage(stage, settings, f"--config {config}")
    require_writable(settings.run.directory)
    return settings, run_name(settings, config)


def _old_run(stage: StageKind, run: str, overrides: list[str]) -> tuple[RunConfig, str]:
    """Settings and name of a run that goes on; run.directory=PLACE is where its name is sought."""
    from rlsys.algorithms.settings import check_algorithm
    from rlsys.config.resume import find_run, resumed_config
    from rlsys.config.run import RunSection
    from rlsys.observe.trackers import check_loggers
    from rlsys.run.checkpointer import newest
    from rlsys.run.folder import held
    from verifiers.settings import check_rewards

    places = [text for text in overrides if text.startswith("run.directory=")]
    directory = places[-1].partition("=")[2] if places else RunSection().directory
    folder = find_run(run, directory)
    own = [text for text in overrides if text not in places]
    settings = resumed_config(folder, own, check_rewards, check_algorithm, check_loggers)
    require_stage(stage, settings, f"--resume {run}")
    if not settings.loop.epochs:  # else the steps are known when the prompts are counted
        with held(folder):
            newest(folder, settings.loop.steps)
    return settings, folder.name


def require_stage(stage: StageKind, settings: RunConfig, named: str) -> None:
    """Raise ConfigError where the settings are of a run of the other command.

    Args:
        named: the option that brought them; empty: overrides alone did.
    """
    if settings.run.stage is not stage:
        command = f"rlsys {_COMMANDS[settings.run.stage]}"
        raise ConfigError(
            f"{f'{named}: ' if named else ''}run.stage={settings.run.stage.value} is what "
            f"`{command}` does; nearest valid: {f'{command} {named}'.strip()}"
        )


def run_name(config: RunConfig, path: Path) -> str:
    """config.run.name, or the config file's name; numbered when its folder exists."""
    base = config.run.name or path.stem
    folder = Path(config.run.directory).expanduser()
    if not (folder / base).exists():
        return base
    number = 2
    while (folder / f"{base}-{number}").exists():
        number += 1
    return f"{base}-{number}"
