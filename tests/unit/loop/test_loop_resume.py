"""A driver that is killed and resumed, under virtual time: no group is lost, none trained twice."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rlsys.config.run import RunConfig
from rlsys.errors import CheckpointError, DataError
from rlsys.loop.fleet import Untrained
from rlsys.loop.loop import Loop, StepReport
from rlsys.roles import ROLLOUT
from rlsys.run import history, snapshot
from rlsys.run.history import History
from rlsys.simulate.clock import run
from tests.helpers.fake_fleet import (
    FakeFleet,
    Latencies,
    count_free_slots,
    long_tail,
    make_config,
    make_loop,
)


class Driver:
    """What the driver does around a loop: a line of history per step, checkpoints, resumes."""

    def __init__(self, folder: Path, config: RunConfig, every: int, seed: int) -> None:
        self.folder, self.config, self.every = folder, config, every
        self.rng = random.Random(seed)
        self.fleets: list[FakeFleet] = []
        self.loops: list[Loop] = []
        self.dropped: list[Untrained] = []
        """What lies on the disk of dropped groups' answers."""

    def fleet(self) -> FakeFleet:
        rng = self.rng
        return FakeFleet(
            Latencies(
                sample=long_tail(rng, rng.choice([0.3, 1.0, 3.0])),
                grade=long_tail(rng, 0.5),
                reference=long_tail(rng, 0.5),
                learn=long_tail(rng, 1.0),
                pull=long_tail(rng, rng.choice([0.1, 1.0])),
                write=long_tail(rng, 0.1),
            ),
            fails=lambda call, *_: call in ("sample", "grade") and rng.random() < 0.1,
            rewards=lambda group, size: np.array([float(rng.random() < 0.3)] * (size - 1) + [1.0]),
        )

    async def live(self, steps: int, killed_after_s: float | None) -> bool:
        """From the newest checkpoint to the end, or to a kill; says whether it got to the end."""
        fleet = self.fleet()
        loop = make_loop(fleet, self.config, self._after_step)
        self.fleets.append(fleet)
        self.loops.append(loop)
        self.history = History(self.folder)
        if (self.folder / "state.json").exists():
            state = json.loads((self.folder / "state.json").read_text())
            fleet.saved = self.saved
            fleet.held = fleet.trained_version = state["version"]
            snapshot.restore(loop, state, await fleet.restore(self.folder))
            self.history.resume(state["version"], set(loop.state.ledger.living))
        elif history.read(self.folder / history.FILE):
            self.history.resume(0, set())
        loop.state.ledger.take_events()
        origin = loop.state.version
        fleet.written = self.dropped = [kept for kept in self.dropped if kept.step <= origin]
        try:
            async with asyncio.timeout(killed_after_s):
                await loop.train(steps)
        except TimeoutError:
            return False
        return True

    async def _after_step(self, report: StepReport, tasks: asyncio.TaskGroup) -> None:
        loop, fleet = self.loops[-1], self.fleets[-1]
        self.history.step(report.step, loop.state.ledger.take_events())
        loop.drops.take(report.step)
        taken = snapshot.take(loop)
        await loop.drops.write()
        if report.step % self.every == 0:
            await asyncio.sleep(self.rng.random())
            await fleet.save(self.folder, taken.kept)
            self.saved = fleet.saved
            (self.folder / "state.json").write_text(json.dumps(taken.state))


