"""Who lies in the memory of which node, and whether that is enough.

Members are laid on nodes as Ray places them by `cluster.placement`: the learner's ranks together
where a node has room for them, and the others after them. Where they really are is known once they
are placed; nothing is loaded by then, but the plan is what the run was let start by.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from rlsys.config import frozen_memory, host_memory
from rlsys.config.host_memory import HostMemory
from rlsys.config.memory import GIB
from rlsys.config.networks import Networks
from rlsys.config.run import RunConfig

SPARE = 0.95
"""Of a node's memory that a plan may use up: above it Ray ends processes
(RAY_memory_usage_threshold)."""
_NODE = "node"
_WEIGHTS = {"learner", "rollout"}
"""Who have to do with weights in the store."""


@dataclass(frozen=True)
class Node:
    """A machine, and what of it a run may have."""

    gib: float | None
    """Its memory; None: not known, and nothing is refused for it."""
    cpus: float = math.inf
    gpus: float = 0.0


@dataclass(frozen=True)
class Resident:
    """One process in a node's memory, with its shares of the machine."""

    role: str
    memory: HostMemory
    cpus: float = 0.0
    gpus: float = 0.0


@dataclass
class Host:
    """A node with those who lie there."""

    node: Node
    residents: list[Resident] = field(default_factory=list)

    @property
    def needed(self) -> float:
        """Bytes of all residents at their worst moments."""
        return sum(resident.memory.total for resident in self.residents)

    @property
    def lacking(self) -> float:
        """Bytes that are not there."""
        if self.node.gib is None:
            return 0.0
        return max(0.0, self.needed - SPARE * self.node.gib * GIB)

    @property
    def sum_line(self) -> str:
        """All of them together."""
        roles = dict.fromkeys(one.role for one in self.residents if one.role != _NODE)
        there = "" if self.node.gib is None else f" of {self.node.gib:.1f}"
        line = f"a node of {' and '.join(roles) or 'nobody'}: {self.needed / GIB:.1f}{there} GiB"
        return line + (f" ({self.kept_free})" if self.lacking else "")

    @property
    def kept_free(self) -> str:
        """What of its memory no plan may use up, for a sum that is below what is there."""
        return kept_free((self.node.gib or 0.0) * GIB, SPARE)

    def has_room(self, one: Resident, count: int = 1) -> bool:
        """For the shares of so many."""
        cpus = sum(other.cpus for other in self.residents) + count * one.cpus
        gpus = sum(other.gpus for other in self.residents) + count * one.gpus
        return cpus <= self.node.cpus + 1e-9 and gpus <= self.node.gpus + 1e-9


def kept_free(there: float, spare: float) -> str:
    """`1.4 kept free`: of so many bytes a plan may use up the share `spare`."""
    return f"{(1 - spare) * there / GIB:.1f} kept free"


def hosts_of(
    config: RunConfig, networks: Networks, roles: Sequence[str], nodes: Sequence[Node]
) -> list[Host]:
    """Who lies where, of roles whose networks' sizes are known. A member for which no node has room
    goes to the emptiest one: whether the cluster is large enough is asked elsewhere."""
    hosts = [Host(node) for node in nodes]
    if not hosts:
        return []
    residents = [one for role in roles for one in _residents(config, networks, role)]
    ranks = [one for one in residents if one.role == "learner"]
    whole = next((host for host in hosts if ranks and host.has_room(ranks[0], len(ranks))), None)
    for one in residents:
        host = whole if one.role == "learner" else None
        (host or _place(config, hosts, one)).residents.append(one)
    for number, host in enumerate(hosts):
        there = {one.role for one in host.residents}
        has_weights = set(roles) >= _WEIGHTS and bool(there & _WEIGHTS)
        own = host_memory.node(config, networks.policy.shape, has_weights, number == 0)
        host.residents.append(Resident(_NODE, own))
    return hosts


def _place(config: RunConfig, hosts: list[Host], one: Resident) -> Host:
    free = [host for host in hosts if host.has_room(one)]
    if not free or "SPREAD" in config.cluster.placement:
        return min(free or hosts, key=lambda host: len(host.residents))
    return free[0]


def _residents(config: RunConfig, networks: Networks, role: str) -> Iterator[Resident]:
    shape = networks.of(role).shape
    learner, rollout, verifiers = config.learner, config.rollout, config.verifiers
    if role == "learner":
        for rank in range(learner.ranks):
            needed = host_memory.learner(config, shape, rank)
            yield Resident(role, needed, learner.cpus, learner.gpus)
    elif role == "rollout" and not config.served.url:
        needed = host_memory.sampler(config, shape)
        yield from rollout.workers * [Resident(role, needed, rollout.cpus, rollout.gpus)]
    elif own := frozen_memory.scorers(config).get(role):
        needed = host_memory.scorer(config, own, shape)
        yield from own.workers * [Resident(role, needed, own.cpus, own.gpus)]
    elif role == "verifier":
        shares = verifiers.cpus_per_worker, verifiers.gpus_per_worker
        yield from verifiers.workers * [Resident(role, host_memory.verifier(networks), *shares)]


def lines(hosts: Sequence[Host]) -> list[str]:
    """A table in GiB: a line for members that are alike, and a sum a node; nodes with the same
    members stand for each other."""
    names = [field.name for field in fields(HostMemory)]
    found = [f"{'of a node':<14}" + "".join(f"{name:>12}" for name in [*names, "sum"])]
    seen = set[str]()
    for host in hosts:
        part = []
        for one, count in Counter((one.role, one.memory) for one in host.residents).items():
            role, needed = one
            sizes = [count * getattr(needed, name) for name in names]
            numbers = "".join(f"{x / GIB:>12.1f}" for x in [*sizes, count * needed.total])
            part.append(f"{f'{role} x {count}' if count > 1 else role:<14}{numbers}")
        table = "\n".join([*part, host.sum_line])
        if table not in seen:
            seen.add(table)
            found += [*part, host.sum_line]
    return found
