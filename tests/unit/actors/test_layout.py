"""Which members share a node: bundles before, and what is said after."""

from typing import Any

from actors.layout import SMALLEST_CPU, bundles_of, layout, shared_node
from actors.member import Identity
from actors.placement import Need
from actors.roles import needs
from actors.roster import Seat, seats
from rlsys.config.load import CONFIGS, load

LEARNER = Need("learner", 8, 4.0, 1.0, together=True)
ROLLOUT = Need("rollout", 6, 4.0, 1.0)


def node(cpus: float, gpus: float, alive: bool = True) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": cpus, "GPU": gpus}}


def sitting(hosts: dict[str, list[str]]) -> list[Seat]:
    fleet = seats([Need(role, len(on), 1.0, 1.0, role == "learner") for role, on in hosts.items()])
    for seat in fleet:
        host = hosts[seat.role][seat.index]
        seat.identity = Identity(f"node of {host}", host, 1, "a.log")
    return fleet


def test_ranks_share_a_node_only_where_one_is_large_enough() -> None:
    assert shared_node(LEARNER, [node(8, 0), node(96, 8)])
    assert not shared_node(LEARNER, [node(96, 4), node(96, 4)])
    assert not shared_node(LEARNER, [node(31, 8)])
    assert not shared_node(LEARNER, [node(96, 8, alive=False)])
    assert not shared_node(ROLLOUT, [node(96, 8)])


def test_ranks_that_share_a_node_have_one_bundle() -> None:
    bundles, numbers = bundles_of([LEARNER, ROLLOUT], {"learner"})
    assert bundles == [{"CPU": 32.0, "GPU": 8.0}, *[{"CPU": 4.0, "GPU": 1.0}] * 6]
    assert {numbers[f"learner-{i}"] for i in range(8)} == {0}
    assert [numbers[f"rollout-{i}"] for i in range(6)] == [1, 2, 3, 4, 5, 6]


def test_others_have_a_bundle_each_and_none_is_empty() -> None:
    bundles, numbers = bundles_of([LEARNER, Need("verifier", 2, 0.0, 0.0)], set())
    assert len(bundles) == 10
    assert bundles[numbers["verifier-1"]] == {"CPU": SMALLEST_CPU}


def test_every_seat_of_a_shipped_fleet_has_a_bundle() -> None:
    config = load(CONFIGS / "two_nodes.yaml", [])
    wanted = needs(config)
    bundles, numbers = bundles_of(wanted, {"learner"})
    assert numbers.keys() == {seat.name for seat in seats(wanted)}
    total = {kind: sum(b.get(kind, 0.0) for b in bundles) for kind in ("CPU", "GPU")}
    assert total == {kind: sum(need.total[kind] for need in wanted) for kind in ("CPU", "GPU")}


def test_a_fleet_on_one_node_says_nothing_of_it() -> None:
    assert layout(sitting({"learner": ["a", "a"], "rollout": ["a"]})) == []


def test_a_fleet_on_two_nodes_says_who_is_where() -> None:
    fleet = sitting({"learner": ["a"] * 8, "rollout": ["b"] * 6 + ["a"]})
    assert layout(fleet) == ["placed on 2 nodes: learner 8 on a; rollout 1 on a, 6 on b"]


def test_ranks_on_two_nodes_are_a_warning_with_what_a_node_would_need() -> None:
    _, warning = layout(sitting({"learner": ["a", "b", "b"], "rollout": ["b"]}))
    assert warning.startswith("warning: the 3 learner ranks are on 2 nodes (1 on a, 2 on b)")
    assert "3 GPUs and 3 CPUs" in warning
