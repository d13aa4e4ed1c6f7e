"""A run's folder: held by one driver at a time, and cut back to where a resume begins."""

import fcntl
import json
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from rlsys.data.digests import check_unchanged
from rlsys.disk import disk_errors, replace_text, sync
from rlsys.errors import ConfigError, DataError, DiskError, ResumeError, first_cause
from rlsys.evaluation import curve, heldout

LOCK, _INPUTS = "lock", "inputs.json"
SAMPLES, LOGS = "samples", "logs"
METRICS = "metrics.jsonl"
MEMBERS = "members.jsonl"
"""Where each member's time went in each step."""
SUMMARY = "summary.json"
STACKS = "stacks.txt"
"""Where the driver and its members stood when somebody asked last."""
FAILURE = "failure.json"
"""Why the run's last driver failed; a driver that was killed leaves none."""
_MARK = ".driver"
"""By which another host's process knows that it sees the driver's folder."""
_MARK_S = 15.0
"""A network file system may show a new file after seconds."""
_A_STEP = "a run writes one object a step there"
_GLANCES, _GLANCE_S = 5, 0.02
"""`is_held` takes the lock for less than a millisecond."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder; the kernel lets go of it when this process ends, however it ends.

    Raises:
        ResumeError: another driver holds it; names its process and host.
    """
    with disk_errors(folder / LOCK):
        file = (folder / LOCK).open("a+", encoding="utf-8")
    with file:
        _take(file, folder)
        yield


def is_held(folder: Path) -> bool:
    """Whether a driver holds the folder now, by the kernel's word: a killed one holds nothing."""
    try:
        with (folder / LOCK).open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def holder_of(folder: Path) -> str:
    """`process 123 on HOST` of the driver that holds the folder, or held it last."""
    return (folder / LOCK).read_text(encoding="utf-8").strip() or "another process"


def driver_here(folder: Path) -> int | None:
    """The process id of the driver that holds the folder, if it runs on this host."""
    found = re.fullmatch(r"process (\d+) on (.+)", holder_of(folder))
    return int(found[1]) if found and found[2] == socket.gethostname() else None


def mark(folder: Path) -> str:
    """Leave a mark in the folder, and say which: other hosts must find it under the same path."""
    token = uuid.uuid4().hex
    replace_text(folder / _MARK, token)
    return token


def require_mark(folder: Path, token: str, who: str, patience_s: float = _MARK_S) -> None:
    """See that this process sees the folder that was marked.

    Raises:
        ConfigError: it sees another folder under that path, or none.
    """
    deadline = time.monotonic() + patience_s
    while not (folder / _MARK).is_file() or (folder / _MARK).read_text() != token:
        if time.monotonic() > deadline:
            raise ConfigError(
                f"run.directory: {who} does not see {folder} as the driver does; the learner's "
                "ranks write samples and checkpoints there: name a folder of a file system that "
                "all nodes share"
            )
        time.sleep(min(0.2, patience_s / 10))


@contextmanager
def failure_recorded(folder: Path) -> Iterator[None]:
    """Leave word in the folder of the error that ends the block, for whoever asks later how the
    run ended; take away that of a driver before this one."""
    (folder / FAILURE).unlink(missing_ok=True)
    try:
        yield
    except Exception as error:
        cause = first_cause(error)
        lines = str(cause).strip().splitlines()
        reason = f"{type(cause).__name__}: {lines[0] if lines else ''}"
        with suppress(DiskError):  # the disk may be what failed; the error itself says so
            replace_text(folder / FAILURE, json.dumps({"error": reason}) + "\n")
        raise


def _take(file: TextIO, folder: Path) -> None:
    for left in reversed(range(_GLANCES)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if not left:
                holder = holder_of(folder)
                raise ResumeError(f"{folder} is still running: {holder}; end that first") from None
            time.sleep(_GLANCE_S)
    with disk_errors(folder / LOCK):
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()


def record_inputs(folder: Path, digests: dict[str, str]) -> None:
    """Note what the data files held when the run began."""
    replace_text(folder / _INPUTS, json.dumps(digests, indent=1) + "\n")


def check_inputs(folder: Path, digests: dict[str, str]) -> None:
    """Raise DataError naming a data file that is not what the run began with."""
    check_unchanged(json.loads((folder / _INPUTS).read_text()), digests)


def last_metrics(folder: Path) -> dict[str, float]:
    """The last whole line of the run's metrics, with its step; empty before the first one. A driver
    that was killed may leave half a line.

    Raises:
        DataError: that line is no JSON object of a step; names the file.
    """
    metrics = folder / METRICS
    whole, _, _ = metrics.read_bytes().rpartition(b"\n") if metrics.exists() else (b"", b"", b"")
    if not whole:
        return {}
    return _step_line(whole.rpartition(b"\n")[2], f"{metrics}, last line")[1]


def read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The whole lines of a file with one a step, such as METRICS: each text, and its object.

    Half a line at the end, as a driver that was killed may leave, is none; nor is there any where
    there is no file.

    Raises:
        DataError: a line is no JSON object of a step; names file and line.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
    for number, raw in enumerate(whole.split(b"\n") if whole else [], 1):
        yield _step_line(raw, f"{path}, line {number}")


def _step_line(raw: bytes, where: str) -> tuple[str, dict[str, Any]]:
    try:
        text = raw.decode("utf-8")
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: no JSON ({error}); {_A_STEP}") from error
    if not isinstance(line, dict) or not isinstance(line.get("step"), int):
        raise DataError(f"{where}: {text[:40]} has no step; {_A_STEP}")
    return text, line


def cut_back(folder: Path, step: int) -> None:
    """Take away metrics, held-out checks and samples of steps after `step`: the resumed run makes
    them anew.

    Half a line, which a killed driver may leave, goes too.

    Raises:
        DataError: see `read_lines`; nothing is taken away.
    """
    kept = {
        path: "".join(f"{text}\n" for text, line in read_lines(path) if line["step"] <= step)
        for path in (folder / METRICS, folder / MEMBERS)
        if path.exists()
    }
    for path, text in kept.items():
        replace_text(path, text)
    checked = curve.cut_back(folder, step)
    with disk_errors(folder / SAMPLES):
        for path in list((folder / SAMPLES).rglob("step-*")):
            match = re.match(r"step-(\d+)", path.name)
            of = int(match[1]) if match else 0
            stands = of in checked if path.parent.name == heldout.FOLDER else of <= step
            if not stands or path.suffix != ".parquet":
                path.unlink()
        sync(folder / SAMPLES)
