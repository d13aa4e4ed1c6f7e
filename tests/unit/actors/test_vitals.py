"""For how long samplers have stood still, by which a wait for completions is a stall or none."""

import asyncio
import math
from types import SimpleNamespace
from typing import Any

from actors.placement import Need
from actors.roster import Seat, seats
from actors.supervision import Supervisor
from actors.vitals import samplers_still_s


async def bring_up(seat: Seat) -> None:
    """Nothing to do."""


def still_s(*workers: float | None, owing: bool = True) -> float:
    """Of samplers that have stood still for so long; None: its worker is being replaced."""

    async def asked() -> float:
        for seat, still in zip(members, workers, strict=True):
            seat.ready = still is not None
            reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            reply.set_result(still)
            seat.actor = SimpleNamespace(still_s=SimpleNamespace(remote=lambda own=reply: own))
            if owing and seat.ready:
                seat.asked_at[object()] = 0.0
        return await samplers_still_s(supervisor)

    members = seats([Need("rollout", len(workers), 1.0, 0.0)])
    supervisor = Supervisor(members, SimpleNamespace(), 3, bring_up, lambda _: None)  # type: ignore[arg-type]
    return asyncio.run(asked())


def test_the_stillest_sampler_that_owes_a_reply_is_told() -> None:
    assert still_s(3.0, 40.0, 7.0) == 40.0
    assert still_s(3.0, None, 7.0) == 7.0


def test_completions_that_nobody_samples_come_from_nowhere() -> None:
    assert still_s(3.0, 40.0, owing=False) == math.inf


def test_work_that_waits_for_a_sampler_to_be_replaced_is_no_stall() -> None:
    assert still_s(None) == 0.0
    assert still_s(3.0, None, owing=False) == 0.0
