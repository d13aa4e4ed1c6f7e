"""`rlsys runs`: what has been trained, and how each run stands."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {
    "running": "bold",
    "finished": "green",
    "failed": "red",
    "stopped": "yellow",
    "damaged": "red",
}
_PIPE_WIDTH = 200
_AGES = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (0.0, "s"))


def runs(
    directory: Annotated[Path, typer.Argument(help="Where the runs are: run.directory.")] = Path(
        "runs"
    ),
) -> None:
    """List the runs with their state, step and pass@1, the one that wrote last first."""
    from rlsys.errors import ConfigError
    from rlsys.observe.runs import runs_in

    folder = directory.expanduser()
    if not folder.is_dir():
        raise ConfigError(
            f"DIRECTORY {directory}: no such folder; `rlsys train` makes it with its first run, "
            "where run.directory says"
        )
    found = runs_in(folder)
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    if not found:
        console.print(f"no runs in {folder.resolve()}", highlight=False, markup=False)
        return
    # A remark has what the other columns leave, however long it is.
    table = Table(box=None, pad_edge=False, expand=any(run.remark for run in found))
    for heading in ("run", "state", "step", "pass@1", "last wrote", ""):
        numeric = heading in ("step", "pass@1", "last wrote")
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="ellipsis" if heading == "" else "fold",
            no_wrap=heading in ("", "state"),
            ratio=1 if heading == "" else None,
        )
    now = time.time()
    for run in found:
        table.add_row(
            Text(run.folder.name),
            Text(run.state, style=_STYLES[run.state]),
            f"{run.step}/{run.steps}" if run.steps else "",
            "" if run.pass_at_1 is None else f"{run.pass_at_1:.3f}",
            f"{_age(now - run.changed)} ago",
            Text(run.remark),
        )
    console.print(table, highlight=False)


def _age(seconds: float) -> str:
    """`3 min`."""
    unit, name = next((unit, name) for unit, name in _AGES if seconds >= unit or not unit)
    return f"{max(0.0, seconds) / (unit or 1):.0f} {name}"
