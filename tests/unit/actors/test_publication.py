"""Who is sent new weights, and who reads them in the store: real supervision of stand-ins."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import RayActorError, RayTaskError

from actors import supervision
from actors.placement import Need
from actors.publication import Publication
from actors.roster import Seat, seats
from actors.supervision import Supervisor
from rlsys.config.run import Precision, Transport
from rlsys.errors import LearnerLostError, WorkerError
from rlsys.loop.fleet import PublishReport
from rlsys.sampling.engine_figures import EngineFigures
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

CANARY = Canary([5], [], Precision.float32)


def replied(value: Any) -> asyncio.Future[Any]:
    reply = asyncio.get_running_loop().create_future()
    reply.set_result(value)
    return reply


def remote(method: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(remote=method)


class Fleet:
    """One learner rank and three rollout workers, and what they are asked for."""

    def __init__(self, transport: Transport, is_beside: bool = False) -> None:
        self.seats = seats([Need("learner", 1, 1.0, 1.0), Need("rollout", 3, 1.0, 1.0)])
        self.asked: list[str] = []
        self.version = 0
        """That the learner holds."""
        self.stuck = False
        self.supervisor = Supervisor(self.seats, self, 3, self.bring_up, lambda _: None)  # type: ignore[arg-type]
        self.publication = Publication(self.supervisor, [5], transport, is_beside)
        self.up = asyncio.Event()
        """Lets a replaced worker come back."""

    async def start(self) -> None:
        for seat in self.seats:
            await self.seat(seat)
        await self.publication.pack(0)
        for seat in self.seats[1:]:
            await self.publication.pull(seat)
        for seat in self.seats:
            self.supervisor.admit(seat)
        self.asked.clear()

    async def seat(self, seat: Seat) -> None:
        """As the launcher does."""
        seat.incarnation += 1
        seat.lifeline = asyncio.get_running_loop().create_future()
        if seat.role == "learner":
            seat.actor = SimpleNamespace(
                publish=remote(self.publish),
                publish_stored=remote(self.publish_stored),
                copy_weights=remote(self.copy_weights),
                publish_copy=remote(self.publish_copy),
            )
        else:
            seat.actor = SimpleNamespace(
                update_weights=remote(lambda manifest, _, buffer: self.pulled(seat, manifest))
            )

    async def bring_up(self, seat: Seat) -> None:
        await self.up.wait()
        held = None
        while held is not self.publication.newest:
            held = self.publication.newest
            await self.publication.pull(seat)

    async def publish_all(self, version: int) -> PublishReport:
        """As the fleet does."""
        await self.publication.pack(version)
        return await self.publication.to_all()

    def publish(self, version: int, ids: list[int], recipients: dict[str, int]) -> Any:
        self.version = version
        to = ", ".join(f"{name}#{count}" for name, count in recipients.items())
        self.asked.append(f"publish {version} to {to or 'the store'}")
        if self.stuck:
            return asyncio.get_running_loop().create_future(), []
        return self.head(version), []

    def publish_stored(self, version: int, ids: list[int]) -> Any:
        self.asked.append(f"store {version}")
        return (self.head(version) if version == self.version else replied(None)), []

    def copy_weights(self, version: int, ids: list[int]) -> Any:
        self.asked.append(f"copy {version}")
        return replied(CANARY)

    def publish_copy(self, version: int) -> Any:
        self.asked.append(f"store the copy of {version}")
        self.storing = replied(Manifest(version, (), ()))
        if self.stuck:
            self.storing = asyncio.get_running_loop().create_future()
        return self.storing, []

    def head(self, version: int) -> Any:
        return replied((Manifest(version, (), ()), CANARY))

    def pulled(self, seat: Seat, manifest: Manifest) -> Any:
        self.asked.append(f"{seat.name}#{seat.incarnation} holds {manifest.version}")
        engine = EngineFigures(steps=1, preemptions=seat.index + 1)
        return replied(PublishReport(manifest.version, 0.0, 0.0, 0.0, 0, engine))

    async def kill(self, index: int) -> None:
        """One rollout worker, whose end is noticed when this returns."""
        seat = self.supervisor.of("rollout")[index]
        seat.lifeline.set_exception(RayActorError())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def all_ready(self) -> None:
        while len(self.supervisor.ready("rollout")) < 3:
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision.ray, "kill", lambda actor: None)
    assert ray is supervision.ray


def run(
    transport: Transport,
    scene: Callable[[Fleet], Coroutine[Any, Any, None]],
    is_beside: bool = False,
) -> None:
    async def played() -> None:
        fleet = Fleet(transport, is_beside)
        await fleet.start()
        try:
            await scene(fleet)
        finally:
            fleet.supervisor.stop()

    asyncio.run(asyncio.wait_for(played(), 10))


ALL = "rollout-0#1, rollout-1#1, rollout-2#1"


def test_what_every_engine_did_is_in_the_report() -> None:
    async def scene(fleet: Fleet) -> None:
        report = await fleet.publish_all(1)
        assert report.engine == EngineFigures(steps=3, preemptions=1 + 2 + 3)

    run(Transport.object_store, scene)


@pytest.mark.parametrize(
    ("transport", "to"), [(Transport.object_store, "the store"), (Transport.nccl, ALL)]
)
def test_a_whole_fleet_is_sent_each_version(transport: Transport, to: str) -> None:
    async def scene(fleet: Fleet) -> None:
        await fleet.publish_all(1)
        assert fleet.asked[0] == f"publish 1 to {to}"
        assert sorted(fleet.asked[1:]) == [f"rollout-{i}#1 holds 1" for i in range(3)]

    run(transport, scene)


def test_while_one_is_away_the_store_carries_and_then_the_group_is_formed_anew() -> None:
    async def scene(fleet: Fleet) -> None:
        await fleet.kill(1)
        await fleet.publish_all(1)
        assert fleet.asked[0] == "publish 1 to the store"
        assert sorted(fleet.asked[1:]) == ["rollout-0#1 holds 1", "rollout-2#1 holds 1"]
        fleet.up.set()
        await fleet.all_ready()
        assert fleet.asked[-1] == "rollout-1#2 holds 1"
        await fleet.publish_all(2)
        assert "publish 2 to rollout-0#1, rollout-1#2, rollout-2#1" in fleet.asked

    run(Transport.nccl, scene)


def test_a_replaced_worker_reads_in_the_store_what_was_sent_to_the_others() -> None:
    async def scene(fleet: Fleet) -> None:
        await fleet.publish_all(1)
        fleet.asked.clear()
        fleet.up.set()
        await fleet.kill(2)
        await fleet.all_ready()
        assert fleet.asked == ["store 1", "rollout-2#2 holds 1"]

    run(Transport.nccl, scene)


def test_where_the_learner_has_gone_on_it_waits_for_the_next_version() -> None:
    async def scene(fleet: Fleet) -> None:
        await fleet.publish_all(1)
        fleet.asked.clear()
        fleet.version = 2  # its step is done, and not published yet
        fleet.up.set()
        await fleet.kill(2)
        await asyncio.sleep(0.1)
        assert fleet.asked == ["store 1"]
        await fleet.publish_all(2)
        await fleet.all_ready()
        assert "publish 2 to the store" in fleet.asked
        assert fleet.asked[-1] == "rollout-2#2 holds 2"

    run(Transport.nccl, scene)


def test_a_worker_that_dies_while_it_is_sent_weights_costs_the_learner() -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.stuck = True
        publishing = asyncio.ensure_future(fleet.publish_all(1))
        await asyncio.sleep(0.05)
        await fleet.kill(0)
        with pytest.raises(LearnerLostError, match=r"rollout-0 died while .*transport=nccl"):
            await publishing

    run(Transport.nccl, scene)


async def leaving(fleet: Fleet) -> asyncio.Future[PublishReport]:
    """Version 1 is copied, and on its way into the store."""
    fleet.stuck = True
    publishing = asyncio.ensure_future(fleet.publish_all(1))
    while "store the copy of 1" not in fleet.asked:
        await asyncio.sleep(0)
    return publishing


def test_no_worker_is_told_of_a_version_before_its_copy_is_in_the_store() -> None:
    async def scene(fleet: Fleet) -> None:
        publishing = await leaving(fleet)
        assert fleet.asked == ["copy 1", "store the copy of 1"]
        assert fleet.publication.newest is not None
        assert fleet.publication.newest.manifest.version == 0
        fleet.storing.set_result(Manifest(1, (), ()))
        assert (await publishing).version == 1
        assert sorted(fleet.asked[2:]) == [f"rollout-{i}#1 holds 1" for i in range(3)]

    run(Transport.object_store, scene, is_beside=True)


def test_one_that_comes_back_while_a_version_leaves_holds_the_one_before_and_then_that() -> None:
    async def scene(fleet: Fleet) -> None:
        publishing = await leaving(fleet)
        fleet.up.set()
        await fleet.kill(2)
        await fleet.all_ready()
        assert fleet.asked[2:] == ["rollout-2#2 holds 0"]
        fleet.storing.set_result(Manifest(1, (), ()))
        await publishing
        assert "rollout-2#2 holds 1" in fleet.asked

    run(Transport.object_store, scene, is_beside=True)


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (
            RayTaskError("publish_copy", "", OSError("the store is full")),
            WorkerError,
            "learner-0 raised OSError: the store is full",
        ),
        (RayActorError(), LearnerLostError, "learner-0"),
    ],
    ids=["raises", "dies"],
)
def test_a_learner_that_fails_while_a_version_leaves_fails_the_publish(
    failure: Exception, kind: type[Exception], message: str
) -> None:
    async def scene(fleet: Fleet) -> None:
        publishing = await leaving(fleet)
        fleet.storing.set_exception(failure)
        with pytest.raises(kind, match=message):
            await publishing
        assert fleet.publication.newest is not None
        assert fleet.publication.newest.manifest.version == 0

    run(Transport.object_store, scene, is_beside=True)
