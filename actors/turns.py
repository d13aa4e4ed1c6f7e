"""One GPU by turns: learner and samplers have it one after the other, the whole of it each.

    learner's turn    learn, publish into the store, checkpoints
    samplers' turn    take the newest weights out of the store, then sample

Whoever asks waits until nobody of the other side works any more. Then that side gives the GPU up:
samplers sleep and forget their weights, learner ranks lay their states into the CPU's memory. A
sampler that wakes is given the newest weights, as one is that is new to the fleet.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from actors.publication import Publication
from actors.roster import Seat
from actors.supervision import Supervisor
from rlsys.errors import WorkerDiedError
from rlsys.roles import LEARNER, ROLLOUT
from rlsys.watch.waits import Waits

T = TypeVar("T")


class Turns:
    """Who has the GPU; the learner, which starts first, has the first turn.

    Args:
        waits: of the changes.
        are_taken: False in a fleet whose members all have room of their own: nobody waits.
    """

    def __init__(
        self, supervisor: Supervisor, publication: Publication, waits: Waits, are_taken: bool = True
    ) -> None:
        self.supervisor, self.publication, self.waits = supervisor, publication, waits
        self.are_taken = are_taken
        self.role = LEARNER
        """Whose turn it is."""
        self._samplers: dict[Seat, None] = {}
        """That have started, and are given up and taken back."""
        self._working = 0
        self._nobody_works = asyncio.Event()
        self._nobody_works.set()
        self._queue = asyncio.Lock()
        self._change: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def of(self, role: str, at_once: bool = False) -> AsyncIterator[None]:
        """Work inside is in a role's turn; several may work in it. Who asks first is first.

        at_once: but for this one, where the role is at work: its work may wait for this.
        """
        if not self.are_taken:
            yield
            return
        if at_once and self._working and self.role == role:
            self._begins()
        else:
            async with self._queue:
                await self._pass(role)
                self._begins()
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._nobody_works.set()

    async def take(self, role: str, work: Coroutine[Any, Any, T]) -> T:
        """Await `work` in a role's turn; it is never begun where the wait for that ends."""
        try:
            async with self.of(role):
                return await work
        finally:
            work.close()

    def _begins(self) -> None:
        self._working += 1
        self._nobody_works.clear()

    async def _pass(self, role: str) -> None:
        # One who stopped waiting left a change that goes on.
        if self._change is not None:
            await asyncio.wait([self._change])
        if self.role != role:
            await self._nobody_works.wait()
            self._change = asyncio.create_task(self._pass_to(role), name=f"turn of {role}")
            await self.waits.on(f"driver: turn of {role}", self._change)

    def joined(self, seat: Seat) -> None:
        """A sampler has started, in its turn."""
        self._samplers[seat] = None

    def left(self, seat: Seat) -> None:
        """A sampler has died; its successor joins when it has started."""
        self._samplers.pop(seat, None)

    async def _pass_to(self, role: str) -> None:
        if role == LEARNER:
            await asyncio.gather(*(self._end_turn(seat) for seat in list(self._samplers)))
            await self._learners("wake_up")
        else:
            await self._learners("sleep")
            if self.publication.newest is not None:
                await self.publication.to_these(list(self._samplers))
        self.role = role

    async def _end_turn(self, seat: Seat) -> None:
        self.publication.forget(seat)
        try:
            await self.supervisor.call(seat, seat.actor.sleep.remote())
        except WorkerDiedError:
            return  # its memory is free, and its successor starts in the samplers' turn

    async def _learners(self, what: str) -> None:
        await self.supervisor.call_all(
            self.supervisor.of(LEARNER), lambda seat: getattr(seat.actor, what).remote()
        )


def are_taken(colocate: bool, roles: list[str]) -> bool:
    """Whether a fleet has turns: learner and samplers are both there, and are to share."""
    return colocate and LEARNER in roles and ROLLOUT in roles
