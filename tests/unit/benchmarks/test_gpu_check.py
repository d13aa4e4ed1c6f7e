"""The check of a GPU machine runs on CPUs, too: what it will do there is rehearsed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import gpu_runs
import pytest

from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow

PARTS = ("attention", "logprobs", "learner", "lora", "compiled", "publish", "checkpoint")
"""Those that start no fleet."""


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, float]]:
    script = ROOT / "benchmarks" / "gpu_check.py"
    command = [sys.executable, str(script), "--device", "cpu", "--here", "--parts", *PARTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(zip(PARTS, map(json.loads, lines), strict=True))


def test_rows_and_chunks_are_what_sequences_alone_are_in_float32(
    found: dict[str, dict[str, float]],
) -> None:
    assert found["attention"]["packed_float32"] < 1e-4
    assert found["logprobs"]["chunked_float32"] < 1e-4
    # What can only be looked at elsewhere says so.
    assert str(found["attention"]["one_call"]).startswith("skipped: ")


def test_learners_say_how_fast_they_are_and_what_the_plan_gives_them(
    found: dict[str, dict[str, float]],
) -> None:
    for figures in (found["learner"]["half"], found["lora"]):
        assert figures["tokens_per_s"] > 0  # type: ignore[index]
        assert figures["planned_gib"] > 0  # type: ignore[index]
        assert figures["mfu"] == "unknown peak of this device"  # type: ignore[index]


def test_a_compiled_learner_is_timed_beside_the_usual_one(
    found: dict[str, dict[str, float]],
) -> None:
    assert set(found["compiled"]) == {
        "eager_tokens_per_s",
        "compiled_tokens_per_s",
        "compiling_s",
    }


def test_weights_that_leave_before_a_step_and_beside_it_are_timed(
    found: dict[str, dict[str, Any]],
) -> None:
    assert set(found["publish"]) == {"before_step", "beside_step"}
    for times in found["publish"].values():
        assert 0 < times["waits_s"] < times["stepped_s"]
        assert times["left_s"] > 0
    before = found["publish"]["before_step"]
    assert before["left_s"] <= before["waits_s"]


def test_a_checkpoint_is_copied_and_written(found: dict[str, dict[str, float]]) -> None:
    assert set(found["checkpoint"]) == {"copied_first_s", "copied_second_s", "written_s", "gib"}
    assert found["checkpoint"]["gib"] > 0


def test_the_loops_e_is_the_part_of_the_synchronous_waiting_that_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = {"throughput/consumed_tokens_per_s": 1250.0, "time/learner/busy": 0.8}
    slow = {"throughput/consumed_tokens_per_s": 500.0, "time/learner/busy": 0.25}

    def trained(device: str, folder: Path, steps: int, *overrides: str) -> dict[str, float]:
        return slow if "loop.max_staleness=0" in overrides else fast

    monkeypatch.setattr(gpu_runs, "trained", trained)
    # 2 ms a token became 0.8 ms, and the learner works 0.5 ms of them.
    assert gpu_runs.check_loop("cpu", tmp_path)["E"] == pytest.approx(0.8)
    slow["time/learner/busy"], fast["time/learner/busy"] = 1.0, 2.5
    assert gpu_runs.check_loop("cpu", tmp_path)["E"] == "the synchronous loop waits for nothing"
