"""The stage of supervised fine-tuning around a fake fleet: every row once an epoch, held-out losses
and checks where they are due, and a resume that goes on as if nothing had been."""

import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rlsys.config.run import RunConfig, StageKind
from rlsys.data.batches import Batches
from rlsys.data.demonstrations import Demonstration, to_batch
from rlsys.errors import CheckpointError, SickPolicyError
from rlsys.observe.sft_summary import SftSummary
from rlsys.run.checkpointer import Origin, newest
from rlsys.stages.sft import LearnedRows, Supervised
from tests.helpers.fake_fleet import make_config, make_prompts
from tests.helpers.fake_run import Fleet, driven, steps_saved

ROWS, SIZE, STEPS = 10, 4, 5


@dataclass
class Learner(Fleet):
    """Its loss falls with each step; it notes what each one learned from."""

    learned: list[list[int]] = field(default_factory=list)
    loss_at: dict[int, float] = field(default_factory=dict)
    norm_at: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Fleet.__init__(self)

    async def fit(self, version: int, batch: pa.RecordBatch) -> dict[str, float]:
        assert version == self.trained_version
        await asyncio.sleep(0.02)
        self.trained_version += 1
        self.log.append(f"fit {version}")
        self.learned.append([ids[0] for ids in batch.column("token_ids").to_pylist()])
        loss = self.loss_at.get(version + 1, 1.0 / (version + 1))
        norm = self.norm_at.get(version + 1, 1.0)
        return {"loss": loss, "gradient_norm": norm, "trained_tokens": float(batch.num_rows)}

    async def measure(self, batch: pa.RecordBatch) -> dict[str, float]:
        self.log.append(f"measure {self.trained_version}")
        return {"loss": 1.0 / (1 + self.trained_version)}


def demonstrations(count: int) -> pa.RecordBatch:
    return to_batch([Demonstration("test", (7,), (i,)) for i in range(count)])


def taught(
    folder: Path,
    fleet: Learner,
    at_step: Any = lambda step: None,
    origin: Origin | None = None,
    held_out: int = 2,
    prompts: int = 0,
    model: str = "model",
    **loop: Any,
) -> tuple[SftSummary, list[str]]:
    settings = {"steps": STEPS, "evaluate_every": 2, "checkpoint_every": 1000} | loop
    folder.mkdir(exist_ok=True)
    config: RunConfig = make_config(**settings)
    config.run.stage = StageKind.sft
    config.sft.train = "" if prompts else "rows.jsonl"
    config.evaluation.samples = 1
    given = LearnedRows(demonstrations(ROWS), demonstrations(held_out), Batches(ROWS, SIZE, 2.0, 0))
    make = partial(Supervised, config, "run", model, given, make_prompts(prompts))
    summary, said = driven(folder, fleet, config, make, at_step, origin or Origin())
    assert isinstance(summary, SftSummary)
    return summary, said


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_every_row_is_learned_once_in_each_epoch(tmp_path: Path) -> None:
    fleet = Learner()
    summary, _ = taught(tmp_path, fleet)
    seen = [row for rows in fleet.learned for row in rows]
    assert [len(rows) for rows in fleet.learned] == [SIZE] * STEPS
    assert sorted(seen[:ROWS]) == sorted(seen[ROWS:]) == list(range(ROWS))
    assert (summary.steps, summary.epochs, summary.consumed_tokens) == (STEPS, 2.0, 20)
    assert [line["data/epoch"] for line in metrics(tmp_path)] == [0.4, 0.8, 1.2, 1.6, 2.0]


def test_the_held_out_loss_is_that_of_the_step_and_in_its_metrics(tmp_path: Path) -> None:
    summary, said = taught(tmp_path, Learner())
    assert summary.losses == {0: 1.0, 2: 1 / 3, 4: 1 / 5, 5: 1 / 6}
    assert [line.get("heldout/loss") for line in metrics(tmp_path)] == [
        None,
        1 / 3,
        None,
        0.2,
        1 / 6,
    ]
    assert "held-out loss at step 0: 1.0000 nats per token" in said
    assert taught(tmp_path, Learner(), held_out=0)[0].losses == {}


