"""A trace of long waits, in the run's folder: it says where a run stood that has been killed.

A wait has a line when it is 10 seconds old, again whenever it is twice as old as then, and one when
it has ended. Waits of one name that are due at the same look share a line:

    2026-11-29 13:02:21 waits 10 s for driver: verifier (x4), since 2026-11-29 13:02:11
    2026-11-29 13:02:21 owing a reply: verifier-0 10 s
    2026-11-29 13:02:45 waited 34 s for driver: verifier (x4), since 2026-11-29 13:02:11
"""

import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rlsys.watch.waits import OpenWait

FILE = "waits.log"
LONG_S = 10.0
"""Shorter waits are none of a hang, and would hide it."""
_MOST_BYTES = 4 << 20
"""Of the file; a full one is kept as FILE.1, in the place of the one before."""


@dataclass
class _Told:
    """A long wait, as its last line told it."""

    name: str
    since: float
    """Of time.time()."""
    again_at_s: float
    """The age at which it is told again."""


class WaitTrace:
    """Looks at the waits again and again. Each line is on its way to the disk when `look` returns,
    so a killed process leaves it. A disk that takes no line costs the trace, and nothing else.

    Args:
        owing: who owes a reply now, for a line below those of the waits.
        notice: told once when the trace cannot be written any more.
    """

    def __init__(
        self,
        folder: Path,
        owing: Callable[[], str],
        notice: Callable[[str], None],
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        self.file, self.owing, self.notice = folder / FILE, owing, notice
        self.most_bytes = most_bytes
        self._told: dict[object, _Told] = {}
        self._is_broken = False
        self._write([f"{stamp(time.time())} process {os.getpid()} on {socket.gethostname()}"])

    def look(self, waits: Iterable[OpenWait], now: float) -> None:
        """Tell of waits that have become old, and of old ones that have ended.

        Args:
            now: time.time().
        """
        there = {wait.key: wait for wait in waits}
        ended = [self._told.pop(key) for key in list(self._told) if key not in there]
        due: list[_Told] = []
        for key, wait in there.items():
            told = self._told.get(key)
            if wait.age_s >= (told.again_at_s if told else LONG_S):
                self._told[key] = _Told(wait.name, now - wait.age_s, 2 * wait.age_s)
                due.append(self._told[key])
        lines = [f"waited {of}" for of in _grouped(ended, now)]
        lines += [f"waits {of}" for of in _grouped(due, now)]
        if due:
            lines.append(f"owing a reply: {self.owing()}")
        if lines:
            self._write([f"{stamp(now)} {line}" for line in lines])

    def _write(self, lines: list[str]) -> None:
        if self._is_broken:
            return
        try:
            if self.file.exists() and self.file.stat().st_size > self.most_bytes:
                self.file.replace(_older(self.file))
            with self.file.open("a", encoding="utf-8") as file:
                file.write("".join(f"{line}\n" for line in lines))
        except OSError as error:
            self._is_broken = True
            self.notice(f"{self.file} could not be written, and is no longer: {error}")


def stamp(moment: float) -> str:
    """`2026-11-29 13:02:11` of time.time(), as this machine's clock on the wall has it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def newest_lines(folder: Path, number: int) -> list[str]:
    """The last lines of a run's trace; none where it has no trace."""
    file = folder / FILE
    texts = [one.read_text(encoding="utf-8") for one in (_older(file), file) if one.exists()]
    return "".join(texts).splitlines()[-number:]


def _grouped(waits: Iterable[_Told], now: float) -> list[str]:
    """`34 s for NAME (x4), since ...`: of each name the longest, with how many there are."""
    groups: dict[str, list[float]] = {}
    for wait in waits:
        groups.setdefault(wait.name, []).append(wait.since)
    return [
        f"{now - min(begins):.0f} s for {name}"
        + (f" (x{len(begins)})" if len(begins) > 1 else "")
        + f", since {stamp(min(begins))}"
        for name, begins in groups.items()
    ]


def _older(file: Path) -> Path:
    return file.with_name(f"{file.name}.1")
