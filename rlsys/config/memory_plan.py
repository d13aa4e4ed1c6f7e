"""The memory plan: who needs how much of each GPU and of each node, before anything is loaded.

Members with a share of a GPU lie on one together, as long as their shares add up to at most 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil

from rlsys.config import frozen_memory, host_plan, memory
from rlsys.config.graders import Grader
from rlsys.config.host_plan import Host, Node, hosts_of
from rlsys.config.memory import GIB, Memory
from rlsys.config.networks import Network, Networks
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
class Demand:
    """A fleet that is to be started, and the memory that it is to fit in."""

    config: RunConfig
    networks: Networks
    roles: Sequence[str]
    """That are started."""
    room: Room

    def under(self, config: RunConfig) -> "Demand":
        """The same with other settings."""
        return replace(self, config=config)


@dataclass(frozen=True)
class Member:
    """One process on a GPU, or as many of them as are alike."""

    role: str
    share: float
    memory: Memory


@dataclass(frozen=True)
class Plan:
    """Members by GPU; GPUs with the same members stand for each other."""

    networks: Networks
    """What members compute with."""
    gpus: list[list[Member]]
    gpu_bytes: float
    hosts: list[Host]
    by_turns: bool = False
    """Whether learner and sampler have their GPU one after the other."""
    left_out: Sequence[str] = ()
    """Roles whose networks' sizes are not known."""

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

    def _total(self, gpu: Sequence[Member]) -> float:
        """Of all members at once; by turns, of the turn that needs most, with what the other
        leaves."""
        turns = [member for member in gpu if member.role in _TURNS] if self.by_turns else []
        always = sum(member.memory.total for member in gpu if member not in turns)
        rest = sum(memory.asleep(member.role).total for member in turns)
        at_work = [m.memory.total - memory.asleep(m.role).total for m in turns]
        return always + rest + max(at_work, default=0.0)

    def lines(self) -> list[str]:
        """Tables in GiB: a line a member, and a sum a GPU and a node."""
        on_gpus = self._gpu_lines() if self.gpus else []
        on_hosts = host_plan.lines(self.hosts) if self.hosts else []
        return [f"memory plan of {self.sizes}, GiB", *on_gpus, *on_hosts, *self.notes]

    def sum_lines(self) -> list[str]:
        """The sums alone."""
        hosts = dict.fromkeys(host.sum_line for host in self.hosts)
        return [self.sizes, *map(self._sum_line, self._unlike_gpus()), *hosts, *self.notes]

    @property
    def sizes(self) -> str:
        """How large the policy is, and what other networks members compute with."""
        own = {role: one for role, one in self.networks.own.items() if role in self._roles}
        own |= {grader.reward: one for grader, one in self._graders if one.is_known}
        others = [f"{name} {_told(one)}" for name, one in own.items()]
        return "; ".join([_told(self.networks.policy), *others])

    @property
    def notes(self) -> list[str]:
        """Who is not in it, and why, in a line each."""
        unknown = {role: self.networks.of(role) for role in self.left_out}
        unknown |= {f"the model of {g.reward}": one for g, one in self._graders if not one.is_known}
        return [
            f"note: {who} is not in the memory plan: {network.unknown}"
            for who, network in unknown.items()
        ]

    @property
    def _roles(self) -> set[str]:
        """Who is in it."""
        there = {member.role for gpu in self.gpus for member in gpu}
        return there | {one.role for host in self.hosts for one in host.residents}

    @property
    def _graders(self) -> list[tuple[Grader, Network]]:
        """Models of its verifiers, whether in it or left out."""
        return list(self.networks.graders.items()) if "verifier" in self._roles else []

    def _gpu_lines(self) -> list[str]:
        names = [field.name for field in fields(Memory)]
        lines = [f"{'of a GPU':<14}" + "".join(f"{name:>12}" for name in [*names, "sum"])]
        for gpu in self._unlike_gpus():
            for member in gpu:
                parts = [getattr(member.memory, name) for name in names]
                numbers = "".join(f"{x / GIB:>12.1f}" for x in [*parts, member.memory.total])
                lines.append(f"{member.role:<14}{numbers}")
            lines.append(self._sum_line(gpu))
        return lines

    def _unlike_gpus(self) -> list[Sequence[Member]]:
        return list(dict.fromkeys(map(tuple, self.gpus)))

    def _sum_line(self, gpu: Sequence[Member]) -> str:
        roles = dict.fromkeys(member.role for member in gpu)
        turns = " by turns" if self.by_turns and roles.keys() >= set(_TURNS) else ""
        needed, there = self._total(gpu), self.gpu_bytes
        of_them = f"a GPU of {' and '.join(roles)}{turns}"
        line = f"{of_them}: {needed / GIB:.1f} of {there / GIB:.1f} GiB"
        return line + (f" ({self.kept_free})" if needed > SPARE * there else "")


def plan_of(demand: Demand) -> Plan | None:
    """What the members need; None for a policy whose sizes are not known here, and where nothing is
    known of what there is. A role with a network of its own, whose sizes are not known, is left
    out."""
    config, networks, room = demand.config, demand.networks, demand.room
    if not networks.policy.is_known:
        return None
    left_out = [role for role in demand.roles if not networks.of(role).is_known]
    roles, gib = [role for role in demand.roles if role not in left_out], room.gpu_gib
    members = [one for role in roles if gib for one in _members(config, networks, role, gib)]
    hosts = hosts_of(config, networks, roles, room.nodes)
    if not members and not hosts:
        return None
    by_turns = config.cluster.colocate
    return Plan(networks, _placed(members), (gib or 0.0) * GIB, hosts, by_turns, left_out)


def _told(network: Network) -> str:
    """`7.62 B parameters (qwen2)`."""
    shape = network.shape
    size = f"{_counted(shape.parameters)} parameters"
    if shape.active_parameters < shape.parameters:
        size += f", of which a token meets {_counted(shape.active_parameters)}"
    return f"{size} ({network.model['model_type']})"


def _counted(parameters: float) -> str:
    """In billions or, of a small policy, in millions: `7.62 B`, `3.2 M`."""
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e8 else f"{parameters / 1e6:.1f} M"


def _members(config: RunConfig, networks: Networks, role: str, gib: float) -> Iterator[Member]:
    """A member for each GPU that a role has, or has a share of."""
    network = networks.of(role)
    shape = network.shape
    if role == "learner" and (share := config.learner.gpus):
        for rank in range(config.learner.ranks):
            yield Member(role, share, memory.learner(config, shape, rank))
    if role == "rollout" and (share := config.rollout.gpus):
        own = memory.sampler(config, network, gib * GIB)
        for _ in range(config.rollout.workers * config.rollout.tensor_parallel):
            yield Member(role, min(share, 1.0), own)
    if role == "verifier" and (share := config.verifiers.gpus_per_worker):
        own_gpus = [frozen_memory.verifier(networks, gpu) for gpu in range(ceil(share))]
        for needed in config.verifiers.workers * own_gpus:
            yield Member(role, min(share, 1.0), needed)
    scoring = frozen_memory.scorers(config).get(role)
    if scoring and (share := scoring.gpus):
        for _ in range(scoring.workers):
            yield Member(role, share, frozen_memory.scorer(config, scoring, shape))


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
