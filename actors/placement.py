"""What the fleet needs of a cluster, and whether the cluster has it, and has it free."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import ray

from actors.holders import holders
from rlsys.errors import ResourceError

_SETTLE_S = 5.0
"""What a fleet that has just ended gave back is counted as free within a second or two."""
_LOOK_S = 0.5
_KINDS = ("CPU", "GPU")


@dataclass(frozen=True)
class Need:
    """One role's members and the share of a machine that each needs."""

    role: str
    count: int
    cpus: float
    gpus: float
    together: bool = False
    """Whether they belong on one node, where one has room for all of them."""

    @property
    def total(self) -> dict[str, float]:
        """Of all members, by kind."""
        return {"CPU": self.count * self.cpus, "GPU": self.count * self.gpus}


def check_resources(roles: list[Need], queue_s: float) -> None:
    """See, before anything is loaded, that the cluster is large enough and has the room free.

    Args:
        queue_s: cluster.queue_s; when it is above 0, the room may still come.
    Raises:
        ResourceError: with a table of what is needed, there and free, and who holds the rest.
    """
    if queue_s:
        return
    if short := lacking(roles, ray.cluster_resources()):
        hint = "lower the shares or counts in rollout, learner, reference and verifiers"
        raise ResourceError(
            f"the fleet does not fit: {'; '.join(short)} there ({hint})\n{table(roles)}"
        )
    deadline = time.monotonic() + _SETTLE_S
    while lacking(roles, ray.available_resources()):
        if time.monotonic() > deadline:
            raise ResourceError(shortage(roles))
        time.sleep(_LOOK_S)


def shortage(roles: list[Need]) -> str:
    """Why the fleet cannot be placed now, who holds what it needs, and what to do."""
    short = lacking(roles, ray.available_resources())
    if short:
        what = f"the cluster is busy: {'; '.join(short)} free"
    else:
        what = "there is enough free in all, but no node has room for one of the members"
    hint = (
        "end one of them (`ray job stop ID` ends a submitted one), wait for up to an hour with "
        "cluster.queue_s=3600, or give the run a cluster of its own with cluster.address=local"
    )
    return "\n".join([what, table(roles), "held by", *(f"  {line}" for line in holders()), hint])


def lacking(roles: list[Need], there: Mapping[str, float]) -> list[str]:
    """`2 CPUs needed, 0.5` for each kind of which there is less than the roles need."""
    wanted = {kind: sum(need.total[kind] for need in roles) for kind in _KINDS}
    return [
        f"{wanted[kind]:g} {kind}s needed, {there.get(kind, 0.0):g}"
        for kind in _KINDS
        if wanted[kind] > there.get(kind, 0.0) + 1e-9
    ]


def table(roles: list[Need]) -> str:
    """Each role's need, the sum, what the cluster has, and what of it is free."""
    have, free = ray.cluster_resources(), ray.available_resources()
    lines = [f"{'role':<12}{'members':>8}{'CPUs':>8}{'GPUs':>8}"]
    lines += [_row(n.role, n.total, n.count) for n in roles]
    wanted = {kind: sum(need.total[kind] for need in roles) for kind in _KINDS}
    lines.append(_row("need", wanted, sum(need.count for need in roles)))
    return "\n".join([*lines, _row("have", have), _row("free", free)])


def _row(name: str, amounts: Mapping[str, float], members: int | str = "") -> str:
    numbers = "".join(f"{amounts.get(kind, 0.0):>8g}" for kind in _KINDS)
    return f"{name:<12}{members:>8}{numbers}"
