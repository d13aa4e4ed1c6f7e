"""The newest weights, from the learner to every rollout worker."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from actors.roster import Seat
from actors.supervision import Supervisor
from rlsys.config.run import Transport
from rlsys.errors import LearnerLostError, WorkerDiedError
from rlsys.loop.fleet import PublishReport
from rlsys.roles import LEARNER, ROLLOUT
from rlsys.sampling.engine_figures import together
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary

_LOOK_S = 0.2


@dataclass(frozen=True)
class Published:
    """What every rollout worker has to hold before it samples."""

    manifest: Manifest
    canary: Canary
    buffer: Any
    """Ref of the list of the buckets' refs; empty where the learner has sent them itself."""
    recipients: Mapping[str, int]
    """To whom it did, each by its name with how many have had that name."""

    def reached(self, seat: Seat) -> bool:
        """Whether who sits there has been sent it, or can read it in the store."""
        return not self.recipients or self.recipients.get(seat.name) == seat.incarnation


class Publication:
    """Has the learner pack its weights, and rollout workers pull and prove them.

    vLLM's own transports have a fixed group. While a worker of it is away, weights go through the
    store; once all are there, the group is formed anew.

    Args:
        canary_ids: the tokens whose logprobs the canary is.
        is_beside: the learner copies its weights, and they leave for the store while it goes on.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        canary_ids: list[int],
        transport: Transport,
        is_beside: bool,
    ) -> None:
        self.supervisor, self.canary_ids, self.transport = supervisor, canary_ids, transport
        self.is_beside = is_beside
        self.newest: Published | None = None
        self.reports: dict[Seat, PublishReport] = {}
        self.held: dict[Seat, tuple[Published, int]] = {}
        """What each was seen to hold, and which of those that sat there that was."""

    async def pack(self, version: int) -> None:
        """The learner's weights as one buffer, and the canary's logprobs under them.

        Raises:
            LearnerLostError: a worker died while the learner sent to it, which waits for ever then.
        """
        if self.is_beside:
            self.newest = await self._packed_beside(version)
            return
        recipients = self._recipients()
        packing = self._packed(
            recipients, lambda actor: actor.publish.remote(version, self.canary_ids, recipients)
        )
        # At the start nobody is watched yet.
        if recipients and self.newest:
            self.newest = await self._while_all_live(packing)
        else:
            self.newest = await packing

    async def pull(self, seat: Seat) -> None:
        """A rollout worker loads and proves the newest weights. One that these were not sent to
        reads them in the store, or waits for newer ones, where the learner has gone on."""
        newest = self.newest
        assert newest is not None
        new = newest
        if self._holds(seat, newest):
            return
        if not newest.reached(seat):
            version = newest.manifest.version
            stored = await self._packed(
                {}, lambda actor: actor.publish_stored.remote(version, self.canary_ids)
            )
            if stored is None:
                while self.newest is newest:
                    await asyncio.sleep(_LOOK_S)
                return
            new = stored
        ref = seat.actor.update_weights.remote(new.manifest, new.canary, new.buffer)
        self.reports[seat] = await self.supervisor.call(seat, ref)
        self.held[seat] = (newest, seat.incarnation)

    async def to_all(self) -> PublishReport:
        """Every rollout worker holds and has proved the newest weights when this returns; the
        slowest one's figures, whose pull is what the slots wait for, and what all engines did."""
        await self.to_these(self.supervisor.ready(ROLLOUT))
        # One that died meanwhile pulls on its way back; without any, sampling cannot go on.
        await self.supervisor.some_ready(ROLLOUT)
        reports = [self.reports[seat] for seat in self.supervisor.ready(ROLLOUT)]
        slowest = max(reports, key=lambda report: report.total_s)
        # One that could not be sent the newest weights reported long ago.
        newest = max(report.version for report in reports)
        engines = [one.engine for one in reports if one.engine and one.version == newest]
        return replace(slowest, engine=together(engines) if engines else None)

    async def to_these(self, seats: Iterable[Seat]) -> None:
        """These rollout workers hold the newest weights when this returns, or have died."""
        pulls = [asyncio.ensure_future(self._try_pull(seat)) for seat in seats]
        try:
            await asyncio.gather(*pulls)
        finally:
            for pull in pulls:
                pull.cancel()

    def _holds(self, seat: Seat, published: Published) -> bool:
        held, incarnation = self.held.get(seat, (None, 0))
        return held is published and incarnation == seat.incarnation

    def forget(self, seat: Seat) -> None:
        """Who sits there holds no weights any more."""
        self.held.pop(seat, None)

    def _recipients(self) -> dict[str, int]:
        """To whom the learner sends by itself; nobody where the store carries, or has to."""
        seats = self.supervisor.of(ROLLOUT)
        is_whole = self.newest is None or all(seat.ready for seat in seats)
        if self.transport is Transport.object_store or not is_whole:
            return {}
        return {seat.name: seat.incarnation for seat in seats}

    async def _packed(
        self, recipients: Mapping[str, int], publish: Callable[[Any], tuple[Any, Any]]
    ) -> Published | None:
        """What the ranks published; None: nothing."""
        buffers: list[Any] = []

        def ask(seat: Seat) -> Any:
            head, buffer = publish(seat.actor)
            buffers.append(buffer)
            return head

        heads = await self.supervisor.call_all(self.supervisor.of(LEARNER), ask)
        if heads[0] is None:
            return None
        manifest, canary = heads[0]
        return Published(manifest, canary, buffers[0], recipients)

    async def _packed_beside(self, version: int) -> Published:
        """The same of a copy, for which alone the ranks are held up: what they are asked for next
        they do once they have copied."""
        ranks = self.supervisor.of(LEARNER)
        canary, *_ = await self.supervisor.call_all(
            ranks, lambda seat: seat.actor.copy_weights.remote(version, self.canary_ids)
        )
        packed, buffer = ranks[0].actor.publish_copy.remote(version)
        manifest = await self.supervisor.call(ranks[0], packed)
        return Published(manifest, canary, buffer, {})

    async def _while_all_live(self, packing: Any) -> Published | None:
        sending = asyncio.ensure_future(packing)
        dying = asyncio.ensure_future(self.supervisor.one_away(ROLLOUT))
        try:
            await asyncio.wait((sending, dying), return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            raise LearnerLostError(
                f"{dying.result().name} died while the learner sent weights to it "
                f"(weights.transport={self.transport.value}), and the learner waits for it for "
                "ever. What it learned since the last checkpoint is gone"
            )
        finally:
            sending.cancel()
            dying.cancel()

    async def _try_pull(self, seat: Seat) -> None:
        try:
            await self.pull(seat)
        except WorkerDiedError:
            return  # its successor pulls before it samples
