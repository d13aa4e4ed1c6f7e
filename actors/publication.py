"""The newest weights, from the learner to every rollout worker."""

import asyncio
from dataclasses import dataclass
from typing import Any

from actors.roster import Seat
from actors.supervision import Supervisor
from rlsys.errors import WorkerDiedError
from rlsys.loop.fleet import PublishReport
from rlsys.roles import LEARNER, ROLLOUT
from rlsys.weights.bundle import Manifest
from rlsys.weights.canary import Canary


@dataclass(frozen=True)
class Published:
    """What every rollout worker has to hold before it samples."""

    manifest: Manifest
    canary: Canary
    buffer: Any
    """Ref of the list of the buckets' refs; empty where the learner has sent them itself."""


class Publication:
    """Has the learner pack its weights, and rollout workers pull and prove them.

    Args:
        canary_ids: the tokens whose logprobs the canary is.
    """

    def __init__(self, supervisor: Supervisor, canary_ids: list[int]) -> None:
        self.supervisor, self.canary_ids = supervisor, canary_ids
        self.newest: Published | None = None
        self.reports: dict[Seat, PublishReport] = {}

    async def pack(self, version: int) -> None:
        """The learner's weights as one buffer, and the canary's logprobs under them."""
        buffers: list[Any] = []

        def publish(seat: Seat) -> Any:
            head, buffer = seat.actor.publish.remote(version, self.canary_ids)
            buffers.append(buffer)
            return head

        heads = await self.supervisor.call_all(self.supervisor.of(LEARNER), publish)
        manifest, canary = heads[0]
        self.newest = Published(manifest, canary, buffers[0])

    async def pull(self, seat: Seat) -> None:
        """A rollout worker loads and proves the newest weights."""
        assert self.newest is not None
        new = self.newest
        ref = seat.actor.update_weights.remote(new.manifest, new.canary, new.buffer)
        self.reports[seat] = await self.supervisor.call(seat, ref)

    async def to_all(self, version: int) -> PublishReport:
        """Every rollout worker holds and has proved `version` when this returns; the slowest one's
        figures, whose pull is what the slots wait for."""
        await self.pack(version)
        pulls = [asyncio.ensure_future(self._try_pull(s)) for s in self.supervisor.ready(ROLLOUT)]
        try:
            await asyncio.gather(*pulls)
        finally:
            for pull in pulls:
                pull.cancel()
        # One that died meanwhile pulls on its way back; without any, sampling cannot go on.
        await self.supervisor.some_ready(ROLLOUT)
        reports = [self.reports[seat] for seat in self.supervisor.ready(ROLLOUT)]
        return max(reports, key=lambda report: report.total_s)

    async def _try_pull(self, seat: Seat) -> None:
        try:
            await self.pull(seat)
        except WorkerDiedError:
            return  # its successor pulls before it samples
