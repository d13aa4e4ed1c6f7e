"""Runs that repeat bit for bit: their settings, how to kill one, and what is compared."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from tests.helpers.places import ROOT

STEPS = 6
DETERMINISTIC = (
    "run.deterministic=true",
    f"loop.steps={STEPS}",
    "loop.max_staleness=0",
    "loop.groups_per_call=1",
    "loop.groups_per_step=2",
    "loop.evaluate_every=2",
    "loop.checkpoint_every=2",
    "sampling.max_tokens=24",
    # Answers of a policy this young earn nothing; the gradient should be of some size all the same.
    "algorithm.loss.entropy_coefficient=0.01",
    "evaluation.prompts=4",
    "evaluation.final_prompts=4",
)

ON_TWO_RANKS = (
    "run.deterministic=true",
    f"loop.steps={STEPS}",
    "loop.checkpoint_every=2",
    "loop.evaluate_every=3",
    "learner.ranks=2",
    "learner.cpus=0.25",
    "learner.zero_stage=2",
    "learner.microbatch_tokens=256",
)
"""Of a stage that is taught from rows."""


def kill_after_step(
    step: int, arguments: list[str], log: Path, checkpoint: Path | None = None
) -> None:
    """Start `rlsys ARGUMENTS`, kill -9 it as soon as it says that the step is done, and see that
    no process of its is left behind.

    checkpoint: must be whole before that; it is written while the next steps are made.
    """
    driver = start(arguments, log)
    wait_for(f"step {step}/", log, driver)
    deadline = time.monotonic() + 60
    while checkpoint is not None and not checkpoint.exists():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.005)
    family = psutil.Process(driver.pid).children(recursive=True)
    assert len(family) > 5
    driver.kill()
    driver.wait()
    deadline = time.monotonic() + 30
    while left := alive(family):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


def alive(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended yet."""
    return [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def start(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    """`rlsys ARGUMENTS` in the background, writing to a log."""
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "rlsys", *arguments],
            cwd=ROOT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )


def wait_for(text: str, log: Path, driver: subprocess.Popen[bytes]) -> None:
    """Until the text stands in the log of a driver that lives."""
    deadline = time.monotonic() + 300
    while text not in log.read_text():
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def policy(run: Path) -> bytes:
    return (run / "checkpoints" / "latest" / "policy" / "model.safetensors").read_bytes()


def metrics(run: Path) -> list[dict[str, Any]]:
    """Of every step, without what is a time."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [untimed(line) for line in lines]


def is_time(name: str) -> bool:
    """What an engine has at once, `sampler/`, follows from when its requests come."""
    own = ("time/", "driver/", "sampler/")
    is_speed = name.removeprefix("policy/") in ("tflops", "mfu")
    return name == "time" or name.startswith(own) or name.endswith("_s") or is_speed


def untimed(metrics: Mapping[str, float]) -> dict[str, float]:
    """But for the time that something took."""
    return {name: value for name, value in metrics.items() if not is_time(name)}


def samples(run: Path, step: int) -> list[dict[str, Any]]:
    table = pq.read_table(run / "samples" / f"step-{step:06d}.parquet")
    rows: list[dict[str, Any]] = table.drop_columns(["sampled_s"]).to_pylist()
    return rows
