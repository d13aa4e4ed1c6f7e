"""How a run ends when something kills it: loudly, and with nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.helpers.places import ROOT
from tests.helpers.processes import alive, family_of, wait_until
from tests.helpers.workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.long]


@dataclass(frozen=True)
class Bereaved:
    """A run that lost its workers, one after the other, and then its learner."""

    summary: dict[str, Any]
    log: str


@pytest.fixture(scope="module")
def bereaved(workplace: Workplace) -> Bereaved:
    """To its end. It has nothing to be measured on, for one of the tests."""
    overrides = ("loop.steps=24", "data.holdout=0", "loop.evaluate_every=1")
    with _training(workplace, "bereaved", *overrides) as (driver, log):
        # The learner last, after a checkpoint that knows of the others' deaths.
        for step, member in (
            (1, "RolloutWorker"),
            (3, "VerifierWorker"),
            (5, "ReferenceWorker"),
            (9, "LearnerRank"),
        ):
            wait_until(lambda step=step: f"step {step}/" in log.read_text(), 300)
            assert _kill(driver, member) == 1
        assert driver.wait(timeout=300) == 0, log.read_text()
    return Bereaved(workplace.summary("bereaved"), log.read_text())


def test_killed_workers_are_replaced_and_the_run_ends_well(bereaved: Bereaved) -> None:
    for name in ("rollout-0", "verifier-0", "reference-0"):
        assert f"{name} died" in bereaved.log
        assert f"{name} is back" in bereaved.log
    summary = bereaved.summary
    ledger = summary["ledger"]
    assert summary["steps"] == 24
    assert (ledger["admitted"], ledger["trained"], ledger["dropped"]) == (24 * 4, 24 * 4, {})
    for times in summary["time"].values():
        assert times["busy_s"] + sum(times["waits"].values()) == pytest.approx(
            times["wall_s"], rel=0.02
        )
    assert summary["time"]["rollout"]["waits"]["respawn"] > 1


def test_a_killed_learner_starts_again_from_the_newest_checkpoint(bereaved: Bereaved) -> None:
    flat = " ".join(bereaved.log.split())
    assert "learner-0 died" in flat
    (start,) = re.findall(r"Restart 1, from after step (\d+)", flat)
    assert int(start) >= 8
    summary = bereaved.summary
    assert (summary["steps"], summary["ledger"]["trained"]) == (24, 24 * 4)


def test_without_held_out_prompts_nothing_is_measured(bereaved: Bereaved) -> None:
    assert "no held-out prompts: pass@1 is not measured" in bereaved.log
    summary = bereaved.summary
    assert (summary["pass_at_1_before"], summary["pass_at_1_after"]) == (None, None)
    assert summary["heldout"] is None


def test_a_learner_killed_once_too_often_ends_the_run_with_its_name(workplace: Workplace) -> None:
    with _training(workplace, "orphaned", "loop.max_learner_restarts=0") as (driver, log):
        wait_until(lambda: "step 1/" in log.read_text(), 180)
        family = family_of(driver.pid)
        assert _kill(driver, "LearnerRank") == 1
        assert driver.wait(timeout=60) == 2
        flat = " ".join(log.read_text().split())
        assert "LearnerLostError: learner-0 died" in flat
        assert "rlsys train --resume" in flat
        wait_until(lambda: not alive(family), 30)


def test_an_engine_that_stops_sampling_is_a_stall_and_ends_the_run(workplace: Workplace) -> None:
    with _training(workplace, "frozen", "loop.stall_timeout_s=20") as (driver, log):
        wait_until(lambda: "step 1/" in log.read_text(), 180)
        family = family_of(driver.pid)
        (engine,) = [one for one in family if "VLLM::" in " ".join(one.cmdline())]
        engine.suspend()
        assert driver.wait(timeout=120) == 2
        flat = " ".join(log.read_text().split())
        assert "StallError: waited" in flat
        assert "--- rollout-0" in flat
        wait_until(lambda: not alive(family), 30)


def test_a_run_saves_when_it_is_asked_to_and_when_it_is_stopped(workplace: Workplace) -> None:
    folder = workplace.folder / "runs" / "stopped"
    rare = "loop.checkpoint_every=10000"
    with _training(workplace, "stopped", rare) as (driver, log):
        wait_until(lambda: "step 1/" in log.read_text(), 180)
        asked = workplace.run("checkpoint", str(folder))
        assert asked.returncode == 0, asked.stderr
        first = _newest(folder)
        assert f"written: {folder / 'checkpoints' / first}" in asked.stdout
        family = family_of(driver.pid)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
        assert driver.wait(timeout=60) == 130, log.read_text()
        wait_until(lambda: not alive(family), 30)
    _ended_well(log, folder, "SIGINT")
    assert _newest(folder) > first
    for member in ("learner-0", "reference-0", "rollout-0", "verifier-0"):
        assert (folder / "logs" / f"{member}.log").read_text().startswith("--- process ")
    gone = workplace.run("checkpoint", str(folder))
    assert (gone.returncode, "is not running" in gone.stderr) == (2, True)

    before = _newest(folder)
    command = [sys.executable, "-m", "rlsys", "train", "--resume", str(folder), rare]
    with _driver(workplace, "resumed", command) as (driver, log):
        wait_until(lambda: f"step {int(before[5:]) + 1}/" in log.read_text(), 180)
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
    for noise in ("Traceback", "*** SIG", "repr=", "Actor(", "never retrieved"):
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
    for process in family_of(driver.pid):
        with suppress(psutil.NoSuchProcess):
            if f"ray::{actor}" in " ".join(process.cmdline()):
                process.kill()
                killed += 1
    return killed
