"""Looking at members from outside: those that are being waited for, and their stacks."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.roster import Seat
from rlsys.watch import stacks

_AT_ONCE = 32
_READ_S = 15.0
"""For the stacks of a member on another node."""
_NAMED = 6
"""Members that a line names."""


class Debt(NamedTuple):
    """A member that owes the driver replies."""

    seat: Seat
    calls: int
    oldest_s: float


def debts(seats: Sequence[Seat]) -> list[Debt]:
    """Of this moment, the member that was asked first before the others."""
    found = [Debt(seat, *seat.owes) for seat in seats]
    return sorted((debt for debt in found if debt.calls), key=lambda debt: -debt.oldest_s)


def owing(seats: Sequence[Seat]) -> str:
    """`rollout-1 340 s, learner-0 12 s, and 30 more`: for how long they owe a reply."""
    found = debts(seats)
    names = [f"{debt.seat.name} {debt.oldest_s:.0f} s" for debt in found[:_NAMED]]
    return ", ".join(names + [f"and {len(found) - _NAMED} more"] * (len(found) > _NAMED)) or "none"


async def report(seats: Sequence[Seat]) -> str:
    """Where the driver's tasks stand, and the members that owe it a reply, as of this moment."""
    tasks, found = stacks.of_tasks(asyncio.get_running_loop()), debts(seats)
    members = await asyncio.to_thread(of_members, found)
    return f"--- the driver's tasks\n{tasks}\n{members}".rstrip()


def of_members(found: Sequence[Debt]) -> str:
    """Where these members stand, read at the same time; it blocks."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read stacks") as readers:
        texts = list(readers.map(lambda debt: _stacks_of(debt.seat), found))
    return "\n".join(
        f"--- {debt.seat.name}, {debt.calls} calls unanswered, the oldest for "
        f"{debt.oldest_s:.0f} s; {text}"
        for debt, text in zip(found, texts, strict=True)
    )


def _stacks_of(seat: Seat) -> str:
    """Read on the member's own node, by a process beside it: the member itself may be stuck."""
    identity = seat.identity
    if identity is None:
        return "it has not started"
    if identity.node_id == ray.get_runtime_context().get_node_id():
        return stacks.of_family(identity.pid)
    remote: Any = ray.remote
    there = NodeAffinitySchedulingStrategy(identity.node_id, soft=False)
    reading = remote(num_cpus=0, scheduling_strategy=there)(stacks.of_family).remote(identity.pid)
    try:
        return ray.get(reading, timeout=_READ_S)
    except RayError as error:  # the report of a stall must not fail by what stalls
        reason = str(error).strip().partition("\n")[0]
        return f"its stacks cannot be read on {identity.host}: {type(error).__name__}: {reason}"
