"""kill -9 of the driver, and --resume: the run that comes out is the one that was never killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from workplace import ROOT, Workplace

from rlsys.loop import checkpoint, history

pytestmark = pytest.mark.slow

STEPS = 6
SETTINGS = (
    "run.deterministic=true",
    f"loop.steps={STEPS}",
    "loop.max_staleness=0",
    "loop.groups_per_message=1",
    "loop.groups_per_step=2",
    "loop.evaluate_every=2",
    "loop.checkpoint_every=2",
    "sampling.max_tokens=24",
    "evaluation.prompts=4",
    "evaluation.final_prompts=4",
)


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    workplace: Workplace,
) -> None:
    train = ("train", "--config", str(workplace.config), *SETTINGS)
    done = workplace.run(*train, "run.name=straight")
    assert done.returncode == 0, done.stdout + done.stderr
    kill_after_step(3, [*train, "run.name=killed"], workplace.folder / "killed.log")
    killed = workplace.folder / "runs" / "killed"
    assert [p.name for p in checkpoint.complete(killed / "checkpoints")] == ["step-000002"]
    done = workplace.run("train", "--resume", str(killed))
    assert done.returncode == 0, done.stdout + done.stderr

    straight = workplace.folder / "runs" / "straight"
    assert policy(killed) == policy(straight)
    assert metrics(killed) == metrics(straight)
    for step in range(1, STEPS + 1):
        assert samples(killed, step) == samples(straight, step)
    lines = history.read(killed / history.FILE)
    assert [line for line in lines if "resumed" in line] == [
        {"resumed": 2, "undone_steps": [3], "undone_trained": [4, 5]}
    ]
    account = history.account(lines)
    assert account.trained == {group: group // 2 + 1 for group in range(2 * STEPS)}
    summary = workplace.summary("killed")
    assert summary["ledger"] == workplace.summary("straight")["ledger"]
    assert summary["pass_at_1_after"] == workplace.summary("straight")["pass_at_1_after"]
    assert (summary["resumes"], summary["steps"]) == (1, STEPS)


def kill_after_step(step: int, arguments: list[str], log: Path) -> None:
    """Start `rlsys ARGUMENTS`, and kill -9 it as soon as it says that the step is done."""
    with log.open("wb") as sink:
        driver = subprocess.Popen(
            [sys.executable, "-m", "rlsys", *arguments],
            cwd=ROOT,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    deadline = time.monotonic() + 240
    while f"step {step}/" not in log.read_text():
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    driver.kill()
    driver.wait()


def policy(run: Path) -> bytes:
    return (run / "checkpoints" / "latest" / "policy" / "model.safetensors").read_bytes()


def metrics(run: Path) -> list[dict[str, Any]]:
    """Of every step, without what is a time."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not is_time(k)} for line in lines]


def is_time(name: str) -> bool:
    return name == "time" or name.startswith(("time/", "driver/")) or name.endswith("_s")


def samples(run: Path, step: int) -> list[dict[str, Any]]:
    table = pq.read_table(run / "samples" / f"step-{step:06d}.parquet")
    rows: list[dict[str, Any]] = table.drop_columns(["sampled_s"]).to_pylist()
    return rows
