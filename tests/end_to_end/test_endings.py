"""How a run ends when something kills it: loudly, and with nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from workplace import ROOT, Workplace

pytestmark = pytest.mark.slow


def test_a_killed_driver_leaves_no_process_behind(workplace: Workplace) -> None:
    with _training(workplace, "killed") as (driver, log):
        _wait(lambda: "step 1/" in log.read_text(), 180)
        family = psutil.Process(driver.pid).children(recursive=True)
        assert len(family) > 5
        driver.kill()
        driver.wait()
        _wait(lambda: not _alive(family), 30)


def test_a_killed_verifier_ends_the_run_with_its_name(workplace: Workplace) -> None:
    with _training(workplace, "orphaned") as (driver, log):
        _wait(lambda: "step 1/" in log.read_text(), 180)
        family = psutil.Process(driver.pid).children(recursive=True)
        for process in family:
            if "VerifierWorker" in " ".join(process.cmdline()):
                process.kill()
        assert driver.wait(timeout=60) != 0
        assert "verifier-0 died" in log.read_text()
        _wait(lambda: not _alive(family), 30)


@contextmanager
def _training(workplace: Workplace, name: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A run that would go on for long, in the background."""
    log = workplace.folder / f"{name}.log"
    command = [sys.executable, "-m", "rlsys", "train", "--config", str(workplace.config)]
    command += ["loop.steps=10000", f"run.name={name}"]
    with log.open("wb") as sink:
        driver = subprocess.Popen(
            command, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT, env=dict(os.environ)
        )
    try:
        yield driver, log
    finally:
        if driver.poll() is None:
            driver.send_signal(signal.SIGTERM)
            driver.wait(timeout=60)


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)


def _alive(family: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
