"""The stage of reinforcement around a fake fleet: what it tells of its steps."""

import asyncio
import json
import os
import signal
import time
from functools import partial
from pathlib import Path

from rlsys.run.checkpointer import Origin
from rlsys.run.folder import METRICS
from rlsys.stages.rl import Inputs, Reinforcement
from tests.helpers.fake_fleet import make_config, make_prompts
from tests.helpers.fake_run import STEPS, Fleet, driven, steps_saved, trained


def test_calls_that_were_made_again_are_counted_in_the_metrics_of_their_step(
    tmp_path: Path,
) -> None:
    fleet = Fleet(fails=lambda call, group, attempt: (call, group, attempt) == ("grade", 5, 1))
    trained(tmp_path, fleet, lambda step: None)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["retries/failed"] for line in lines] == [0.0, 1.0, *[0.0] * (STEPS - 2)]
    assert {line["retries/lost"] for line in lines} == {0.0}


def test_a_stop_does_not_wait_for_a_check_that_the_learner_waits_for(tmp_path: Path) -> None:
    """Where both have the GPU by turns: the step is saved within the grace all the same."""
    fleet = Fleet()
    config = make_config(0, steps=STEPS, evaluate_every=1, stop_grace_s=5.0)
    config.cluster.colocate = True
    config.evaluation.samples, config.evaluation.final_prompts = 1, 0

    def stop_soon(step: int) -> None:
        fleet.latencies.sample = 60.0
        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)

    make = partial(Reinforcement, config, Inputs("run", "model", make_prompts(), make_prompts(2)))
    began = time.monotonic()
    summary, _ = driven(tmp_path, fleet, config, make, stop_soon, Origin())
    assert time.monotonic() - began < 5.0
    assert (summary.steps, steps_saved(tmp_path)) == (1, [1])
