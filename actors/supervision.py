"""Supervision: who is there, who is asked, and what happens when one dies.

Every actor holds one call open that never returns, its lifeline; it fails within milliseconds of
the process's death. A rollout, verifier or reference worker is then replaced on its seat; without
a learner rank the run cannot go on.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from actors.launch import Launcher
from actors.portable import describe, describe_unmade
from actors.roles import ROLES
from actors.roster import Seat
from rlsys.errors import (
    FleetError,
    LearnerLostError,
    RlsysError,
    SamplerKilledError,
    WorkerDiedError,
    WorkerError,
)
from rlsys.loop.dispatch import LeastLoaded

_ROOT_CAUSE_S = 3.0
"""When one member of a call to all fails, how long the others may take to fail as well: the death
of a rank shows first as an error in its peers' collectives."""


_EXIT = re.compile(r"Worker exit detail: (.+?)(?: There are (?:some )?potential root causes|\n|$)")


class Supervisor:
    """Calls to members, with Ray's errors turned into ours; replaces members that die.

    Args:
        bring_up: makes a newly seated actor ready for work; it may raise.
        notice: told of deaths and replacements.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        launcher: Launcher,
        max_deaths_in_a_row: int,
        bring_up: Callable[[Seat], Awaitable[None]],
        notice: Callable[[str], None],
    ) -> None:
        self.seats = list(seats)
        self.launcher, self.bring_up, self.notice = launcher, bring_up, notice
        self.max_deaths_in_a_row = max_deaths_in_a_row
        self.respawns = 0
        self.failure: RlsysError | None = None
        self._pools = {seat.role: LeastLoaded[Seat]([]) for seat in self.seats}
        self._changed = asyncio.Event()
        self._watches: list[asyncio.Task[None]] = []

    def of(self, role: str) -> list[Seat]:
        """The seats of a role, ready or not."""
        return [seat for seat in self.seats if seat.role == role]

    def ready(self, role: str) -> list[Seat]:
        """Those that may be given work."""
        return [seat for seat in self.seats if seat.role == role and seat.ready]

    def admit(self, seat: Seat) -> None:
        """A member has been brought up: it gets work, and is watched from now on."""
        self._is_ready(seat)
        watch = asyncio.create_task(self._watch(seat), name=f"watch {seat.name}")
        watch.add_done_callback(lambda ended: self._has_ended(ended, seat))
        self._watches.append(watch)

    async def failed(self) -> None:
        """Wait for the fleet to be past help.

        Raises:
            FleetError: why it is.
        """
        while self.failure is None:
            await self._change()
        raise self.failure

    def stop(self) -> None:
        """Replace nobody any more."""
        for watch in self._watches:
            watch.cancel()

    # --- calls ---------------------------------------------------------------------------------

    async def some_ready(self, role: str) -> None:
        """Wait until a member of the role may be given work."""
        while not len(self._pools[role]):
            if self.failure is not None:
                raise self.failure
            await self._change()

    async def one_away(self, role: str) -> Seat:
        """Wait for a member of the role to be gone; returns its seat."""
        while True:
            for seat in self.of(role):
                if not seat.ready:
                    return seat
            await self._change()

    async def work(
        self, role: str, call: Callable[[Any], list[Any]], other_than: Seat | None = None
    ) -> tuple[Seat, Any, Any]:
        """Give a piece of work to the ready member with the fewest; waits for one to be ready.

        Args:
            call: asks an actor; returns refs of a batch and of its metadata.
            other_than: asked only when it is the only one.
        Returns: who did it, the batch's ref, the metadata.
        """
        await self.some_ready(role)
        seat = self._pools[role].take(other_than)
        try:
            batch, meta = call(seat.actor)
            reply = await self.call(seat, meta)
        finally:
            self._pools[role].give_back(seat)
        seat.deaths_in_a_row = 0
        return seat, batch, reply

    async def call(self, seat: Seat, ref: Any) -> Any:
        """A member's reply.

        Raises:
            WorkerDiedError: it died, or an object that it needed was lost with a node.
            LearnerLostError: the same of a learner rank.
            WorkerError: it raised, or cannot even be made; with its name, the root exception, and
                where the whole traceback is.
            RlsysError: it raised one of ours, which says all there is to say.
        """
        try:
            with seat.asked():
                return await ref
        except RayTaskError as error:
            raise self._of_task(seat, error) from error
        except RayError as error:
            raise self._death(seat, error) from error

    async def call_all(self, seats: Sequence[Seat], call: Callable[[Seat], Any]) -> list[Any]:
        """Every member's reply; the first failure is raised at once, by its root cause.

        The others are not waited for: they may sit in a collective with the one that failed.
        """
        tasks = [asyncio.ensure_future(self.call(seat, call(seat))) for seat in seats]
        try:
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            failures = [error for task in done if (error := task.exception())]
            if failures and pending:
                done, _ = await asyncio.wait(pending, timeout=_ROOT_CAUSE_S)
                failures += [error for task in done if (error := task.exception())]
            if failures:
                raise min(failures, key=lambda e: not isinstance(e, LearnerLostError))
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.cancel()

    def _of_task(self, seat: Seat, error: RayTaskError) -> RlsysError:
        """What a member raised."""
        cause = error.cause
        while isinstance(cause, RayTaskError):
            cause = cause.cause  # of another member, which this one had asked
        if isinstance(cause, RlsysError):
            return cause
        if isinstance(cause, RayError):
            return self._death(seat, cause)
        log = f"; the whole traceback: {seat.identity.log}" if seat.identity else ""
        return WorkerError(f"{seat.name} raised {describe(error)}{log}")

    def _death(self, seat: Seat, error: RayError) -> RlsysError:
        if isinstance(error, RayActorError) and error.actor_init_failed:
            return WorkerError(f"{seat.name} cannot be made: {describe_unmade(error)}")
        if not ROLES[seat.role].is_replaced:
            return _learner_lost(seat, error)
        if isinstance(error, RayActorError):
            return WorkerDiedError(f"{seat.name} died: {_first_line(error)}; {seat.where}")
        return WorkerDiedError(f"{seat.name}: {type(error).__name__}: {_first_line(error)}")

    # --- deaths --------------------------------------------------------------------------------

    async def _watch(self, seat: Seat) -> None:
        """Replace the seat's actor whenever it dies, until that is of no use."""
        while True:
            death = await _end_of(seat)
            self._is_away(seat)
            if not ROLES[seat.role].is_replaced:
                return self._fail(_learner_lost(seat, death))
            reason = _first_line(death)
            seat.deaths_in_a_row += 1
            if seat.deaths_in_a_row > self.max_deaths_in_a_row:
                return self._fail(
                    FleetError(
                        f"{seat.name} died {seat.deaths_in_a_row} times without finishing a call "
                        f"(cluster.max_deaths_in_a_row); last: {reason}; {seat.where}"
                    )
                )
            self.notice(f"{seat.name} died ({reason}); it is replaced")
            try:
                await self._respawn(seat)
            except WorkerDiedError:
                continue  # its lifeline has failed, too
            except SamplerKilledError as error:
                # A death as any other, but that the actor is left, without a sampler.
                self.notice(str(error))
                ray.kill(seat.actor)
            except RlsysError as error:
                return self._fail(error)

    def _has_ended(self, watch: asyncio.Task[None], seat: Seat) -> None:
        """Without a watch a seat stays empty, and nobody would say why."""
        error = None if watch.cancelled() else watch.exception()
        if isinstance(error, RlsysError):
            self._fail(error)
        elif error is not None:
            failure = FleetError(f"{seat.name} cannot be replaced: {type(error).__name__}: {error}")
            failure.__cause__ = error
            self._fail(failure)

    async def _respawn(self, seat: Seat) -> None:
        # An actor that only cannot be reached must not go on beside its successor.
        ray.kill(seat.actor)
        await self.launcher.seat(seat)
        await self.bring_up(seat)
        self.respawns += 1
        self._is_ready(seat)
        self.notice(f"{seat.name} is back")

    def _is_ready(self, seat: Seat) -> None:
        seat.times.taken()
        seat.ready = True
        self._pools[seat.role].add(seat)
        self._wake()

    def _is_away(self, seat: Seat) -> None:
        if seat.ready:
            seat.ready = False
            self._pools[seat.role].remove(seat)
            self._wake()

    def _fail(self, error: RlsysError) -> None:
        if self.failure is None:
            self.failure = error
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()


async def _end_of(seat: Seat) -> RayError:
    """Wait for the seat's actor to die; returns what Ray says of it."""
    try:
        await seat.lifeline
    except RayError as error:
        return error
    raise FleetError(f"{seat.name} let go of its lifeline while it lives")


def _learner_lost(seat: Seat, error: RayError) -> LearnerLostError:
    return LearnerLostError(
        f"{seat.name} died: {_first_line(error)}; {seat.where}. What it learned since the last "
        "checkpoint is gone with it"
    )


def _first_line(error: BaseException) -> str:
    """How a process ended, where Ray says it, else what Ray says first; the rest are ids."""
    text = str(error).strip() or type(error).__name__
    if ended := _EXIT.search(text):
        return ended[1]
    return text.splitlines()[0]
