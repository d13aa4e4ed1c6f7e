"""Ending a trusted child process that keeps another one."""

import contextlib
import os
import signal
import subprocess


def end_keeper(keeper: subprocess.Popen[bytes]) -> None:
    """Kill the keeper and its checker, which share a session of their own."""
    if keeper.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(keeper.pid, signal.SIGKILL)
    keeper.wait()
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
