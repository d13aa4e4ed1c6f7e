"""Supervision on real actors that do next to nothing: deaths, root causes, looking from outside."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import cloudpickle

from actors import stack_report
from actors.launch import Launcher
from actors.learner_rank import STREAMING_COPIES
from actors.member import Member
from actors.placement import Need
from actors.roster import Seat, seats
from actors.supervision import Supervisor
from rlsys.config.run import ClusterConfig
from rlsys.errors import (
    FleetError,
    LearnerLostError,
    RlsysError,
    SamplerKilledError,
    WeightSyncError,
    WorkerDiedError,
    WorkerError,
)
from rlsys.watch.accounting import Accounting

pytestmark = pytest.mark.slow
# Ray's workers cannot import this file.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Unmade(Member):
    """Fails in its constructor."""

    def __init__(self) -> None:
        raise ValueError("no such\ntensor")


class NotThere:
    """As a class of a package that is not installed where it is to run."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return __import__, ("no_such_package",)


class Idler(Member):
    """Does what it is told."""

    def __init__(self) -> None:
        self.accounting = Accounting(idle="orders")
        self.brought_up = False

    def start(self) -> None:
        self.brought_up = True

    def work(self, seconds: float) -> list[Any]:
        assert self.brought_up
        with self.accounting.busy():
            time.sleep(seconds)
        return [None, os.getpid()]

    def environment(self) -> list[bytes]:
        """As the process was started with it: what is set later comes too late for glibc."""
        return Path("/proc/self/environ").read_bytes().split(b"\0")

    def die(self, seconds: float) -> None:
        time.sleep(seconds)
        os._exit(1)

    def refuse(self, error: Exception) -> None:
        raise error

    def fail_oddly(self) -> None:
        """With an error that would end a Ray actor."""

        class OddError(Exception):
            def __reduce__(self) -> str:
                raise ValueError("it does not travel")

        print("on its way", flush=True)
        raise OddError("tensor lm_head")

    def hold_the_interpreter(self) -> None:
        re.match(r"(a+)+$", "a" * 64 + "!")


Scenario = Callable[[Supervisor], Awaitable[None]]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Where the members print."""
    return tmp_path / "logs"


@pytest.fixture
def supervised(cluster: None, logs: Path) -> Callable[..., None]:
    """Runs a scenario with two members of a role under supervision."""

    def run(
        scenario: Scenario,
        role: str = "verifier",
        max_deaths: int = 5,
        member: type[Member] = Idler,
    ) -> None:
        async def bring_up(seat: Seat) -> None:
            log = logs / f"{seat.name}.log"
            seat.identity = await supervisor.call(seat, seat.actor.introduce.remote(log))
            await supervisor.call(seat, seat.actor.start.remote())

        async def whole() -> None:
            await launcher.place([need], pytest.fail)
            for seat in supervisor.seats:
                await launcher.seat(seat)
                await bring_up(seat)
                supervisor.admit(seat)
            async with asyncio.timeout(60):
                await scenario(supervisor)

        need = Need(role, 2, 0.1, 0.0)
        launcher = Launcher(ClusterConfig(), {role: STREAMING_COPIES}, lambda seat: (member, ()))
        supervisor = Supervisor(seats([need]), launcher, max_deaths, bring_up, notices.append)
        try:
            asyncio.run(whole())
        finally:
            supervisor.stop()
            for seat in supervisor.seats:
                if seat.actor is not None:
                    ray.kill(seat.actor)
            launcher.end()

    notices: list[str] = []
    return run


def asked(seconds: float) -> Callable[[Any], list[Any]]:
    """`work` as one ref each for batch and metadata, as the fleet's calls have them."""

    def call(actor: Any) -> list[Any]:
        return actor.work.options(num_returns=2).remote(seconds)

    return call


def test_a_members_process_starts_in_its_roles_environment(supervised: Any) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        environment = await supervisor.seats[0].actor.environment.remote()
        for name, value in STREAMING_COPIES.items():
            assert f"{name}={value}".encode() in environment

    supervised(scenario)


def test_a_member_that_dies_is_replaced_and_its_call_says_so(supervised: Any) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        first, second = supervisor.seats
        before = first.identity
        with pytest.raises(WorkerDiedError, match="verifier-0 died"):
            await supervisor.call(first, first.actor.die.remote(0))
        while not (first.ready and first.incarnation == 2):
            await asyncio.sleep(0.05)
        assert first.identity != before
        assert (supervisor.respawns, second.incarnation) == (1, 1)
        pids = {(await supervisor.work("verifier", asked(0.0)))[2] for _ in range(4)}
        assert first.identity is not None
        assert first.identity.pid in pids

    supervised(scenario)


