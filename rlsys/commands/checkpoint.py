"""`rlsys checkpoint RUN`: have a run that goes on write a checkpoint, and wait until it has."""

import time
from typing import Annotated

import typer
from rich.console import Console

_LOOK_S = 0.5


def checkpoint(
    run: Annotated[str, typer.Argument(help="folder of a run that goes on, or its name in runs")],
) -> None:
    """Have a running run write a checkpoint after its step, on whatever host it runs.

    The wish is a file in the run's folder, so it is enough to see that folder. Ends with status 0
    when the checkpoint is complete, 2 when the run is not running, or ends before.
    """
    from rlsys.config.resume import find_run
    from rlsys.config.run import RunSection
    from rlsys.errors import NotRunningError
    from rlsys.run import wish
    from rlsys.run.checkpoint import complete
    from rlsys.run.checkpointer import FOLDER
    from rlsys.run.folder import is_held

    folder = find_run(run, RunSection().directory)
    console = Console()
    before = complete(folder / FOLDER)
    newest = before[-1].name if before else "none yet"
    if not is_held(folder):
        raise NotRunningError(f"{folder} is not running; its newest checkpoint: {newest}")
    wish.ask(folder, wish.Wish.checkpoint)
    console.print(
        f"asked {folder} for a checkpoint after its step; the newest now: {newest}",
        highlight=False,
        soft_wrap=True,
    )
    while wish.is_open(folder, wish.Wish.checkpoint):
        if not is_held(folder):
            wish.close(folder, wish.Wish.checkpoint)
            raise NotRunningError(f"{folder} ended before it wrote one; its newest: {newest}")
        time.sleep(_LOOK_S)
    written = complete(folder / FOLDER)[-1]
    console.print(f"written: {written}", highlight=False, soft_wrap=True)
