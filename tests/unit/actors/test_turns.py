"""Learner and samplers have a GPU by turns: real supervision of stand-ins, no Ray."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError

from actors import supervision
from actors.placement import Need
from actors.publication import Publication
from actors.roster import Seat, seats
from actors.supervision import Supervisor
from actors.turns import Turns, are_taken
from rlsys.config.run import Precision, Transport
from rlsys.loop.fleet import PublishReport
from rlsys.watch.waits import Observer, Waits
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

CANARY = Canary([5], [], Precision.float32)


def remote(method: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(remote=lambda *given: asyncio.ensure_future(method(*given)))


class Fleet:
    """One learner rank and two samplers, and what they are asked for, in its order."""

    def __init__(self, has_turns: bool = True) -> None:
        self.seats = seats([Need("learner", 1, 1.0, 0.5), Need("rollout", 2, 1.0, 0.25)])
        self.asked: list[str] = []
        self.supervisor = Supervisor(self.seats, self, 3, self.bring_up, lambda _: None)  # type: ignore[arg-type]
        self.publication = Publication(self.supervisor, [5], Transport.object_store, False)
        waits = Waits(60.0, Observer())
        self.turns = Turns(self.supervisor, self.publication, waits, has_turns)
        self.fails: dict[str, Exception] = {}

    async def start(self) -> None:
        for seat in self.seats:
            await self.seat(seat)
        async with self.turns.of("rollout"):
            for seat in self.seats[1:]:
                self.turns.joined(seat)
        await self.publish(0)
        for seat in self.seats:
            self.supervisor.admit(seat)

    async def publish(self, version: int) -> None:
        await self.turns.take("learner", self.publication.pack(version))
        await self.turns.take("rollout", self.publication.to_these(self.supervisor.of("rollout")))

    async def seat(self, seat: Seat) -> None:
        seat.incarnation += 1
        seat.lifeline = asyncio.get_running_loop().create_future()
        methods = {
            "sleep": lambda: self.say(seat, "sleeps"),
            "wake_up": lambda: self.say(seat, "wakes"),
            "publish": lambda version, *_: (asyncio.ensure_future(self.packed(version)), []),
            "update_weights": lambda manifest, *_: self.pulled(seat, manifest),
        }
        made = {name: remote(method) for name, method in methods.items() if name != "publish"}
        made["publish"] = SimpleNamespace(remote=methods["publish"])
        seat.actor = SimpleNamespace(**made)

    async def bring_up(self, seat: Seat) -> None:
        self.turns.left(seat)
        async with self.turns.of("rollout", at_once=True):
            self.asked.append(f"{seat.name}#{seat.incarnation} starts")
            self.turns.joined(seat)
            await self.publication.pull(seat)

    async def say(self, seat: Seat, what: str) -> None:
        await asyncio.sleep(0)
        if error := self.fails.get(f"{seat.name} {what}"):
            raise error
        self.asked.append(f"{seat.name} {what}")

    async def packed(self, version: int) -> Any:
        self.asked.append(f"learner packs {version}")
        return Manifest(version, (), ()), CANARY

    async def pulled(self, seat: Seat, manifest: Manifest) -> PublishReport:
        self.asked.append(f"{seat.name} holds {manifest.version}")
        return PublishReport(manifest.version, 0.0, 0.0, 0.0, 0)

    async def work(self, role: str, name: str, until: asyncio.Event) -> None:
        async with self.turns.of(role):
            self.asked.append(f"{name} begins")
            await until.wait()
            self.asked.append(f"{name} ends")

    def since(self) -> list[str]:
        """What was asked since the last look."""
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision.ray, "kill", lambda actor: None)


def with_fleet(test: Callable[[Fleet], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        fleet = Fleet()
        await fleet.start()
        try:
            await test(fleet)
        finally:
            fleet.supervisor.stop()

    asyncio.run(run())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_the_learner_leaves_before_samplers_are_given_the_newest_weights_once() -> None:
    async def test(fleet: Fleet) -> None:
        assert fleet.since() == [
            *("learner-0 sleeps", "rollout-0 sleeps", "rollout-1 sleeps"),
            *("learner-0 wakes", "learner packs 0", "learner-0 sleeps"),
            *("rollout-0 holds 0", "rollout-1 holds 0"),
        ]
        await fleet.publish(1)
        assert fleet.since() == [
            *("rollout-0 sleeps", "rollout-1 sleeps", "learner-0 wakes"),
            *("learner packs 1", "learner-0 sleeps", "rollout-0 holds 1", "rollout-1 holds 1"),
        ]

    with_fleet(test)


def test_nobody_works_in_the_turn_of_others_and_who_asks_first_is_first() -> None:
    async def test(fleet: Fleet) -> None:
        fleet.since()
        done = {name: asyncio.Event() for name in ("a", "b", "save", "c")}
        tasks = []
        for role, name in (("rollout", "a"), ("rollout", "b"), ("learner", "save")):
            tasks.append(asyncio.create_task(fleet.work(role, name, done[name])))
            await settle()
        tasks.append(asyncio.create_task(fleet.work("rollout", "c", done["c"])))
        await settle()
        assert fleet.since() == ["a begins", "b begins"]
        done["a"].set()
        await settle()
        assert fleet.since() == ["a ends"]
        done["b"].set()
        await settle()
        assert fleet.since() == [
            *("b ends", "rollout-0 sleeps", "rollout-1 sleeps", "learner-0 wakes", "save begins"),
        ]
        done["save"].set()
        await settle()
        # A turn that taught nothing, such as a checkpoint's, brings the same weights back.
        assert fleet.since() == [
            *("save ends", "learner-0 sleeps", "rollout-0 holds 0", "rollout-1 holds 0"),
            "c begins",
        ]
        done["c"].set()
        await asyncio.gather(*tasks)

    with_fleet(test)


def test_who_stops_waiting_leaves_the_turn_whole() -> None:
    async def test(fleet: Fleet) -> None:
        fleet.since()
        waiting = asyncio.create_task(fleet.turns.take("learner", fleet.publication.pack(1)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await fleet.turns.take("learner", fleet.publication.pack(2))
        assert fleet.since() == [
            *("rollout-0 sleeps", "rollout-1 sleeps", "learner-0 wakes", "learner packs 2"),
        ]

    with_fleet(test)


def test_a_sampler_that_dies_at_work_is_replaced_in_the_turn_that_waits_for_it() -> None:
    """Though the learner has asked for the next turn: it waits for the completions, and they for
    the new sampler."""

    async def test(fleet: Fleet) -> None:
        fleet.since()
        back = asyncio.Event()
        sampling = asyncio.create_task(fleet.work("rollout", "a", back))
        await settle()
        learning = asyncio.create_task(fleet.work("learner", "learn", back))
        await settle()
        fleet.seats[1].lifeline.set_exception(RayActorError())
        async with asyncio.timeout(5):
            while not (fleet.seats[1].ready and fleet.seats[1].incarnation == 2):
                await asyncio.sleep(0.01)
        assert fleet.since() == ["a begins", "rollout-0#2 starts", "rollout-0 holds 0"]
        back.set()
        await asyncio.gather(sampling, learning)
        assert "rollout-0 sleeps" in fleet.since()

    with_fleet(test)


def test_one_that_dies_asleep_is_started_when_the_samplers_have_their_turn() -> None:
    async def test(fleet: Fleet) -> None:
        fleet.since()
        fleet.fails["rollout-1 sleeps"] = RayActorError()
        done = asyncio.Event()
        learning = asyncio.create_task(fleet.work("learner", "learn", done))
        await settle()
        assert fleet.since() == ["rollout-0 sleeps", "learner-0 wakes", "learn begins"]
        fleet.seats[2].lifeline.set_exception(RayActorError())
        await asyncio.sleep(0.05)
        assert fleet.since() == []
        done.set()
        async with asyncio.timeout(5):
            await learning
            while not (fleet.seats[2].ready and fleet.seats[2].incarnation == 2):
                await asyncio.sleep(0.01)
        assert fleet.since() == [
            *("learn ends", "learner-0 sleeps", "rollout-0 holds 0"),
            *("rollout-1#2 starts", "rollout-1 holds 0"),
        ]

    with_fleet(test)


def test_a_fleet_that_shares_nothing_never_sleeps() -> None:
    async def run() -> None:
        fleet = Fleet(has_turns=False)
        await fleet.start()
        done = asyncio.Event()
        tasks = [
            asyncio.create_task(fleet.work(role, role, done)) for role in ("learner", "rollout")
        ]
        await settle()
        assert fleet.asked[-2:] == ["learner begins", "rollout begins"]
        assert not any(line.endswith(("sleeps", "wakes")) for line in fleet.asked)
        done.set()
        await asyncio.gather(*tasks)
        fleet.supervisor.stop()

    asyncio.run(run())
    assert are_taken(True, ["learner", "rollout", "verifier"])
    assert not are_taken(False, ["learner", "rollout"])
    assert not are_taken(True, ["rollout", "verifier"])
    assert not are_taken(True, ["learner"])
