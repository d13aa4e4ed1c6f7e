"""The memory plan: who needs how much of each GPU and of each node, before anything is loaded.

Members with a share of a GPU lie on one together, as long as their shares add up to at most 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rlsys.config import host_plan, memory
from rlsys.config.adapter import learner_is_reference
from rlsys.config.host_plan import Host, Node, hosts_of
from rlsys.config.memory import GIB, Memory
from rlsys.config.model_shape import Shape, shape_of
from rlsys.config.run import RunConfig

SHARES = 1 + 1e-9
SPARE = 0.97
"""Of a GPU's memory that a plan may use up: the driver keeps some, and blocks leave gaps."""
_TURNS = ("learner", "rollout")


@dataclass(frozen=True)
class Room:
    """What memory there is."""

    gpu_gib: float | None = None
    """Of each GPU; None: not known, and GPUs are not planned for."""
    nodes: Sequence[Node] = ()
    """None: not known either."""


@dataclass(frozen=True)
class Member:
    """One process on a GPU, or as many of them as are alike."""

    role: str
    share: float
    memory: Memory


@dataclass(frozen=True)
class Plan:
    """Members by GPU; GPUs with the same members stand for each other."""

    model_type: str
    parameters: int
    active: int
    """Of the parameters, those that a token goes through."""
    gpus: list[list[Member]]
    gpu_bytes: float
    hosts: list[Host]
    by_turns: bool = False
    """Whether learner and sampler have their GPU one after the other."""

    @property
    def fits(self) -> bool:
        """Whether every GPU and every node has room for its members."""
        return self.lacking == 0

    @property
    def fits_gpus(self) -> bool:
        """Whether every GPU has."""
        return self.fullest <= SPARE * self.gpu_bytes

    @property
    def lacking(self) -> float:
        """Bytes that GPUs, one of those that are alike, and the fullest node have too little,
        together: what helps one of them helps."""
        alike = {tuple(gpu): self._total(gpu) for gpu in self.gpus}
        of_gpus = sum(max(0.0, total - SPARE * self.gpu_bytes) for total in alike.values())
        return of_gpus + self.lacking_host.lacking if self.lacking_host else of_gpus

    @property
    def lacking_host(self) -> Host | None:
        """The node that has too little for most."""
        short = [host for host in self.hosts if host.lacking]
        return max(short, key=lambda host: host.lacking, default=None)

    @property
    def fullest(self) -> float:
        """Bytes of the GPU that needs most, at its worst moment."""
        return max(map(self._total, self.gpus), default=0.0)

    @property
    def lacking_roles(self) -> set[str]:
        """Who lies where there is too little: on the fullest GPU, and on such a node."""
        of_node = self.lacking_host.residents if self.lacking_host else []
        of_gpu = [] if self.fits_gpus else max(self.gpus, key=self._total)
        return {member.role for member in of_gpu} | {resident.role for resident in of_node}

    @property
    def kept_free(self) -> str:
        """What of a GPU's memory no plan may use up."""
        return host_plan.kept_free(self.gpu_bytes, SPARE)

    def _total(self, gpu: list[Member]) -> float:
        """Of all members at once; by turns, of the turn that needs most, with what the other
        leaves."""
        turns = [member for member in gpu if member.role in _TURNS] if self.by_turns else []
        always = sum(member.memory.total for member in gpu if member not in turns)
        rest = sum(memory.asleep(member.role).total for member in turns)
        at_work = [m.memory.total - memory.asleep(m.role).total for m in turns]
        return always + rest + max(at_work, default=0.0)

    def lines(self) -> list[str]:
        """Tables in GiB: a line a member, and a sum a GPU and a node."""
        size = f"{_counted(self.parameters)} parameters"
        if self.active < self.parameters:
            size += f", of which a token meets {_counted(self.active)}"
        title = f"memory plan of {size} ({self.model_type}), GiB"
        on_gpus = self._gpu_lines() if self.gpus else []
        return [title, *on_gpus, *(host_plan.lines(self.hosts) if self.hosts else [])]

    def _gpu_lines(self) -> list[str]:
        names = [field.name for field in fields(Memory)]
        lines = [f"{'of a GPU':<14}" + "".join(f"{name:>12}" for name in [*names, "sum"])]
        seen: set[tuple[Member, ...]] = set()
        for gpu in self.gpus:
            if tuple(gpu) in seen:
                continue
            seen.add(tuple(gpu))
            for member in gpu:
                parts = [getattr(member.memory, name) for name in names]
                numbers = "".join(f"{x / GIB:>12.1f}" for x in [*parts, member.memory.total])
                lines.append(f"{member.role:<14}{numbers}")
            roles = " and ".join(dict.fromkeys(member.role for member in gpu))
            has_turns = self.by_turns and {member.role for member in gpu} >= set(_TURNS)
            turns = " by turns" if has_turns else ""
            needed, there = self._total(gpu), self.gpu_bytes
            line = f"a GPU of {roles}{turns}: {needed / GIB:.1f} of {there / GIB:.1f} GiB"
            is_short = needed > SPARE * there
            lines.append(line + (f" ({self.kept_free})" if is_short else ""))
        return lines


def plan_of(
    config: RunConfig, model: dict[str, Any], roles: Sequence[str], room: Room
) -> Plan | None:
    """What a run's members need; None for a model whose sizes are not known here, and where nothing
    is known of what there is.

    Args:
        model: its config.json.
        roles: those that the run starts.
    """
    shape, gib = shape_of(model), room.gpu_gib
    if shape is None:
        return None
    members = [one for role in roles if gib for one in _members(config, shape, model, role, gib)]
    hosts = hosts_of(config, shape, roles, room.nodes)
    if not members and not hosts:
        return None
    return Plan(
        str(model["model_type"]),
        shape.parameters,
        shape.active_parameters,
        _placed(members),
        (gib or 0.0) * GIB,
        hosts,
        config.cluster.colocate,
    )


def _counted(parameters: float) -> str:
    """In billions or, of a small policy, in millions: `7.62 B`, `3.2 M`."""
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e8 else f"{parameters / 1e6:.1f} M"


def _members(
    config: RunConfig, shape: Shape, model: dict[str, Any], role: str, gib: float
) -> Iterator[Member]:
    """A member for each GPU that a role has, or has a share of."""
    if role == "learner" and (share := config.learner.gpus):
        for rank in range(config.learner.ranks):
            yield Member(role, share, memory.learner(config, shape, rank))
    if role == "rollout" and (share := config.rollout.gpus):
        own = memory.sampler(config, shape, model, gib * GIB)
        for _ in range(config.rollout.workers * config.rollout.tensor_parallel):
            yield Member(role, min(share, 1.0), own)
    is_there = not learner_is_reference(config.learner, config.algorithm)
    if role == "reference" and is_there and (share := config.reference.gpus):
        for _ in range(config.reference.workers):
            yield Member(role, share, memory.scorer(config, config.reference, shape))


def _placed(members: list[Member]) -> list[list[Member]]:
    """First fit, in the order in which they are placed."""
    gpus: list[list[Member]] = []
    for member in members:
        for gpu in gpus:
            if sum(other.share for other in gpu) + member.share <= SHARES:
                gpu.append(member)
                break
        else:
            gpus.append([member])
    return gpus