@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    max_staleness=st.integers(0, 2),
    groups_per_call=st.integers(1, 3),
    every=st.integers(1, 4),
    drop_no_signal=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_over_the_whole_history_each_group_is_trained_once_or_dropped_with_a_reason(
    tmp_path_factory: pytest.TempPathFactory,
    max_staleness: int,
    groups_per_call: int,
    every: int,
    drop_no_signal: bool,
    seed: int,
) -> None:
    steps = 10
    config = make_config(
        max_staleness,
        groups_per_call=groups_per_call,
        max_group_failures=2,
        max_failed_groups_in_a_row=10**6,
        max_batches_without_signal=10**6,
        stall_timeout_s=5000.0,
    )
    config.algorithm.drop_no_signal = drop_no_signal
    driver = Driver(tmp_path_factory.mktemp("run"), config, every, seed)

    async def scenario() -> int:
        for _ in range(4):
            if await driver.live(steps, driver.rng.expovariate(1 / 12.0)):
                break
        else:
            assert await driver.live(steps, None)
        return await count_free_slots(driver.loops[-1])

    assert run(scenario()) == (max_staleness + 1) * config.loop.groups_per_step
    lines = history.read(driver.folder / history.FILE)
    account = history.account(lines)
    assert account.living == set()
    assert sorted(account.admitted) == list(range(len(account.admitted)))
    assert len(account.trained) == steps * config.loop.groups_per_step
    ledger = driver.loops[-1].state.ledger
    ledger.check()
    assert ledger.trained == len(account.trained)
    assert sum(ledger.dropped.values()) == len(account.dropped)
    check_dropped_answers(driver, account, lines)
    # Group n asks the n-th prompt of the stream, whoever admitted it.
    fresh = make_loop(FakeFleet(), config).prompts
    assert [account.admitted[n] for n in sorted(account.admitted)] == [
        next(fresh).prompt_id for _ in account.admitted
    ]
    for fleet in driver.fleets:
        for request in fleet.requests:
            for group in request.groups:
                assert 0 <= request.version - group.oldest_version <= max_staleness
                batch = group.annotations[ROLLOUT]
                assert batch.group_ids[group.row // batch.size] == group.group_id


def check_dropped_answers(driver: Driver, account: history.Account, lines: list[Any]) -> None:
    """On the disk, once, with the reason and the step of the history, as far as any were graded."""
    # Of several lines of a step, the last one stands.
    step_of = {group: line["step"] for line in lines for group, _ in line.get("dropped", [])}
    found: dict[int, str] = {}
    for kept in driver.dropped:
        for rows, reason in zip(kept.groups, kept.reasons, strict=True):
            batch = rows.annotations[ROLLOUT]
            group = batch.group_ids[rows.row // batch.size]
            assert group not in found
            assert step_of[group] == kept.step
            found[group] = reason
    graded = {g: r for g, r in account.dropped.items() if r in ("no_signal", "stale")}
    assert found.items() <= account.dropped.items()
    assert graded.items() <= found.items()


def test_finished_samples_are_kept_and_unfinished_ones_sampled_again(tmp_path: Path) -> None:
    """At the checkpoint of step 1 (2.2 s): group 0 is trained; 1 is ready, 2 is being graded, 3 is
    being sampled."""
    sample = iter([1.0, 1.0, 1.2, 50.0])
    grade = iter([0.1, 0.1, 50.0])
    config = make_config(max_staleness=3, groups_per_step=1)
    driver = Driver(tmp_path, config, every=1, seed=0)
    first = FakeFleet(
        Latencies(sample=lambda: next(sample, 50.0), grade=lambda: next(grade, 50.0), learn=1.0)
    )
    second = FakeFleet()
    fleets = iter([first, second])
    driver.fleet = lambda: next(fleets)  # type: ignore[method-assign]

    async def scenario() -> None:
        assert not await driver.live(5, 3.0)
        assert await driver.live(5, None)

    run(scenario())
    state = json.loads((tmp_path / "state.json").read_text())
    assert state["version"] == 5
    assert "sample 1" not in second.log
    assert "sample 2" not in second.log
    assert "sample 3" in second.log
    assert second.attempts["grade", 1] == 0
    assert second.attempts["grade", 2] == 1
    assert [[g.group_id for g in r.groups] for r in second.requests][:3] == [[1], [2], [3]]


def test_the_history_says_what_was_trained_and_lost(tmp_path: Path) -> None:
    config = make_config(max_staleness=0, groups_per_step=2)
    driver = Driver(tmp_path, config, every=2, seed=0)
    driver.fleet = FakeFleet  # type: ignore[method-assign,assignment]

    async def scenario() -> None:
        # 2.21 s a step: killed in the fourth, after the checkpoint of the second.
        assert not await driver.live(4, 8.0)
        assert await driver.live(4, None)

    run(scenario())
    lines = history.read(tmp_path / history.FILE)
    assert [line.get("step", "resumed") for line in lines] == [1, 2, 3, "resumed", 3, 4]
    assert lines[3] == {"resumed": 2, "undone_steps": [3], "undone_trained": [4, 5]}
    account = history.account(lines)
    assert account.undone == [(2, [4, 5])]
    assert account.trained == {0: 1, 1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4}


def test_a_synchronous_run_that_is_resumed_trains_the_same_batches(tmp_path: Path) -> None:
    config = make_config(max_staleness=0)
    straight = FakeFleet()
    run(make_loop(straight, config).train(6))
    driver = Driver(tmp_path, config, every=1, seed=0)
    driver.fleet = FakeFleet  # type: ignore[method-assign,assignment]

    async def scenario() -> None:
        for killed_after_s in (5.0, 7.0):
            assert not await driver.live(6, killed_after_s)
        assert await driver.live(6, None)

    run(scenario())
    resumed = {r.version: r for fleet in driver.fleets for r in fleet.requests}
    assert len(driver.fleets) == 3
    for request in straight.requests:
        other = resumed[request.version]
        assert [g.group_id for g in other.groups] == [g.group_id for g in request.groups]
        assert [g.prompt_id for g in other.groups] == [g.prompt_id for g in request.groups]
        assert np.array_equal(other.advantages, request.advantages)


def resumed_after_a_shrink(config: RunConfig) -> Loop:
    """Of a run of an automatic bound, whose data were worth little just before its checkpoint."""
    loop = make_loop(FakeFleet(Latencies(sample=50.0)), config)

    async def scenario() -> Loop:
        training = asyncio.create_task(loop.train(5))
        await asyncio.sleep(1.0)
        for _ in range(20):
            loop.ahead.saw({"effective_sample_size": 0.01})
        state = json.loads(json.dumps(snapshot.take(loop).state))
        training.cancel()
        resumed = make_loop(FakeFleet(), config)
        snapshot.restore(resumed, state, [])
        return resumed

    return run(scenario())


def test_an_automatic_bound_goes_on_with_its_slots_and_deadlines() -> None:
    resumed = resumed_after_a_shrink(make_config(max_staleness="auto"))
    assert resumed.ready.bound == 1
    # 12 groups were alive before the lead shrank; none is free until 5 have ended.
    assert (resumed.slots.size, resumed.slots.taken) == (8, 12)
    # By the bound of 1 they could not be trained in time, and no batch would be admissible.
    assert resumed.ready.deadline(0) == 2


def test_a_resume_after_a_growth_that_is_not_kept_and_a_smaller_bound_goes_on() -> None:
    resumed = resumed_after_a_shrink(make_config(max_staleness="auto", stall_timeout_s=500.0))
    run(resumed.train(5))
    assert resumed.state.version == 5


def test_a_checkpoint_of_another_history_is_refused(tmp_path: Path) -> None:
    driver = Driver(tmp_path, make_config(), every=2, seed=0)

    async def scenario() -> None:
        await driver.live(2, None)

    run(scenario())
    with pytest.raises(CheckpointError, match=r"step 1 do not belong together: they differ in"):
        driver.history.resume(1, {99})


def test_a_checkpoint_whose_prompts_are_gone_is_refused() -> None:
    loop = make_loop(FakeFleet(), make_config())
    with pytest.raises(DataError, match="no prompt has the id 'gone'"):
        loop.prompts.named(["p1", "gone"])


def test_half_a_line_of_a_killed_driver_is_no_line(tmp_path: Path) -> None:
    driver = Driver(tmp_path, make_config(max_staleness=0), every=1, seed=0)

    async def scenario() -> None:
        await driver.live(2, None)

    run(scenario())
    path = tmp_path / history.FILE
    with path.open("a") as file:
        file.write('{"step": 3, "admi')
    assert [line["step"] for line in history.read(path)] == [1, 2]
    History(tmp_path).resume(2, set())
    assert history.read(path)[-1] == {"resumed": 2, "undone_steps": [], "undone_trained": []}
