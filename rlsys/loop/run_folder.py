"""A run's folder: held by one driver at a time, and cut back to where a resume begins."""

import fcntl
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rlsys.data.fingerprints import check_unchanged
from rlsys.errors import ResumeError
from rlsys.loop import curve, heldout
from rlsys.loop.disk import disk_errors, replace_text, sync

_LOCK, _INPUTS = "lock", "inputs.json"
SAMPLES = "samples"
METRICS = "metrics.jsonl"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder; the kernel lets go of it when this process ends, however it ends.

    Raises:
        ResumeError: another driver holds it; names its process and host.
    """
    with disk_errors(folder / _LOCK):
        file = (folder / _LOCK).open("a+", encoding="utf-8")
    with file:
        _take(file, folder)
        yield


def _take(file: TextIO, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "another process"
        raise ResumeError(f"{folder} is still running: {holder}; end that first") from None
    with disk_errors(folder / _LOCK):
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()


def record_inputs(folder: Path, fingerprints: dict[str, str]) -> None:
    """Note what the data files held when the run began."""
    replace_text(folder / _INPUTS, json.dumps(fingerprints, indent=1) + "\n")


def check_inputs(folder: Path, fingerprints: dict[str, str]) -> None:
    """Raise DataError naming a data file that is not what the run began with."""
    check_unchanged(json.loads((folder / _INPUTS).read_text()), fingerprints)


def cut_back(folder: Path, step: int) -> None:
    """Take away metrics, held-out checks and samples of steps after `step`: the resumed run makes
    them anew.

    Half a line, which a killed driver may leave, goes too.
    """
    metrics = folder / METRICS
    if metrics.exists():
        whole, _, _ = metrics.read_text(encoding="utf-8").rpartition("\n")
        lines = [line for line in whole.splitlines() if json.loads(line)["step"] <= step]
        replace_text(metrics, "".join(f"{line}\n" for line in lines))
    checked = curve.cut_back(folder, step)
    with disk_errors(folder / SAMPLES):
        for path in list((folder / SAMPLES).rglob("step-*")):
            match = re.match(r"step-(\d+)", path.name)
            of = int(match[1]) if match else 0
            stands = of in checked if path.parent.name == heldout.FOLDER else of <= step
            if not stands or path.suffix != ".parquet":
                path.unlink()
        sync(folder / SAMPLES)
