"""What supervision says where a member that died cannot be replaced: stand-ins for Ray's actors."""

import asyncio
from types import SimpleNamespace

import pytest
from ray.exceptions import RayActorError

from actors import supervision
from actors.placement import Need
from actors.roster import Seat, seats
from actors.supervision import Supervisor
from rlsys.errors import FleetError


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision.ray, "kill", lambda actor: None)


async def failure_of(seat: Seat, supervisor: Supervisor) -> None:
    """Of a member that dies as soon as it is admitted."""
    seat.lifeline = asyncio.get_running_loop().create_future()
    supervisor.admit(seat)
    seat.lifeline.set_exception(RayActorError())
    async with asyncio.timeout(5.0):
        await supervisor.failed()


async def bring_up(seat: Seat) -> None:
    """Nothing to do."""


def test_an_error_that_nobody_foresaw_in_a_replacement_ends_the_run_with_its_cause() -> None:
    async def refuse(seat: Seat) -> None:
        raise ValueError("runtime_env: no such field")

    launcher = SimpleNamespace(seat=refuse)
    (seat,) = seats([Need("verifier", 1, 1.0, 0.0)])
    supervisor = Supervisor([seat], launcher, 3, bring_up, lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(
        FleetError, match="verifier-0 cannot be replaced: ValueError: runtime_env: no such field"
    ) as caught:
        asyncio.run(failure_of(seat, supervisor))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_replacement_that_is_given_up_at_the_end_of_a_run_is_no_failure() -> None:
    async def never(seat: Seat) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        seat.lifeline = asyncio.get_running_loop().create_future()
        supervisor.admit(seat)
        seat.lifeline.set_exception(RayActorError())
        await asyncio.sleep(0.01)
        supervisor.stop()
        await asyncio.sleep(0.01)

    (seat,) = seats([Need("verifier", 1, 1.0, 0.0)])
    launcher = SimpleNamespace(seat=never)
    supervisor = Supervisor([seat], launcher, 3, bring_up, lambda _: None)  # type: ignore[arg-type]
    asyncio.run(scenario())
    assert supervisor.failure is None
