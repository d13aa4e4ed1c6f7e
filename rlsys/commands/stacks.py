"""`rlsys stacks RUN`: what a run that goes on waits for, and where it stands."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_LOOK_S = 0.2
_FIRST_S = 15.0
"""For the driver's first words: it looks once a second, and a shared disk may be slow to tell."""
_WHOLE_S = 60.0
"""For the stacks of all members."""
_TRACE_LINES = 12


def stacks(
    run: Annotated[str, typer.Argument(help="folder of a run that goes on, or its name in runs")],
) -> None:
    """Show what a running run waits for, since when, and the Python stacks of its driver and of
    the members that owe it a reply, on whatever hosts they are.

    The wish is a file in the run's folder, and so is the answer (stacks.txt). A driver that cannot
    even look, because C code holds its interpreter, is read by a signal, on its own host. Ends with
    status 0 when the stacks are there, 2 when the run is not running, or nobody answers.
    """
    from rlsys.config.resume import find_run
    from rlsys.config.run import RunSection
    from rlsys.run.folder import is_held

    folder = find_run(run, RunSection().directory)
    if not is_held(folder):
        raise _not_running(folder)
    Console().print(
        _reply_of(folder) or _read_by_signal(folder),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _reply_of(folder: Path) -> str:
    """What the driver says; empty when it says nothing."""
    from rlsys.run import wish
    from rlsys.run.folder import STACKS, is_held
    from rlsys.run.wish import Wish

    file = folder / STACKS
    before = _written_at(file)
    wish.ask(folder, Wish.stacks)
    began = time.monotonic()
    while wish.is_open(folder, Wish.stacks):
        has_begun, waited_s = _written_at(file) != before, time.monotonic() - began
        if waited_s > (_WHOLE_S if has_begun else _FIRST_S):
            wish.close(folder, Wish.stacks)
            break
        if not is_held(folder):
            wish.close(folder, Wish.stacks)
            raise _not_running(folder)
        time.sleep(_LOOK_S)
    return file.read_text(encoding="utf-8") if _written_at(file) != before else ""


def _written_at(file: Path) -> int:
    """0: there is no such file."""
    return file.stat().st_mtime_ns if file.exists() else 0


def _read_by_signal(folder: Path) -> str:
    """The stacks of a driver on this host that does not answer."""
    from rlsys.errors import NotRunningError
    from rlsys.run.folder import driver_here, holder_of
    from rlsys.watch.stacks import of_process

    silent = f"the driver of {folder}, {holder_of(folder)}, does not answer within {_FIRST_S:g} s"
    pid = driver_here(folder)
    if pid is None:
        raise NotRunningError(
            f"{silent}; on its own host `rlsys stacks {folder}` reads its stacks by a signal."
            f"{_trace(folder)}"
        )
    return (
        f"{silent}: it starts or ends, or C code holds its interpreter. Read by a signal, "
        f"{of_process(pid)}{_trace(folder)}"
    )


def _not_running(folder: Path) -> Exception:
    from rlsys.errors import NotRunningError
    from rlsys.observe.runs import read_run

    ended = read_run(folder)
    remark = f" ({ended.remark})" if ended.remark else ""
    return NotRunningError(f"{folder} is not running: {ended.state}{remark}{_trace(folder)}")


def _trace(folder: Path) -> str:
    """The newest lines of the run's trace of waits, below what is said."""
    from rlsys.watch.trace import FILE, newest_lines

    lines = newest_lines(folder, _TRACE_LINES)
    return "\n".join([f"\nThe newest lines of {folder / FILE}:", *lines]) if lines else ""
