"""How long a process has worked, whatever else its cores did meanwhile."""

import os
from pathlib import Path

_NS = 1e-9


class CpuClock:
    """CPU time of a process's main thread, by what Linux' scheduler books (/proc/PID/schedstat).

    With threads that compute beside it and wait for each other, as OpenMP's do, it is the time that
    they take together on cores of their own.
    """

    def __init__(self, pid: int) -> None:
        self._file = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)
        self._before = 0.0

    def passed(self) -> float | None:
        """CPU seconds since the last call; None: the process has ended."""
        try:
            now = int(os.pread(self._file, 64, 0).split()[0]) * _NS
        except ProcessLookupError:
            return None
        passed, self._before = now - self._before, now
        return passed

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def cpu_clock(pid: int | None) -> CpuClock | None:
    """Of that process; None where the system has no such figures, as other than Linux."""
    return CpuClock(pid) if pid and Path(f"/proc/{pid}/schedstat").exists() else None
