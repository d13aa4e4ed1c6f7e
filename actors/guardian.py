"""A watchdog for a Ray cluster that the driver started itself.

A driver that is killed takes Ray's head with it, but Ray's node agents (seen with 2.60: two,
still there after 100 s) and whatever a worker started may stay. This script runs beside the
driver, remembers the driver's descendants while it lives, and ends those that outlive it.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from select import select

import psutil

_SCAN_S = 1.0
_GRACE_S = 5.0


def start() -> subprocess.Popen[bytes]:
    """Watch this process. Closing the returned process's stdin, or dying, is the signal."""
    return subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__)), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def watch(driver_id: int) -> None:
    """Until stdin ends, collect the driver's descendants; then end what is left of them."""
    seen: set[psutil.Process] = set()
    while not select([sys.stdin], [], [], _SCAN_S)[0]:
        try:
            seen |= set(psutil.Process(driver_id).children(recursive=True))
        except psutil.NoSuchProcess:
            break
    # psutil compares creation times too, so a reused process id is never killed.
    own = os.getpid()
    left = [p for p in seen if p.pid != own and p.is_running()]
    _, left = psutil.wait_procs(left, timeout=_GRACE_S)
    # Python's resource trackers remove the semaphores that killed processes left in /dev/shm, and
    # end by themselves, once nobody is left whom they serve.
    trackers = [p for p in left if _is_tracker(p)]
    _kill([p for p in left if p not in trackers])
    _kill(psutil.wait_procs(trackers, timeout=_GRACE_S)[1])


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return "multiprocessing.resource_tracker" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
