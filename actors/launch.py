"""Placing the fleet, and seating an actor: at the start, and again when one has died."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from actors.layout import SMALLEST_CPU, bundles_of, shared_node
from actors.member import actor_class
from actors.placement import Need, lacking, shortage
from actors.portable import describe
from actors.roster import Seat
from rlsys.config.run import ClusterConfig
from rlsys.errors import FleetError, ResourceError

Maker = Callable[[Seat], tuple[type, tuple[Any, ...]]]
"""A seat's class and the arguments of its constructor."""

_PLACE_S = 30.0
_NAME_S = 30.0
"""How long Ray may take to give a dead actor's name back; seen: below 1 s."""


class Launcher:
    """Owns the placement group, and creates actors in it.

    environments: by role, variables that are set before an actor's process starts.
    """

    def __init__(
        self, config: ClusterConfig, environments: dict[str, dict[str, str]], maker: Maker
    ) -> None:
        self.config, self.environments, self.maker = config, environments, maker
        self.group: PlacementGroup | None = None
        self.bundle_of: dict[str, int] = {}
        """By the seat's name."""

    async def place(self, needs: list[Need], notice: Callable[[str], None]) -> None:
        """Reserve room for every seat, in Ray's own queue.

        Args:
            notice: told who is waited for, where cluster.queue_s lets a run wait.
        Raises:
            ResourceError: the cluster does not get the room free in time; says who holds it.
        """
        together = {
            need.role
            for need in needs
            if self.config.placement == "PACK" and shared_node(need, ray.nodes())
        }
        bundles, self.bundle_of = bundles_of(needs, together)
        self.group = placement_group(bundles, strategy=self.config.placement)
        patience_s = max(_PLACE_S, self.config.queue_s)
        if self.config.queue_s and lacking(needs, ray.available_resources()):
            limit = f"for up to {patience_s:g} s (cluster.queue_s)"
            notice(f"waiting for resources, {limit}: {shortage(needs)}")
        try:
            async with asyncio.timeout(patience_s):
                await self.group.ready()
        except TimeoutError as error:
            raise ResourceError(
                f"no room for the fleet within {patience_s:g} s (cluster.placement="
                f"{self.config.placement}): {shortage(needs)}"
            ) from error

    async def seat(self, seat: Seat) -> None:
        """Create the seat's actor, under the seat's name, in its bundle."""
        assert self.group is not None
        made, arguments = self.maker(seat)
        need = seat.need
        options = actor_class(made).options(
            name=seat.name,
            num_cpus=max(need.cpus, SMALLEST_CPU),
            num_gpus=need.gpus,
            scheduling_strategy=PlacementGroupSchedulingStrategy(
                self.group, placement_group_bundle_index=self.bundle_of[seat.name]
            ),
            runtime_env={"env_vars": self.environments[seat.role]},
        )
        seat.actor = await _named(options, arguments, seat)
        seat.lifeline = seat.actor.lifeline.remote()
        seat.identity = None
        seat.incarnation += 1

    def end(self) -> None:
        """Give the bundles back."""
        if self.group is not None:
            remove_placement_group(self.group)


async def _named(options: Any, arguments: tuple[Any, ...], seat: Seat) -> Any:
    """An actor under the seat's name, as soon as Ray has given back a dead one's."""
    try:
        async with asyncio.timeout(_NAME_S):
            while True:
                try:
                    return options.remote(*arguments)
                except ValueError as error:
                    if "already taken" not in str(error):
                        raise
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise FleetError(
            f"{seat.name}: Ray still holds the name of the actor that died, after {_NAME_S:g} s"
        ) from error


def end_members(seats: Sequence[Seat], kindly_s: float, progress: Callable[[str], None]) -> None:
    """End whoever sits there: by itself within kindly_s, else at once; says who did not."""
    seated = [seat for seat in seats if seat.actor is not None]
    ends = {seat.actor.shutdown.remote(): seat for seat in seated}
    done = ray.wait(list(ends), num_returns=len(ends), timeout=kindly_s)[0] if ends else []
    for end in done:
        try:
            ray.get(end)
        except (RayActorError, RayTaskError, GetTimeoutError) as error:
            told = describe(error) if isinstance(error, RayTaskError) else str(error)
            progress(f"{ends[end].name} did not end by itself: {told.splitlines()[0]}")
    for seat in seated:
        ray.kill(seat.actor)
