"""`rlsys serve`, `chat` and others as processes that print to a file, for as long as a block."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.helpers.places import ROOT

START_S = 600.0
SIZES = ("hidden_size=64", "intermediate_size=128", "layers=2", "heads=2", "steps=40", "threads=1")
"""Of the workplace's local policy."""


@contextmanager
def started(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`rlsys ARGUMENTS`, which prints to a file; ended with the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "rlsys", *arguments], cwd=ROOT, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def printed(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> re.Match[str]:
    """Wait for a line."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if match := re.search(pattern, log.read_text()):
            return match
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(log.read_text())
