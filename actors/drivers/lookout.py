"""The lookout: a thread beside the driver's event loop, which answers when that does not.

Once a second it traces the long waits, and looks for the wish of `rlsys stacks RUN`.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from rlsys.disk import replace_text
from rlsys.errors import DiskError
from rlsys.run import wish
from rlsys.run.folder import STACKS
from rlsys.run.wish import Wish
from rlsys.watch import stacks
from rlsys.watch.trace import WaitTrace, stamp
from rlsys.watch.waits import OpenWait, Waits, by_name

_LOOK_S = 1.0


class Members(Protocol):
    """What a lookout asks of a fleet; the first two from its own thread."""

    def owing(self) -> str:
        """Which members owe a reply, and for how long."""
        ...

    def member_stacks(self) -> str:
        """Where they stand; it may take half a minute."""
        ...

    async def stacks(self) -> str:
        """Where the driver's tasks and these members stand, from the event loop."""
        ...


async def keep_stacks(folder: Path, stacks: Awaitable[str]) -> str:
    """What is read for the error of a stall, left in the run's folder for whoever comes later."""
    text = await stacks
    with suppress(DiskError):  # the error says the same
        replace_text(folder / STACKS, f"{stamp(time.time())}, a stall\n{text}\n")
    return text


class Lookout:
    """Watches the waits of a run.

    Args:
        folder: the run's.
        waits: everything that its driver waits by.
        notice: told once when the trace cannot be written.
    """

    def __init__(
        self, folder: Path, waits: Sequence[Waits], fleet: Members, notice: Callable[[str], None]
    ) -> None:
        self.folder, self.waits, self.fleet, self.notice = folder, waits, fleet, notice
        self.trace = WaitTrace(folder, fleet.owing, notice)
        self._ended = threading.Event()
        self._asked_loop_at: float | None = None
        """When the event loop was asked for a sign of life that it has not given yet; of
        time.monotonic()."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For the block's duration, in the running event loop."""
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._run, args=(loop,), name="lookout", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(_LOOK_S)  # longer only while it reads stacks, which nobody needs any more

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._ended.wait(_LOOK_S):
            self.look(loop)
        self.trace.look([], time.time())

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once: trace what is waited for, and answer if somebody has asked."""
        waits = self._open(loop)
        self.trace.look(waits, time.time())
        if wish.is_open(self.folder, Wish.stacks):
            try:
                self._reply(loop, waits)
            except DiskError as error:
                self.notice(f"the answer to `rlsys stacks` is lost: {error}")
            wish.close(self.folder, Wish.stacks)

    def _open(self, loop: asyncio.AbstractEventLoop) -> list[OpenWait]:
        """All waits, and that for the event loop itself where it is held up."""
        named = [one for waits in self.waits for one in waits.open()]
        # Read once: the loop's thread takes it away when it goes on.
        asked_at = self._asked_loop_at
        if asked_at is None:
            self._asked_loop_at = time.monotonic()
            loop.call_soon_threadsafe(self._loop_goes_on)
            return named
        held_s = time.monotonic() - asked_at
        return [*named, OpenWait(asked_at, "driver: its own event loop", held_s)]

    def _loop_goes_on(self) -> None:
        self._asked_loop_at = None

    def _reply(self, loop: asyncio.AbstractEventLoop, waits: Sequence[OpenWait]) -> None:
        """What can be said at once, then the same with the stacks of the members."""
        now = time.time()
        own = "\n".join(
            [
                f"{stamp(now)}, {self.folder}, process {os.getpid()} on {socket.gethostname()}",
                *_described(waits, now),
                f"owing a reply, the longest first: {self.fleet.owing()}",
                f"--- the driver's threads\n{stacks.of_threads()}",
                f"--- the driver's tasks\n{stacks.of_tasks(loop)}",
            ]
        )
        replace_text(self.folder / STACKS, f"{own}\n(reading the stacks of the members)\n")
        replace_text(self.folder / STACKS, f"{own}\n{self.fleet.member_stacks()}".rstrip() + "\n")


def _described(waits: Sequence[OpenWait], now: float) -> Iterator[str]:
    """A line for each name, the longest wait first."""
    yield "the driver waits for" + ("" if waits else " nothing that has a name")
    for name, ages in by_name(waits):
        times = f" (x{len(ages)})" if len(ages) > 1 else ""
        yield f"  {ages[0]:8.1f} s, since {stamp(now - ages[0])}: {name}{times}"
