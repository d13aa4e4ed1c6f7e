"""Starting and ending a trusted child process that keeps another one, its checker."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
_ROOT = Path(__file__).resolve().parents[1]
_BOOT = (
    "import importlib, sys; sys.path.insert(0, sys.argv.pop()); "
    "main = importlib.import_module(sys.argv.pop()).main; sys.path.pop(0); main()"
)


def start_keeper(
    module: str, argument: str, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A Python of its own that calls the module's `main`, with `argument` as sys.argv[1].

    It reads and writes pipes, and of this process's environment it has the least.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOT, argument, module, str(_ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={n: os.environ[n] for n in _KEPT_ENVIRONMENT if n in os.environ} | dict(environment),
        start_new_session=True,  # Ctrl-C is for the driver; the keeper ends with its client
    )


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