def test_answers_are_asked_of_the_weights_of_the_step(tmp_path: Path) -> None:
    fleet = Learner()
    summary, _ = taught(tmp_path, fleet, prompts=3)
    assert [check.step for check in summary.checks] == [0, 2, 4, 5]
    assert [check.versions for check in summary.checks] == [(0, 0), (2, 2), (4, 4), (5, 5)]
    # The weights of a step are handed over before the next one is learned.
    assert fleet.log.index("fit 1") < fleet.log.index("pulled 2") < fleet.log.index("fit 2")


def test_without_anybody_to_ask_no_weights_are_handed_over(tmp_path: Path) -> None:
    fleet = Learner()
    taught(tmp_path, fleet)
    assert not [line for line in fleet.log if line.startswith("pulled")]


def test_a_resumed_run_learns_what_is_left(tmp_path: Path) -> None:
    whole, _ = taught(tmp_path / "whole", (uninterrupted := Learner()))
    stopped = Learner()

    def stop_at_3(step: int) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    folder = tmp_path / "stopped"
    first, said = taught(folder, stopped, at_step=stop_at_3)
    assert first.stopped_by is signal.SIGTERM
    assert 3 <= first.steps < STEPS
    assert any("SIGTERM: stopping" in line for line in said)
    origin = newest(folder, STEPS)
    resumed = Learner()
    resumed.trained_version = origin.version
    second, _ = taught(folder, resumed, origin=origin)
    assert stopped.learned + resumed.learned == uninterrupted.learned
    assert second.losses == whole.losses
    assert (second.resumes, second.trained_rows) == (1, whole.trained_rows)
    with pytest.raises(CheckpointError, match="is of a run that began with the policy model"):
        taught(folder, Learner(), origin=newest(folder, STEPS + 1), model="another")


def test_a_stop_that_ends_a_check_begins_no_other(tmp_path: Path) -> None:
    """The step after a check that is under way waits for it; a stop lets go of both."""
    fleet = Learner()
    fleet.latencies.sample = lambda: 0.02 if fleet.trained_version == 0 else 60.0

    def stop_soon(step: int) -> None:
        if step == 2:
            asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)

    limits = {"evaluate_every": 1, "stop_grace_s": 5.0}
    began = time.monotonic()
    summary, _ = taught(tmp_path, fleet, stop_soon, prompts=2, **limits)
    assert summary.steps == 2
    assert [line for line in fleet.log if line.startswith("pulled")] == ["pulled 1"]
    assert time.monotonic() - began < 5.0


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_policy_of_before(
    tmp_path: Path,
) -> None:
    fleet = Learner(loss_at={3: float("nan")})
    with pytest.raises(SickPolicyError, match=r"step 3: the loss is nan.*step-000002/policy"):
        taught(tmp_path, fleet, checkpoint_every=2)


def test_a_gradient_that_is_no_number_ends_the_run_before_its_policy_is_saved(
    tmp_path: Path,
) -> None:
    """The loss of that step is still that of the policy before."""
    fleet = Learner(norm_at={3: float("inf")})
    with pytest.raises(
        SickPolicyError, match=r"step 3: the gradient's norm is inf.*step-000002/policy"
    ):
        taught(tmp_path, fleet, checkpoint_every=1)
    assert steps_saved(tmp_path) == [1, 2]


def test_the_summary_says_loss_and_epochs(tmp_path: Path) -> None:
    summary, _ = taught(tmp_path, Learner())
    summary.write(tmp_path)
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content["heldout_loss"][0] == {"step": 0, "loss": 1.0}
    assert (content["rows"], content["heldout_rows"], content["epochs"]) == (ROWS, 2, 2.0)
    summary.losses = {0: 1.0, 2: 0.2, 5: 0.5}
    rows = dict(summary.more_rows())
    assert rows["epochs"] == "2.00 of 10 demonstrations"
    assert rows["held-out loss"] == "1.0000 at step 0, 0.5000 at 5, lowest 0.2000 at 2 (2 rows)"
