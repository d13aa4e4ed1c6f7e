"""Which members share a node: what is asked of Ray, and what came of it.

Ray packs equal bundles in no order that one could rely on, so two groups of them mix over the
nodes. A bundle lies on one node whatever happens: the learner's ranks get one in common, as long as
a node has room for it, and their gradients do not go over the network.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from actors.placement import Need
from actors.roster import Seat

SMALLEST_CPU = 0.001
"""A bundle must not be empty, so a share of 0 CPUs asks for very little."""


def shared_node(need: Need, nodes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all members of a role are to share a node, and one is large enough.

    Args:
        nodes: as `ray.nodes()` lists them.
    """
    if not need.together:
        return False
    return any(
        all(node["Resources"].get(kind, 0.0) >= amount for kind, amount in need.total.items())
        for node in nodes
        if node["Alive"]
    )


def bundles_of(
    needs: Sequence[Need], together: Collection[str]
) -> tuple[list[dict[str, float]], dict[str, int]]:
    """One bundle for each seat, or for all seats of a role in `together`.

    Returns: the bundles, and the number of each seat's bundle by the seat's name.
    """
    bundles: list[dict[str, float]] = []
    numbers: dict[str, int] = {}
    for need in needs:
        members = need.count if need.role in together else 1
        cpus = members * max(need.cpus, SMALLEST_CPU)
        gpus = {"GPU": members * need.gpus} if need.gpus else {}
        for index in range(need.count):
            if index % members == 0:
                bundles.append({"CPU": cpus} | gpus)
            numbers[f"{need.role}-{index}"] = len(bundles) - 1
    return bundles, numbers


def layout(seats: Sequence[Seat]) -> list[str]:
    """A line of who sits where, once every seat's actor has said so, and a warning for a role whose
    members were to share a node and do not; nothing for a fleet on one node.

    For example `placed on 2 nodes: learner 8 on 10.0.0.4; rollout 6 on 10.0.0.5`.
    """
    hosts: dict[str, Counter[str]] = {}
    for seat in seats:
        assert seat.identity is not None
        hosts.setdefault(seat.role, Counter())[seat.identity.host] += 1
    num_nodes = len({host for counts in hosts.values() for host in counts})
    if num_nodes == 1:
        return []
    roles = "; ".join(f"{role} {_where(counts)}" for role, counts in hosts.items())
    lines = [f"placed on {num_nodes} nodes: {roles}"]
    for need in dict.fromkeys(seat.need for seat in seats):
        if need.together and len(hosts[need.role]) > 1:
            lines.append(
                f"warning: the {need.count} {need.role} ranks are on {len(hosts[need.role])} nodes "
                f"({_where(hosts[need.role])}), so gradients go over the network; one node would "
                f"need {need.total['GPU']:g} GPUs and {need.total['CPU']:g} CPUs free for them"
            )
    return lines


def _where(counts: Counter[str]) -> str:
    return ", ".join(f"{count} on {host}" for host, count in sorted(counts.items()))
