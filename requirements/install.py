"""python requirements/install.py LOCK: install what a lock file names, and nothing else.

On Linux, PyPI's torch is the build for CUDA. The one for CPUs is in PyTorch's own index, and is
taken from there unless pip is configured for an index or a folder of wheels: then those are to
have it.

Says every few seconds how many packages are fetched or unpacked and how long the others take, if
each takes as long as those before it did: of a few, which are large, that is a guess.
"""

import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

TORCH_FOR_CPUS = "https://download.pytorch.org/whl/cpu"
PIP = (sys.executable, "-m", "pip")
INSTALL = (*PIP, "install", "--no-deps", "--progress-bar", "off", "--no-color")
EVERY_S = 5.0
_FOUND = ("Collecting ", "Requirement already satisfied: ", "Processing ")
_UNPACKS = "Installing collected packages: "
_LAST_LINES = 10


def compiling(environment: Mapping[str, str]) -> list[str]:
    """pip's option for bytecode. Compiling all is half of the installation's CPU time, and Python
    compiles what is used when it is. Where it may not write that down, as in many images, it would
    do so again at every start of every process: 2.4 s of CPU for torch and transformers alone."""
    return [] if environment.get("PYTHONDONTWRITEBYTECODE") else ["--no-compile"]


def commands(lock: Path, pip_settings: str, environment: Mapping[str, str]) -> list[list[str]]:
    """What to run, in order.

    Args:
        pip_settings: what `pip config list` prints.
    """
    install = [*INSTALL, *compiling(environment)]
    everything = [*install, "-r", str(lock)]
    has_source = any(word in pip_settings for word in ("index-url", "find-links"))
    if lock.name != "cpu.lock" or has_source:
        return [everything]
    (torch,) = (line for line in lock.read_text().splitlines() if line.startswith("torch=="))
    # Alone: for all other packages PyPI is the place to look.
    return [[*install, "--index-url", TORCH_FOR_CPUS, torch], everything]


class Progress:
    """How far pip is, by the lines that it prints.

    Args:
        total: packages that it is asked for.
        installed: how many are in the environment now.
        now: seconds, as of a clock.
    """

    def __init__(
        self, total: int, installed: Callable[[], int], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.installed, self.now = installed, now
        self.doing, self.total, self.found = "fetching packages", total, 0
        self.there_before, self.since = 0, now()

    def hear(self, line: str) -> None:
        """One line of pip's."""
        if line.startswith(_FOUND):
            self.found += 1
        elif line.startswith(_UNPACKS):
            self.doing, self.total = "unpacking packages", line.count(",") + 1
            self.there_before, self.since = self.installed(), self.now()

    def line(self) -> str:
        """`fetching packages: 40 of 204, 0:32 left`."""
        done = self.found
        if self.doing.startswith("unpacking"):
            done = self.installed() - self.there_before
        done = max(0, min(done, self.total))
        said = f"{self.doing}: {done} of {self.total}"
        if not done:
            return said
        left = round((self.now() - self.since) / done * (self.total - done))
        return f"{said}, {left // 60}:{left % 60:02d} left"


def follow(
    command: Sequence[str],
    progress: Progress,
    tell: Callable[[str], None],
    every_s: float = EVERY_S,
) -> int:
    """Run pip's command to its end, and tell how far it is; its status. One that fails has its last
    lines told, too: it says there what of."""
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines: SimpleQueue[str | None] = SimpleQueue()

    def read() -> None:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.put(line.rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    last: deque[str] = deque(maxlen=_LAST_LINES)
    due = time.monotonic() + every_s
    while True:
        try:
            line = lines.get(timeout=max(0.0, due - time.monotonic()))
        except Empty:
            tell(progress.line())
            due = time.monotonic() + every_s
            continue
        if line is None:
            break
        progress.hear(line)
        last.append(line)
    if status := pip.wait():
        tell("\n".join(last))
    return status


def packages(lock: Path) -> int:
    """How many a lock file names."""
    return sum("==" in line for line in lock.read_text().splitlines())


def _installed() -> int:
    return sum(1 for _ in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))


def main() -> None:
    settings = subprocess.run(
        [*PIP, "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    lock = Path(sys.argv[1])
    for command in commands(lock, settings, os.environ):
        total = packages(lock) if "-r" in command else 1
        if status := follow(command, Progress(total, _installed), lambda x: print(x, flush=True)):
            sys.exit(status)


if __name__ == "__main__":
    main()
