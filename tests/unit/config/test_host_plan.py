"""The memory of nodes in the plan: who lies where, what fits, and what to change."""

import re
from pathlib import Path

import pytest

from actors.roles import needs
from actors.room import alike_nodes, memory_gib_here
from rlsys.config.host_plan import Host, Node
from rlsys.config.memory import GIB
from rlsys.config.memory_fit import require_fit
from rlsys.config.memory_plan import Demand, Plan, Room, plan_of
from rlsys.config.run import RunConfig
from rlsys.config.validate import validate
from rlsys.errors import ConfigError
from tests.helpers.known_models import QWEN_7B, QWEN_HALF, demand, networks
from tests.unit.config.test_memory_plan import shipped


def plan(config: RunConfig, model: dict[str, object], nodes: list[Node]) -> Plan:
    found = plan_of(demand(config, model, Room(80.0, nodes)))
    assert found is not None
    return found


def roles(host: Host) -> list[str]:
    return list(dict.fromkeys(one.role for one in host.residents))


def of(host: Host, role: str) -> float:
    """GiB."""
    return sum(one.memory.total for one in host.residents if one.role == role) / GIB


def test_by_turns_a_node_holds_what_has_left_the_gpu_and_is_refused_where_it_cannot() -> None:
    config = shipped("one_gpu_turns")
    wanted = needs(config)
    enough = plan(config, QWEN_7B, alike_nodes(wanted, 400.0, 1))
    assert enough.fits
    (host,) = enough.hosts
    learner = next(one.memory for one in host.residents if one.role == "learner")
    # Policy and reference in bfloat16; 12 bytes a parameter of masters and moments at the least.
    assert learner.weights == pytest.approx(2 * 15.2e9, rel=0.01)
    assert learner.states > 12 * 7.6e9
    room = Room(80.0, alike_nodes(wanted, 160.0, 1))
    with pytest.raises(ConfigError) as caught:
        require_fit(Demand(config, networks(QWEN_7B), [need.role for need in wanted], room))
    first, *table = str(caught.value).splitlines()
    node = "a node of 160.0 GiB (8.0 kept free)"
    assert first.startswith(f"the fleet does not fit in the memory of {node}; nearest valid: ")
    sums = [line for line in table if line.startswith("a node of learner and rollout and verifier")]
    assert [line.partition(" of 160.0 GiB ")[2] for line in sums] == ["(8.0 kept free)"]
    assert "kept free" not in enough.lines()[-1]
    way = first.partition("nearest valid: ")[2].split(", or ")[-1]
    changed = shipped("one_gpu_turns", *way.split())
    require_fit(demand(changed, QWEN_7B, room))


def test_offloading_is_taken_back_where_the_gpu_has_room_and_the_node_has_not() -> None:
    config = shipped("one_gpu", "learner.offload=optimizer", "learner.zero_stage=1")
    room = Room(40.0, alike_nodes(needs(config), 22.0, 1))
    with pytest.raises(ConfigError, match=r"nearest valid: learner\.offload=none") as caught:
        require_fit(demand(config, QWEN_HALF, room))
    way = str(caught.value).splitlines()[0].partition("nearest valid: ")[2].split(", or ")[0]
    changed = shipped("one_gpu", "learner.offload=optimizer", *way.split())
    validate(changed)
    require_fit(demand(changed, QWEN_HALF, room))


def test_a_node_that_no_setting_makes_large_enough_is_named_with_its_size() -> None:
    config = shipped("one_gpu")
    room = Room(80.0, alike_nodes(needs(config), 4.0, 1))
    with pytest.raises(ConfigError, match=r"nearest valid: nodes of \d+ GiB"):
        require_fit(demand(config, QWEN_HALF, room))


@pytest.mark.parametrize("layers", [18, 20, 24])
def test_the_gpu_and_the_node_that_are_named_are_large_enough(layers: int) -> None:
    config, model = shipped("one_gpu"), QWEN_HALF | {"num_hidden_layers": layers}
    room = Room(2.0, alike_nodes(needs(config), 2.0, 1))
    with pytest.raises(ConfigError) as caught:
        require_fit(demand(config, model, room))
    named = re.search(r"GPUs of (\d+) GiB and nodes of (\d+) GiB \(with (.*)\)", str(caught.value))
    assert named
    changed = shipped("one_gpu", *named[3].split())
    enough = Room(float(named[1]), alike_nodes(needs(changed), float(named[2]), 1))
    require_fit(demand(changed, model, enough))