def test_a_member_whose_sampler_is_killed_while_it_starts_is_replaced_again(
    supervised: Any, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"

    class Unlucky(Idler):
        """Its third start of all, the first of a successor, loses its sampler."""

        def start(self) -> None:
            with starts.open("a") as file:
                file.write("x")
            if starts.stat().st_size == 3:
                raise SamplerKilledError("its engine was ended by SIGKILL")
            super().start()

    async def scenario(supervisor: Supervisor) -> None:
        first = supervisor.seats[0]
        with pytest.raises(WorkerDiedError):
            await supervisor.call(first, first.actor.die.remote(0))
        while not (first.ready and first.incarnation == 3):
            await asyncio.sleep(0.05)
        assert supervisor.respawns == 1
        assert starts.stat().st_size == 4

    supervised(scenario, member=Unlucky)


def test_work_waits_for_a_member_when_all_are_dead(supervised: Any) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        for seat in supervisor.seats:
            with pytest.raises(WorkerDiedError):
                await supervisor.call(seat, seat.actor.die.remote(0))
        while supervisor.ready("verifier"):
            await asyncio.sleep(0.01)
        await supervisor.work("verifier", asked(0.0))

    supervised(scenario)


def test_a_member_that_dies_again_and_again_ends_the_run(supervised: Any) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        (seat, _) = supervisor.seats
        for incarnation in (1, 2, 3):
            while not (seat.ready and seat.incarnation == incarnation):
                await asyncio.sleep(0.02)
            with pytest.raises(WorkerDiedError):
                await supervisor.call(seat, seat.actor.die.remote(0))
        await supervisor.failed()

    with pytest.raises(FleetError, match="verifier-0 died 3 times without finishing a call"):
        supervised(scenario, max_deaths=2)


def test_a_learner_rank_that_dies_while_idle_is_noticed(supervised: Any) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        supervisor.seats[1].actor.die.remote(0)
        await supervisor.failed()

    with pytest.raises(LearnerLostError, match="learner-1 died"):
        supervised(scenario, role="learner")


@pytest.mark.parametrize(
    ("calls", "error", "words"),
    [
        # learner-0 sits in what might be a collective with the one that failed.
        (["sleep", "raise"], WorkerError, "learner-1 raised ValueError: odd"),
        (["sleep", "ours"], WeightSyncError, "lm_head"),
        # The peer's collective fails first; the death is the cause.
        (["raise", "die"], LearnerLostError, "learner-1 died"),
    ],
)
def test_a_call_to_all_fails_at_once_with_the_root_cause(
    supervised: Any, calls: list[str], error: type[RlsysError], words: str
) -> None:
    orders: dict[str, Callable[[Any], Any]] = {
        "sleep": lambda actor: actor.work.remote(600.0),
        "raise": lambda actor: actor.refuse.remote(ValueError("odd")),
        "ours": lambda actor: actor.refuse.remote(WeightSyncError("tensor lm_head")),
        "die": lambda actor: actor.die.remote(0.5),
    }

    async def scenario(supervisor: Supervisor) -> None:
        await supervisor.call_all(
            supervisor.seats, lambda seat: orders[calls[seat.index]](seat.actor)
        )

    with pytest.raises(error, match=words):
        supervised(scenario, role="learner")


def test_an_error_that_cannot_travel_costs_no_member_and_loses_nothing(
    supervised: Any, logs: Path
) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        seat = supervisor.seats[0]
        with pytest.raises(WorkerError) as caught:
            await supervisor.call(seat, seat.actor.fail_oddly.remote())
        text = str(caught.value)
        assert type(caught.value) is WorkerError
        assert text.startswith("verifier-0 raised ")
        log = logs / "verifier-0.log"
        assert "OddError: tensor lm_head; at " in text
        assert ', in fail_oddly: raise OddError("tensor lm_head")' in text
        assert text.endswith(f"; the whole traceback: {log}")
        assert "\n" not in text
        assert (await supervisor.call(seat, seat.actor.work.remote(0.0)))[1] == seat.identity.pid
        printed = log.read_text().split("on its way\n")[1].splitlines()
        assert printed[:2] == ["told to the driver:", "| Traceback (most recent call last):"]
        assert printed[-1].endswith("OddError: tensor lm_head")
        # It ended no process, so it is not told of one that is killed later.
        assert seat.where == f"its log: {log}"

    supervised(scenario)


@pytest.mark.parametrize("role", ["verifier", "learner"])
def test_a_member_that_cannot_be_made_says_why_in_a_line(supervised: Any, role: str) -> None:
    async def never(supervisor: Supervisor) -> None:
        pytest.fail("it was made")

    with pytest.raises(WorkerError) as caught:
        supervised(never, role=role, member=Unmade)
    text = str(caught.value)
    assert type(caught.value) is WorkerError
    assert text.startswith(f"{role}-0 cannot be made: ValueError: no such tensor; at ")
    assert text.endswith(', in __init__: raise ValueError("no such\\ntensor")')
    assert "test_supervision.py:" in text


def test_a_member_whose_class_is_not_there_names_what_is_missing(supervised: Any) -> None:
    async def never(supervisor: Supervisor) -> None:
        pytest.fail("it was made")

    class Foreign(Idler):
        needs = NotThere()

    with pytest.raises(WorkerError) as caught:
        supervised(never, member=Foreign)
    text = str(caught.value)
    missing = "verifier-0 cannot be made: ModuleNotFoundError: No module named 'no_such_package'"
    assert text.startswith(missing)
    assert "\n" not in text


def test_a_member_at_work_shows_its_clock_and_where_it_stands(supervised: Any) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        at_work, stuck = supervisor.seats
        calls = [
            asyncio.create_task(supervisor.call(at_work, at_work.actor.work.remote(600.0))),
            asyncio.create_task(supervisor.call(stuck, stuck.actor.hold_the_interpreter.remote())),
        ]
        await asyncio.sleep(1.0)
        times, parts = await supervisor.call(at_work, at_work.actor.times.remote())
        assert 0.5 < times.busy_s < 60
        assert parts["busy"][-1] == pytest.approx(1.0)
        text = await stack_report.report(supervisor.seats)
        assert "the driver's tasks" in text
        at_work_text, _, stuck_text = text.partition("--- verifier-1, 1 calls unanswered")
        assert "verifier-0, 1 calls unanswered" in at_work_text
        assert "in hold_the_interpreter" in stuck_text
        assert "in work" in at_work_text
        for call in calls:
            call.cancel()

    supervised(scenario)
