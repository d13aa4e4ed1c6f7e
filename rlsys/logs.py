"""Logs of a run's processes: each writes into the run's folder, and errors are found there again.

What a process prints goes to a file of its own, with all that its children print: vLLM's engine,
the verifiers and their plug-ins. Ray's own logs lie in a folder for a session, on each node.
"""

import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = re.compile(r"\(\w+(?: pid=\d+)?\) (?:[A-Z]+ \d\d-\d\d [\d:]+ \[[^]]*\] ?)?")
"""Of vLLM's lines: process, level, time, place."""
_TRACEBACK = "Traceback (most recent call last):"
_FAILED = re.compile(r"Failed core proc\(s\): \{(?:\}|[^}]*: -(\d+))")
"""vLLM's words for an engine that a signal ended: `Failed core proc(s): {'EngineCore': -9}`, or
`{}` where it looks before the system has the status."""
POINTS_ABOVE = "root cause"
"""In vLLM's errors that say no more than that the cause stands above them."""
_SIGNALS = {one.value: one.name for one in signal.Signals}
_HEAD = "--- process "
"""Begins the lines of a new process in a log that it shares with those before it."""
_MOST_LINES, _MOST_CHARS = 4, 800
_TAIL_BYTES = 2**16
_LAST_LINES = 3


def write_to(path: Path) -> str:
    """Append what this process and its children print to a file, from now on.

    Returns: where it goes, for a person: the file; or, where this node cannot write there, what it
        was before, with the host.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab", buffering=0)
    except OSError:
        return f"{socket.gethostname()}:{own()}"
    print(f"rlsys: what follows is in {path}", file=sys.stderr, flush=True)
    with file:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        file.write(f"{_HEAD}{os.getpid()} on {socket.gethostname()}, {now}\n".encode())
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    return str(path)


def new_file(name: str) -> Path:
    """An empty file for the log of a command that has no run's folder."""
    descriptor, path = tempfile.mkstemp(prefix=f"rlsys-{name}-", suffix=".log")
    os.close(descriptor)
    return Path(path)


@contextmanager
def errors_to(path: Path) -> Iterator[None]:
    """What this process prints to stderr in the block is appended to a file; what children that it
    starts there print, for as long as they live."""
    sys.stderr.flush()
    before = os.dup(2)
    with path.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)


def own() -> str:
    """Where this process's errors go: a file, or something like /dev/pts/1 or pipe:[123]."""
    return os.readlink("/proc/self/fd/2")


class Since:
    """What is written to this process's log from now on, by itself and its children."""

    def __init__(self) -> None:
        self.path = Path(own())
        self.begin = self.path.stat().st_size if self.path.is_file() else 0

    def text(self) -> str:
        """Empty where it goes to no file."""
        if not self.path.is_file():
            return ""
        with self.path.open("rb") as file:
            file.seek(self.begin)
            return file.read().decode(errors="replace")


def cause_of(error: BaseException, log: Since) -> str:
    """What went wrong with vLLM. It may say no more than `Engine core initialization failed. See
    root cause above.`, and above is its log; of options that it does not take it says nothing."""
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, SystemExit):
        lines = [line.strip() for line in log.text().splitlines() if line.strip()]
        return lines[-1][:_MOST_CHARS] if lines else f"it ended with status {error.code}"
    return (last_error(log.text()) if POINTS_ABOVE in told else "") or told


def killed_by(error: BaseException, log: Since, is_dead: bool) -> str:
    """What ended vLLM's engine from outside, as in `SIGKILL`; empty where it ended by itself, or
    not at all: then it left an exception of its own.

    is_dead: it had started, and its process is gone.
    """
    own = last_exception(log.text())
    if own and POINTS_ABOVE not in own:
        return ""
    found = _FAILED.search(str(error))
    if found and found[1]:
        return _SIGNALS.get(int(found[1]), f"signal {found[1]}")
    return "a signal" if found or is_dead else ""


def exception_at_the_end(path: Path) -> str:
    """The last exception of the process that wrote a log last; empty where there is none, or no
    such file on this node."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return last_exception(text.rpartition(f"\n{_HEAD}")[2])


def last_error(text: str) -> str:
    """The last exception of a log; where there is none, its last lines. Empty for an empty log."""
    lines = [line for line in text.splitlines() if line.strip()]
    return last_exception(text) or " | ".join(lines[-_LAST_LINES:])[:_MOST_CHARS]


def last_exception(text: str) -> str:
    """The exception with which the last traceback of a log ends, without the marks of vLLM's
    lines; empty where there is none. One that only points to another above it is passed over."""
    lines = [_split(line) for line in text.splitlines()]
    begins = [i for i, (_, line) in enumerate(lines) if line == _TRACEBACK]
    told = [_exception_after(lines, begin) for begin in reversed(begins)]
    return next((each for each in told if POINTS_ABOVE not in each), told[0] if told else "")


def _exception_after(lines: list[tuple[str, str]], begin: int) -> str:
    """The exception at the end of the traceback that begins at a line."""
    told: list[str] = []
    mark = lines[begin][0]
    for own, line in lines[begin + 1 :]:
        is_call = not told and (not line or line[0].isspace())
        if is_call:
            continue
        if told and (not line or own != mark or len(told) == _MOST_LINES):
            break
        told.append(line.strip())
    return " ".join(told)[:_MOST_CHARS]


def _split(line: str) -> tuple[str, str]:
    """The mark that vLLM puts before a line, and the line."""
    match = _MARK.match(line)
    mark = match[0].rstrip() if match else ""
    return mark, line[match.end() if match else 0 :].rstrip()
