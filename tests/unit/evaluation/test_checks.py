"""Held-out checks around a training loop, under virtual time."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlsys.config.run import RunConfig
from rlsys.evaluation.checks import Checks
from rlsys.evaluation.curve import FILE, Curve, cut_back
from rlsys.evaluation.heldout import HeldOut
from rlsys.loop.loop import StepReport
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import FakeFleet, Latencies, make_config, make_loop, make_prompts


@dataclass
class Driver:
    """A run's checks and its loop, without checkpoints."""

    folder: Path
    config: RunConfig
    fleet: FakeFleet
    told: list[tuple[int, HeldOut]] = field(default_factory=list)
    """Each check, and the step that the run had come to."""
    stages: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    async def train(self, steps: int, version: int = 0) -> None:
        """From `version`, whose weights the fleet holds, to the end."""
        self.config.loop.steps = steps
        loop = make_loop(self.fleet, self.config, self._after_step)
        loop.state.version = loop.state.published = version
        self.loop = loop
        self.checks = Checks(
            self.fleet,
            make_prompts(20),
            self.config,
            loop.retries,
            Curve(self.folder),
            lambda check: self.told.append((loop.state.version, check)),
            self.stages.append,
            self.progress.append,
        )
        await self.checks.before_training(version)
        await loop.train(steps)
        await self.checks.after_training()

    async def _after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        assert self.loop.publishing is not None
        await self.checks.after_step(report.step, self.loop.publishing, tasks)


def config(**loop: Any) -> RunConfig:
    made = make_config(evaluate_every=2, **loop)
    made.evaluation.samples, made.evaluation.prompts, made.evaluation.final_prompts = 2, 8, 16
    return made


def checks(folder: Path) -> list[tuple[int, tuple[int, int], int]]:
    return [(c.step, c.versions, c.prompts) for c in Curve(folder).checks]


def test_each_check_measures_the_policy_of_its_step(tmp_path: Path) -> None:
    # A step takes 1 s, and so does a pull: the weights of step 2 are there a step later.
    fleet = FakeFleet(Latencies(sample=0.2, learn=1.0, pull=0.9))
    driver = Driver(tmp_path, config(), fleet)
    run(driver.train(6))
    assert checks(tmp_path) == [(0, (0, 0), 16), (2, (2, 2), 8), (4, (4, 4), 8), (6, (6, 6), 16)]
    assert [kept.file for kept in fleet.written] == [
        f"heldout/step-{step:06d}.parquet" for step in (0, 2, 4, 6)
    ]
    assert [check.step for _, check in driver.told] == [0, 2, 4, 6]


def test_a_check_that_outlasts_steps_is_that_of_its_step_and_says_what_it_met(
    tmp_path: Path,
) -> None:
    fleet = FakeFleet(Latencies(sample=3.5, learn=1.0, pull=0.1))
    driver = Driver(tmp_path, config(max_staleness=6), fleet)
    run(driver.train(6))
    step, versions, _ = checks(tmp_path)[1]
    assert (step, versions[0]) == (2, 2)
    assert versions[1] > 2
    assert driver.told[1][0] > 2


def test_a_check_that_a_kill_interrupted_is_made_again_on_resume(tmp_path: Path) -> None:
    """Killed at step 4's checkpoint, while the checks of its weights are being sampled."""

    async def killed() -> None:
        try:
            async with asyncio.timeout(11.0):
                await first.train(8)
        except TimeoutError:
            return
        raise AssertionError("it was to be killed")

    first = Driver(tmp_path, config(max_staleness=0), FakeFleet(Latencies(sample=1.0, learn=1.0)))
    run(killed())
    assert first.loop.state.version == 4
    assert [step for step, _, _ in checks(tmp_path)] == [0, 2]
    cut_back(tmp_path, 4)
    second = Driver(tmp_path, config(max_staleness=0), FakeFleet(held=4, trained_version=4))
    run(second.train(8, version=4))
    again = "held-out check of step 4 again, for it was interrupted: 8 prompts"
    assert second.stages[0] == again
    assert [(step, versions) for step, versions, _ in checks(tmp_path)] == [
        (step, (step, step)) for step in (0, 2, 4, 6, 8)
    ]


def test_a_check_for_which_training_waits_says_how_far_it_is_and_one_beside_it_nothing(
    tmp_path: Path,
) -> None:
    settings = config()
    settings.evaluation.final_prompts = 20
    driver = Driver(tmp_path, settings, FakeFleet(Latencies(sample=0.2, learn=1.0)))
    run(driver.train(4))
    assert [line.partition(", about")[0] for line in driver.progress] == [
        f"held-out check {when} training: {done} of 40 completions"
        for when in ("before", "after")
        for done in (32, 40)
    ]
    assert ", about " in driver.progress[0]
    assert ", about " not in driver.progress[1]


def test_a_resume_does_not_repeat_what_is_there(tmp_path: Path) -> None:
    run(Driver(tmp_path, config(max_staleness=0), FakeFleet()).train(4))
    before = (tmp_path / FILE).read_text()
    driver = Driver(tmp_path, config(max_staleness=0), FakeFleet(held=4, trained_version=4))
    run(driver.train(4, version=4))
    assert (tmp_path / FILE).read_text() == before
    assert driver.told == driver.stages == []


def test_without_held_out_prompts_there_is_no_check(tmp_path: Path) -> None:
    settings = config()
    settings.evaluation.prompts = settings.evaluation.final_prompts = 0
    driver = Driver(tmp_path, settings, FakeFleet())
    run(driver.train(4))
    assert driver.told == []
    assert driver.fleet.written == []
