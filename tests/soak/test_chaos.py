"""A run whose processes are killed at random, again and again: it must end well, and learn.

python -m pytest -m soak tests/soak/test_chaos.py -s
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tests.helpers.places import ROOT

pytestmark = pytest.mark.soak

KILLS = 20
STEPS, GROUPS = 120, 16
VICTIMS = {
    "rollout worker": "ray::RolloutWorker",
    "rollout worker's sampler": "VLLM::EngineCore",
    "verifier worker": "ray::VerifierWorker",
    "verifier worker's process": "rlsys.grading.child",
    "reference worker": "ray::ReferenceWorker",
}


def test_a_run_goes_on_and_learns_while_its_processes_are_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    shared = set(os.listdir("/dev/shm"))
    command = [sys.executable, "-m", "rlsys", "train", "--config", "configs/local.yaml"]
    command += ["run.name=chaos", f"run.directory={tmp_path}", f"loop.steps={STEPS}"]
    command += ["rollout.workers=2", "rollout.cpus=0.25", "verifiers.workers=2"]
    command += ["verifiers.cpus_per_worker=0.1", "loop.evaluate_every=0"]
    with log.open("wb") as sink:
        driver = subprocess.Popen(command, cwd=ROOT, stdout=sink, stderr=subprocess.STDOUT)
    try:
        killed = kill_at_random(driver, log)
        assert driver.wait(timeout=1200) == 0, log.read_text()
    finally:
        driver.kill()
        driver.wait()
    text = log.read_text()
    print(text[text.index("training:") :], dict(killed), sep="\n")
    assert sum(killed.values()) == KILLS, f"the run was over after {dict(killed)}"
    check(tmp_path / "chaos")
    left = set(os.listdir("/dev/shm")) - shared
    assert not [name for name in left if name.startswith("rlsys-")]


def kill_at_random(driver: subprocess.Popen[bytes], log: Path) -> Counter[str]:
    """Kill a process of a random kind at random moments, from the first step on."""
    rng = random.Random(time.time_ns())
    killed: Counter[str] = Counter()
    while "step 1/" not in log.read_text():
        assert driver.poll() is None, log.read_text()
        time.sleep(1)
    while sum(killed.values()) < KILLS and driver.poll() is None:
        time.sleep(rng.uniform(1, 12))
        kind = rng.choice(sorted(VICTIMS))
        chosen = [p for p in family(driver.pid) if VICTIMS[kind] in command_of(p)]
        if chosen:
            with suppress(psutil.NoSuchProcess):
                rng.choice(chosen).kill()
                killed[kind] += 1
    return killed


def family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def command_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def check(run: Path) -> None:
    """The ledger closes, every group was trained once, and the policy is better than before."""
    summary = json.loads((run / "summary.json").read_text())
    ledger = summary["ledger"]
    assert summary["steps"] == STEPS
    assert ledger["trained"] == STEPS * GROUPS
    assert ledger["alive"] == 0
    assert ledger["admitted"] == ledger["trained"] + sum(ledger["dropped"].values())
    files = sorted((run / "samples").glob("*.parquet"))
    trained = [set(pq.read_table(f, columns=["group_id"])["group_id"].to_pylist()) for f in files]
    assert len(trained) == STEPS
    assert len(set().union(*trained)) == sum(map(len, trained)) == STEPS * GROUPS
    # The intervals before and after do not touch.
    assert summary["pass_at_1_after_interval"][0] > summary["pass_at_1_before_interval"][1]
