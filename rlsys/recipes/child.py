"""A stage's command as a process of its own: logged to a file, told of signals, never left
behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import psutil

from verifiers.parent import end_with_parent

COMMAND = (sys.executable, "-m", "rlsys")
_LOOK_S = 0.2


class Command(Protocol):
    """A stage's command, as the runner knows it."""

    pid: int
    created: float
    """When the process was created, seconds since 1970: with pid, what tells it from others."""

    async def wait(self, tell: Callable[[str], None]) -> int:
        """Until it has ended: its exit status, below 0 where a signal ended it.

        Args:
            tell: gets each line that it prints.
        """
        ...

    def hear(self, number: int) -> None:
        """Pass a signal on, if it is still there."""
        ...


def how_ended(status: int) -> str:
    """By an exit status, or by the signal that one below 0 stands for."""
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"


class Child(Command):
    """`python -m rlsys ARGUMENTS`.

    It writes to a file, which this process reads, so that what it prints outlives this process. It
    has a group of its own: Ctrl-C in a terminal reaches it once, by way of this process. It is
    killed when this process is: a signal that asks it to stop would come once for each thread of
    this one, and the second means at once.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path, begin: int) -> None:
        self.process, self.log, self.begin = process, log, begin
        self.pid = process.pid
        try:
            self.created = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:  # it has ended already
            self.created = 0.0

    @classmethod
    async def start(cls, arguments: Sequence[str], log: Path) -> "Child":
        """Start the command, and append what it prints to a log."""
        with log.open("ab") as file:
            file.write(f"$ rlsys {' '.join(arguments)}\n".encode())
            file.flush()
            begin = file.tell()  # the command moves it
            process = await asyncio.create_subprocess_exec(
                *(*COMMAND, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
            return cls(process, log, begin)

    async def wait(self, tell: Callable[[str], None]) -> int:
        """See Command."""
        ending = asyncio.create_task(self.process.wait())
        try:
            with self.log.open("rb") as file:
                file.seek(self.begin)
                while not ending.done():
                    _pass_on(file, tell)
                    await asyncio.wait((ending,), timeout=_LOOK_S)
                _pass_on(file, tell)
        finally:
            ending.cancel()
        return self.process.returncode or 0

    def hear(self, number: int) -> None:
        """See Command."""
        if self.process.returncode is None:
            self.process.send_signal(number)


def last_lines(log: Path, count: int) -> list[str]:
    """The end of a log; the last lines that say anything."""
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2**16))
        lines = file.read().decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()][-count:]


def _pass_on(file: BinaryIO, tell: Callable[[str], None]) -> None:
    """Whole lines; half of one waits for its other half."""
    while True:
        place, line = file.tell(), file.readline()
        if not line.endswith(b"\n"):
            file.seek(place)
            return
        tell(line.decode(errors="replace").rstrip())