def test_the_learners_ranks_lie_on_one_node_and_each_copies_its_share_for_a_checkpoint() -> None:
    config = shipped("two_nodes")
    first, second = plan(config, QWEN_7B, alike_nodes(needs(config), 1024.0, 8)).hosts
    assert roles(first) == ["learner", "verifier", "node"]
    assert roles(second) == ["rollout", "reference", "node"]
    ranks = [one.memory for one in first.residents if one.role == "learner"]
    assert [rank.checkpoint for rank in ranks[1:]] == [pytest.approx(12 * 7.6e9 / 8, rel=0.01)] * 7
    # The policy in Hugging Face form is the first rank's.
    more = ranks[0].checkpoint - ranks[1].checkpoint
    assert more == pytest.approx(2 * 7.6e9, rel=0.01)
    offloaded = shipped("two_nodes", "learner.offload=optimizer")
    moved = plan(offloaded, QWEN_7B, alike_nodes(needs(offloaded), 1024.0, 8)).hosts[0]
    assert of(moved, "learner") - of(first, "learner") > 12 * 7.6e9 / GIB


def test_two_versions_of_the_weights_lie_in_the_store_of_each_node_with_who_has_them() -> None:
    def stored(transport: str) -> list[float]:
        config = shipped("two_nodes", f"weights.transport={transport}")
        hosts = plan(config, QWEN_7B, alike_nodes(needs(config), 1024.0, 8)).hosts
        return [one.memory.store for host in hosts for one in host.residents if one.role == "node"]

    assert stored("object_store") == [pytest.approx(2 * 15.2e9, rel=0.01)] * 2
    assert stored("nccl") == [0, 0]


def test_without_gpus_everything_lies_in_the_nodes_memory() -> None:
    config = shipped("local", "learner.dtype=float32", "rollout.dtype=float32")
    found = plan(config, QWEN_HALF, [Node(64.0, cpus=2)])
    assert not found.gpus
    (host,) = found.hosts
    assert roles(host) == ["learner", "rollout", "verifier", "reference", "node"]
    learner = next(one.memory for one in host.residents if one.role == "learner")
    assert learner.weights == pytest.approx(4 * 0.494e9, rel=0.01)
    assert learner.states == pytest.approx(16 * 0.494e9, rel=0.01)
    sampler = next(one.memory for one in host.residents if one.role == "rollout")
    assert sampler.cache == GIB


def test_a_node_of_unknown_size_is_planned_and_nothing_refused() -> None:
    config = shipped("two_nodes")
    found = require_fit(
        Demand(
            config,
            networks(QWEN_7B),
            [need.role for need in needs(config)],
            Room(80.0, alike_nodes(needs(config), None, 8)),
        )
    )
    assert found is not None
    assert found.lines()[-1].startswith("a node of rollout and reference: ")
    assert " of " not in found.lines()[-1].partition(": ")[2]


def test_spread_members_lie_on_the_emptiest_node() -> None:
    config = shipped("two_nodes", "cluster.placement=SPREAD")
    first, second = plan(config, QWEN_7B, alike_nodes(needs(config), 1024.0, 8)).hosts
    assert "verifier" in roles(second)
    assert "learner" not in roles(second)
    assert "rollout" not in roles(first)


def test_a_containers_limit_counts_where_it_is_smaller(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(f"{GIB}\n")
    assert memory_gib_here([str(limit)]) == 1.0
    whole = memory_gib_here([])
    limit.write_text("max\n")
    assert memory_gib_here([str(limit)]) == whole
    limit.write_text(f"{2**63 - 4096}\n")
    assert memory_gib_here([str(limit)]) == whole


def test_a_critic_lies_where_the_policy_does() -> None:
    def states(*overrides: str) -> float:
        (host,) = plan(shipped("one_gpu_turns", *overrides), QWEN_7B, [Node(1000.0, gpus=1)]).hosts
        return next(one.memory.states for one in host.residents if one.role == "learner")

    # The critic has no head, 0.5 of 7.6 B parameters.
    assert states("algorithm=ppo") / states() == pytest.approx(1 + 7.07 / 7.615, rel=0.01)
