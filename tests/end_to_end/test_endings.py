"""How a run ends when something kills it: loudly, and with nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.helpers.places import ROOT
from tests.helpers.repeatable import alive
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]

OF_THE_SAMPLER = ("rollout worker", "weights pulled", "held-out completions")
"""What a driver waits for when its only sampler is stopped: the moment decides which."""


def test_sigterm_to_all_processes_while_the_fleet_loads_ends_a_run_at_once(
    workplace: Workplace,
) -> None:
    folder = workplace.folder / "runs" / "loading"
    with _training(workplace, "loading") as (driver, log):
        _wait(lambda: "starting learner-0" in log.read_text(), 180)
        family = psutil.Process(driver.pid).children(recursive=True)
        os.killpg(driver.pid, signal.SIGTERM)  # as Slurm and `timeout` do: Ray's own get it, too
        assert driver.wait(timeout=20) == 143, log.read_text()
        _wait(lambda: not alive(family), 30)
    text = log.read_text()
    assert text.rstrip().endswith(
        "stopped by SIGTERM after step 0 of 10000; there is no checkpoint. To go on: "
        f"rlsys train --resume {folder}"
    )
    _is_quiet(text)


def test_killed_workers_are_replaced_and_a_killed_learner_goes_on_from_the_newest_checkpoint(
    workplace: Workplace,
) -> None:
    unmeasured = ("data.holdout=0", "loop.evaluate_every=1")
    # As on a GPU: a version may be on its way when one of them dies.
    beside = "weights.publish=beside_step"
    with _training(workplace, "bereaved", "loop.steps=20", beside, *unmeasured) as (driver, log):
        for step, worker in ((1, "RolloutWorker"), (3, "VerifierWorker"), (5, "ReferenceWorker")):
            _wait(lambda step=step: f"step {step}/" in log.read_text(), 180)
            assert _kill(driver, worker) == 1
        _wait(lambda: "reference-0 is back" in log.read_text(), 180)
        assert _kill(driver, "LearnerRank") == 1
        assert driver.wait(timeout=300) == 0, log.read_text()
    for name in ("rollout-0", "verifier-0", "reference-0"):
        assert f"{name} died" in log.read_text()
        assert f"{name} is back" in log.read_text()
    flat = " ".join(log.read_text().split())
    assert "learner-0 died" in flat
    assert "Restart 1, from after step" in flat
    summary = workplace.summary("bereaved")
    ledger = summary["ledger"]
    assert summary["steps"] == 20
    assert (ledger["admitted"], ledger["trained"], ledger["dropped"]) == (20 * 4, 20 * 4, {})
    for times in summary["time"].values():
        assert times["busy_s"] + sum(times["waits"].values()) == pytest.approx(
            times["wall_s"], rel=0.02
        )
    assert summary["time"]["rollout"]["waits"]["respawn"] > 1
    assert "no held-out prompts: pass@1 is not measured" in flat
    assert (summary["pass_at_1_before"], summary["pass_at_1_after"]) == (None, None)
    assert summary["heldout"] is None


def test_a_learner_killed_once_too_often_ends_the_run_with_its_name(workplace: Workplace) -> None:
    with _training(workplace, "orphaned", "loop.max_learner_restarts=0") as (driver, log):
        _wait(lambda: "step 1/" in log.read_text(), 180)
        family = psutil.Process(driver.pid).children(recursive=True)
        assert _kill(driver, "LearnerRank") == 1
        assert driver.wait(timeout=60) == 2
        flat = " ".join(log.read_text().split())
        assert "LearnerLostError: learner-0 died" in flat
        assert "rlsys train --resume" in flat
        _wait(lambda: not alive(family), 30)


def test_a_sampler_that_stops_sampling_is_seen_and_is_a_stall_and_ends_the_run(
    workplace: Workplace,
) -> None:
    folder = workplace.folder / "runs" / "frozen"
    with _training(workplace, "frozen", "loop.stall_timeout_s=20") as (driver, log):
        _wait(lambda: "step 1/" in log.read_text(), 180)
        family = psutil.Process(driver.pid).children(recursive=True)
        (sampler,) = [one for one in family if "VLLM::" in " ".join(one.cmdline())]
        sampler.suspend()
        asked = workplace.run("stacks", str(folder))
        assert asked.returncode == 0, asked.stderr
        assert any(f"driver: {wait}" in asked.stdout for wait in OF_THE_SAMPLER), asked.stdout
        assert "it is stopped" in asked.stdout.split("--- rollout-0, ")[1]
        assert driver.wait(timeout=120) == 2
        flat = " ".join(log.read_text().split())
        assert "StallError: waited" in flat
        assert "--- rollout-0" in flat
        _wait(lambda: not alive(family), 30)
    assert "--- rollout-0" in (folder / "stacks.txt").read_text()
    gone = workplace.run("stacks", str(folder))
    assert (gone.returncode, "is not running: failed (StallError: " in gone.stderr) == (2, True)
    assert "waited " in gone.stderr
    assert "owing a reply: rollout-0 " in gone.stderr


def test_a_run_saves_when_it_is_asked_to_and_when_it_is_stopped(workplace: Workplace) -> None:
    folder = workplace.folder / "runs" / "stopped"
    rare = "loop.checkpoint_every=10000"
    with _training(workplace, "stopped", rare) as (driver, log):
        _wait(lambda: "step 1/" in log.read_text(), 180)
        asked = workplace.run("checkpoint", str(folder))
        assert asked.returncode == 0, asked.stderr
        first = _newest(folder)
        assert f"written: {folder / 'checkpoints' / first}" in asked.stdout
        family = psutil.Process(driver.pid).children(recursive=True)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
        assert driver.wait(timeout=60) == 130, log.read_text()
        _wait(lambda: not alive(family), 30)
    _ended_well(log, folder, "SIGINT")
    assert _newest(folder) > first
    for member in ("learner-0", "reference-0", "rollout-0", "verifier-0"):
        assert (folder / "logs" / f"{member}.log").read_text().startswith("--- process ")
    gone = workplace.run("checkpoint", str(folder))
    assert (gone.returncode, "is not running" in gone.stderr) == (2, True)

    before = _newest(folder)
    command = [sys.executable, "-m", "rlsys", "train", "--resume", str(folder), rare]
    with _driver(workplace, "resumed", command) as (driver, log):
        _wait(lambda: f"step {int(before[5:]) + 1}/" in log.read_text(), 180)
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(timeout=60) == 143, log.read_text()
    _ended_well(log, folder, "SIGTERM")
    assert _newest(folder) > before


def _newest(folder: Path) -> str:
    return (folder / "checkpoints" / "latest").readlink().name


def _ended_well(log: Path, folder: Path, by: str) -> None:
    """The figures so far, the line that resumes the run, and nothing that only developers read."""
    text = log.read_text()
    step = int(_newest(folder)[5:])
    assert f"stopped by {by} after step {step} of 10000; the newest checkpoint is " in text
    assert text.rstrip().endswith(f"To go on: rlsys train --resume {folder}")
    assert "held-out pass@1 before" in text
    _is_quiet(text)


def _is_quiet(text: str) -> None:
    """Nothing stands there that only developers read."""
    for noise in ("Traceback", "*** SIG", "repr=", "Actor(", "never retrieved", "rpc_client.h"):
        assert noise not in text, text


@contextmanager
def _training(
    workplace: Workplace, name: str, *overrides: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A run in the background, for long unless the overrides say otherwise."""
    command = [sys.executable, "-m", "rlsys", "train", "--config", str(workplace.config)]
    command += ["loop.steps=10000", f"run.name={name}", *overrides]
    with _driver(workplace, name, command) as (driver, log):
        yield driver, log


@contextmanager
def _driver(
    workplace: Workplace, name: str, command: list[str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A driver in a process group of its own, with its log; ended with the block."""
    log = workplace.folder / f"{name}.log"
    with log.open("wb") as sink:
        driver = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
            start_new_session=True,
        )
    try:
        yield driver, log
    finally:
        if driver.poll() is None:
            driver.send_signal(signal.SIGTERM)
            driver.wait(timeout=60)


def _kill(driver: subprocess.Popen[bytes], actor: str) -> int:
    """Kill the run's actors of a class; returns how many there were."""
    killed = 0
    for process in psutil.Process(driver.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if f"ray::{actor}" in " ".join(process.cmdline()):
                process.kill()
                killed += 1
    return killed


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.5)
