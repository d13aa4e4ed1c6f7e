"""Looking at members from outside: the stacks of those that are being waited for."""

import asyncio
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.roster import Seat
from rlsys.watch import stacks


async def report(seats: Sequence[Seat]) -> str:
    """Where the driver's tasks stand, and the members that owe it an answer, as of this moment."""
    parts = [f"--- the driver's tasks\n{stacks.of_tasks()}"]
    owing = [(seat, seat.unanswered) for seat in seats if seat.unanswered]
    texts = await asyncio.gather(*(_stacks_of(seat) for seat, _ in owing))
    for (seat, unanswered), text in zip(owing, texts, strict=True):
        parts.append(f"--- {seat.name}, {unanswered} calls unanswered; {text}")
    return "\n".join(parts)


async def _stacks_of(seat: Seat) -> str:
    """Read on the member's own node, by a process beside it: the member itself may be stuck."""
    identity = seat.identity
    if identity is None:
        return "it has not started"
    if identity.node_id == ray.get_runtime_context().get_node_id():
        return await asyncio.to_thread(stacks.of_family, identity.pid)
    remote: Any = ray.remote
    there = NodeAffinitySchedulingStrategy(identity.node_id, soft=False)
    return await remote(num_cpus=0, scheduling_strategy=there)(stacks.of_family).remote(
        identity.pid
    )
