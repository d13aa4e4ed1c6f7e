"""A fleet without a learner, whose samplers can go over from one policy to the next."""

import asyncio
from dataclasses import replace

from actors.ray_fleet import RayFleet
from actors.roster import Seat
from rlsys.errors import WorkerDiedError
from rlsys.roles import ROLLOUT


class ExaminingFleet(RayFleet):
    """Rollout and verifier workers of an evaluation."""

    async def hold(self, model_path: str) -> None:
        """Every rollout worker samples this policy, of the same shapes and tokens, from now on;
        nothing may be under way.

        Raises:
            WeightSyncError: a sampler cannot go over to it; names the tensors.
        """
        self.inputs = replace(self.inputs, model_path=model_path)
        await asyncio.gather(*(self._hand(seat) for seat in self.supervisor.ready(ROLLOUT)))

    async def _hand(self, seat: Seat) -> None:
        try:
            ref = seat.actor.load_policy.remote(self.inputs.model_path)
            await self.startup.step(seat, "the next policy", ref)
        except WorkerDiedError:
            return  # its successor begins with it

    async def _bring_up(self, seat: Seat) -> None:
        """A successor began with the policy of its first moment, which may be an earlier one."""
        await super()._bring_up(seat)
        held = None
        while seat.role == ROLLOUT and held != self.inputs.model_path:
            held = self.inputs.model_path
            await self.startup.step(seat, "the next policy", seat.actor.load_policy.remote(held))
