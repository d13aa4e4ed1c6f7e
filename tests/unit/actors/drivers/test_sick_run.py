"""A run whose policy is past learning, or has nothing to learn from: around a fake fleet."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rlsys import schema
from rlsys.errors import SickPolicyError
from rlsys.loop.fleet import LearnRequest
from rlsys.run.checkpointer import newest
from tests.helpers.fake_run import STEPS, Fleet, steps_saved, trained


class Sick(Fleet):
    """Its KL is 184 from step `since` on."""

    def __init__(self, since: int) -> None:
        super().__init__()
        self.since = since

    async def learn(self, request: LearnRequest) -> dict[str, float]:
        kl = 184.0 if request.step >= self.since else 0.01
        return await super().learn(request) | {"kl": kl}


def nothing(step: int) -> None:
    """At no step."""


def test_a_run_past_learning_fails_and_keeps_the_policy_of_before(tmp_path: Path) -> None:
    with pytest.raises(SickPolicyError) as caught:
        trained(tmp_path, Sick(since=2), nothing, checkpoint_every=1, keep_checkpoints=2)
    assert "policy/kl=184 outside observe.kl.stop_above=10, for 5 steps in a row" in str(
        caught.value
    )
    assert steps_saved(tmp_path) == [1]
    kept = newest(tmp_path, STEPS).checkpoint
    assert str(caught.value).endswith(f"The newest policy of before: {kept}/policy")


def test_without_a_checkpoint_it_saves_the_policy_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(SickPolicyError, match="The policy as it is now, the only one kept"):
        trained(tmp_path, Sick(since=1), nothing)
    assert steps_saved(tmp_path) == [5]


def test_a_run_that_recovers_goes_on_and_its_summary_says_what_was(tmp_path: Path) -> None:
    class Passing(Sick):
        async def learn(self, request: LearnRequest) -> dict[str, float]:
            figures = await super().learn(request)
            return figures if request.step < 4 else figures | {"kl": 0.02}

    summary, said = trained(tmp_path, Passing(since=2), nothing)
    assert summary.steps == STEPS
    assert summary.alarms == ["policy/kl outside observe.kl.most=1 in 2 steps, worst 184 at step 2"]
    (line,) = said
    assert line.startswith("step 2: warning: policy/kl=184 outside observe.kl.most=1: where it ")
    assert line.endswith("(docs/running.md#figures-that-leave-their-range)")


def test_without_a_signal_the_first_warning_shows_what_the_policy_writes(tmp_path: Path) -> None:
    answer = {"text": "7 + 7", "prompt_text": "Make 24.", "token_ids": [1, 2]}
    verdict = {"reward": 0.0, "status": "incorrect", "reason": "14, not 24", "components": []}

    class Wrong(Fleet):
        async def fetch(self, ref: object) -> pa.RecordBatch:
            row, contract = (
                (verdict, schema.GRADES) if ref == "grades" else (answer, schema.ROLLOUTS)
            )
            return pa.RecordBatch.from_pylist([row] * 4, schema=contract)

    fleet = Wrong(rewards=lambda group_id, size: np.zeros(size))
    _, said = trained(tmp_path, fleet, nothing)
    warning, *shown = said
    assert warning.startswith("step 2: warning: no group has a signal")
    assert shown == [
        "a question ends:  'Make 24.'",
        "a completion to it:  '7 + 7' (2 tokens, ended by itself)",
        "its verdict:      incorrect: 14, not 24 (reward 0)",
    ]
