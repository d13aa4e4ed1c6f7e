"""What the members say of themselves: where their time goes, and how still the samplers are."""

import asyncio
import math

from actors.roster import Seat
from actors.supervision import Supervisor
from rlsys.errors import WorkerDiedError
from rlsys.roles import ROLLOUT
from rlsys.watch.accounting import Lately, Times


async def times(supervisor: Supervisor) -> dict[str, Times]:
    """Per role, summed over its members, those included that died on the same seats."""
    seen = await asyncio.gather(*(_times_of(supervisor, seat) for seat in supervisor.seats))
    result: dict[str, Times] = {}
    for seat, its_times in zip(supervisor.seats, seen, strict=True):
        result[seat.role] = result.get(seat.role, Times()) + seat.times.tell(its_times)
    return result


def lately(supervisor: Supervisor) -> dict[str, Lately]:
    """Per member, between the newest two times that somebody asked for all of them."""
    return {seat.name: seat.times.lately for seat in supervisor.seats}


async def samplers_still_s(supervisor: Supervisor) -> float:
    """For how long the stillest of the rollout workers that owe a reply has sampled nothing. When
    none owes any, infinite; but 0 while one is being replaced, for which work may wait: that has a
    deadline of its own (cluster.ready_timeout_s), which may be later than a stall's."""
    workers = supervisor.of(ROLLOUT)
    asked = [seat for seat in workers if seat.ready and seat.asked_at]
    still = await asyncio.gather(*(_still_s_of(supervisor, seat) for seat in asked))
    return max(still, default=math.inf if all(seat.ready for seat in workers) else 0.0)


async def _still_s_of(supervisor: Supervisor, seat: Seat) -> float:
    try:
        return await supervisor.call(seat, seat.actor.still_s.remote())
    except WorkerDiedError:
        return 0.0  # what it owed begins again elsewhere


async def _times_of(supervisor: Supervisor, seat: Seat) -> Times:
    if not seat.ready:
        return seat.times.empty()
    try:
        its_times, parts = await supervisor.call(seat, seat.actor.times.remote())
    except WorkerDiedError:
        return seat.times.empty()
    return seat.times.saw(its_times, parts)
