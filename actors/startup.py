"""From an actor on its seat to a member that may be given work: at a fleet's start, and in the
place of one that died."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import ray

from actors.placement import Need
from actors.roles import ROLES
from actors.roster import Seat
from actors.turns import Turns
from actors.versions import SameEverywhere, installed
from rlsys.data.templates import Prompt, to_batch
from rlsys.roles import LEARNER, ROLLOUT
from rlsys.run.folder import LOGS, SAMPLES, mark
from rlsys.watch.start_times import StartTimes
from rlsys.weights.canary import Canary

T = TypeVar("T")


class Startup:
    """Loads members, lets them meet, and proves that samplers hold the learner's weights.

    Args:
        turns: who works when; its waits are those of the start, with their deadline.
        prompts: every prompt that will be asked for.
        canary_ids: tokens on which weights and packing are proved.
        folder: of the run; see RayFleet.
        times: what the steps took at the last start.
        loads: of a role, what it loads, which its steps' times depend on.
    """

    def __init__(
        self,
        turns: Turns,
        prompts: Sequence[Prompt],
        canary_ids: list[int],
        folder: Path,
        progress: Callable[[str], None],
        notice: Callable[[str], None],
        times: StartTimes,
        loads: Callable[[str], str],
    ) -> None:
        self.turns, self.waits = turns, turns.waits
        self.times, self.loads = times, loads
        self.supervisor, self.publication = turns.supervisor, turns.publication
        self.prompts, self.canary_ids = prompts, canary_ids
        self.logs, self.samples = folder / LOGS, folder / SAMPLES
        self.progress, self.notice = progress, notice
        self.versions = SameEverywhere()
        self.versions.require(f"the driver on {ray.util.get_node_ip_address()}", installed())
        self.weight_names: list[str] = []
        self.canary: Canary | None = None
        """Of a learner that has started, under the weights that the model has on disk."""

    async def identify(self, seats: Sequence[Seat]) -> None:
        """Each says where it is and what is installed there, and writes its log from now on."""
        await asyncio.gather(*(self._identify(seat) for seat in seats))

    async def start(self, roles: Sequence[str], checkpoint: Path | None, version: int) -> None:
        """Load the members of these roles side by side."""
        await asyncio.gather(*(self._start_role(role, checkpoint, version) for role in roles))

    async def prove(self, version: int) -> None:
        """The samplers hold the learner's weights of this version, proved, when this returns."""
        self.progress("proving that the rollout workers hold the learner's weights")
        await self._of_samplers(self._prove_model)
        packing = self.turns.take(LEARNER, self.publication.pack(version))
        await self.waits.on("driver: first weights", packing)
        await self._of_samplers(self._hand_weights)

    async def _of_samplers(self, work: Callable[[Seat], Coroutine[Any, Any, None]]) -> None:
        """In their turn; side by side, but for those that share a GPU: weights that are loaded take
        memory beside those that are held."""
        samplers = self.supervisor.of(ROLLOUT)
        at_once = 1 if any(0 < seat.need.gpus < 1 for seat in samplers) else len(samplers)
        for start in range(0, len(samplers), at_once):
            together = samplers[start : start + at_once]
            await asyncio.gather(*(self.turns.take(ROLLOUT, work(seat)) for seat in together))

    async def bring_up(self, seat: Seat) -> None:
        """A new actor on a dead one's seat is made ready for work."""
        await self._identify(seat)
        if not ROLES[seat.role].samples:
            return await self._start_member(seat)
        self.turns.left(seat)
        async with self.turns.of(ROLLOUT, at_once=True):
            await self._start_member(seat)
            if self.supervisor.of(LEARNER):
                await self._prove_model(seat)
                await self._hand_weights(seat)

    async def _start_role(self, role: str, checkpoint: Path | None, version: int) -> None:
        if role == LEARNER:
            return await self._start_learner(checkpoint, version)
        starting = self._start_members(role)
        await (self.turns.take(role, starting) if ROLES[role].samples else starting)

    async def _start_learner(self, checkpoint: Path | None, version: int) -> None:
        """The ranks meet at rank 0, and say what the policy's tensors are called."""
        ranks = self.supervisor.of(LEARNER)
        token = mark(self.samples)
        for seat in ranks:
            await self.step(seat, "the run's folder", seat.actor.find_folder.remote(token))
        address, port = await self.step(ranks[0], "address", ranks[0].actor.address.remote())
        names = ", ".join(seat.name for seat in ranks)
        starting = self.supervisor.call_all(
            ranks,
            lambda seat: seat.actor.start.remote(
                len(ranks), address, port, self.canary_ids, checkpoint, version
            ),
        )
        said = await self._timed(names, ranks[0].need, ROLES[LEARNER].loading, starting)
        self._is_up(names)
        self.weight_names, self.canary = said[0]

    async def _start_members(self, role: str) -> None:
        await asyncio.gather(*(self._start_member(s) for s in self.supervisor.of(role)))

    async def _start_member(self, seat: Seat) -> None:
        """The actor is there and its sampler loaded when this returns."""
        role = ROLES[seat.role]
        arguments = [self._prompt_table] if role.samples else []
        said = await self.step(seat, role.loading, seat.actor.start.remote(*arguments))
        self._is_up(seat.name)
        if role.samples:
            self.turns.joined(seat)
        if said:
            self.notice(f"{seat.name}: {said}")

    @cached_property
    def _prompt_table(self) -> Any:
        """A ref of every prompt, once in the store for all samplers."""
        return ray.put(to_batch(self.prompts))

    async def _prove_model(self, seat: Seat) -> None:
        """A rollout worker learns which tensors to expect, and proves the model by its weights from
        disk, which it still has."""
        expecting = seat.actor.expect_weights.remote(self.weight_names, self.canary)
        await self.step(seat, "list of weights", expecting)

    async def _hand_weights(self, seat: Seat) -> None:
        """A rollout worker holds the newest weights, proved.

        Newer ones may be published meanwhile: it is up to date when this returns.
        """
        held = None
        while held is not self.publication.newest:
            held = self.publication.newest
            pulling = self.publication.pull(seat)
            await self._timed(seat.name, seat.need, "first weights", pulling)

    async def _identify(self, seat: Seat) -> None:
        introducing = seat.actor.introduce.remote(self.logs / f"{seat.name}.log")
        seat.identity = await self.step(seat, "its process", introducing)
        self.versions.require(f"{seat.name} on {seat.identity.host}", seat.identity.versions)

    async def step(self, seat: Seat, what: str, ref: Any) -> Any:
        """One step of a member's start, with its name and its deadline."""
        return await self._timed(seat.name, seat.need, what, self.supervisor.call(seat, ref))

    async def _timed(self, names: str, need: Need, what: str, work: Awaitable[T]) -> T:
        """A step that says how much of it is left, by what the same one took at the last start."""
        share = f"{need.count} x {need.cpus:g} CPUs, {need.gpus:g} GPUs"
        key = f"{need.role}: {what} ({share}): {self.loads(need.role)}"
        loop = asyncio.get_running_loop()
        began = loop.time()
        made = await self.waits.on(f"{names}: {what}", work, last_s=self.times.last_s(key))
        self.times.took(key, loop.time() - began)
        return made

    def _is_up(self, names: str) -> None:
        """Say that these are ready, and what the fleet's start still waits for."""
        waits = self.waits.describe()
        self.progress(f"{names} ready" + ("" if waits == "nothing" else f"; waiting for {waits}"))
