"""What a fleet asks of the memory of machines, before any of it is started."""

from actors.roles import needs
from actors.room import alike_nodes, gpu_gib_here, memory_gib_here
from rlsys.config.memory_fit import require_fit, with_room
from rlsys.config.memory_plan import Demand, Room
from rlsys.config.networks import Network, Networks, read_networks
from rlsys.config.run import RunConfig


def demand_of(config: RunConfig, policy: Network, room: Room, trains: bool = True) -> Demand:
    """Of a run's fleet, or of an evaluation's, which has no teacher, and grades by what its
    benchmarks say. With the settings that memory decides.

    Raises:
        ConfigError: as rlsys.config.networks.read_networks.
    """
    networks = read_networks(config, policy) if trains else Networks(policy)
    return with_room(Demand(config, networks, [one.role for one in needs(config, trains)], room))


def planned(demand: Demand) -> list[str]:
    """The memory plan in lines: tables on GPUs, and else a line.

    Raises:
        ConfigError: it does not fit; see rlsys.config.memory_fit.require_fit.
    """
    on_gpus = bool(demand.config.learner.gpus or demand.config.rollout.gpus)
    lines = []
    if on_gpus and demand.room.gpu_gib is None:
        lines.append("note: no node says how much memory its GPUs have, so none is planned")
    plan = require_fit(demand)
    if plan is None:
        return [*lines, f"note: no memory plan: {demand.networks.policy.unknown}"]
    if on_gpus:
        return [*lines, *plan.lines()]
    return [*(f"memory plan: {host.sum_line}" for host in plan.hosts), *plan.notes]


def room_here(config: RunConfig) -> Room | None:
    """This machine's, with as many of its GPUs as the run asks for; None: for GPUs, of which there
    are none here."""
    wanted = needs(config)
    gpus = sum(need.total["GPU"] for need in wanted)
    gib = gpu_gib_here() if gpus else None
    if gpus and gib is None:
        return None
    return Room(gib, alike_nodes(wanted, memory_gib_here(), gpus))
