"""Whether a cluster has room for a fleet, and who holds what is not free."""

import asyncio
from typing import Any

import pytest
import ray

from actors import placement
from actors.holders import lines_of
from actors.launch import Launcher
from actors.placement import Need, check_resources, lacking
from rlsys.config.run import ClusterConfig
from rlsys.errors import ResourceError


def actor(job: str, name: str, group: str | None = None, **resources: float) -> dict[str, Any]:
    return {
        "job_id": job,
        "name": name,
        "class_name": "Worker",
        "required_resources": resources,
        "placement_group_id": group,
    }


def group(job: str, *bundles: dict[str, float]) -> dict[str, Any]:
    return {"creator_job_id": job, "bundles": [{"unit_resources": b} for b in bundles]}


def test_only_what_is_short_is_named() -> None:
    roles = [Need("learner", 2, 0.5, 1.0), Need("rollout", 1, 1.0, 0.0)]
    assert lacking(roles, {"CPU": 2.0, "GPU": 2.0}) == []
    assert lacking(roles, {"CPU": 1.5, "GPU": 2.0}) == ["2 CPUs needed, 1.5"]
    assert lacking(roles, {"CPU": 2.0}) == ["2 GPUs needed, 0"]


def test_a_reservation_counts_once_however_many_actors_sit_in_it() -> None:
    """Ray names an actor's share of a reservation by the reservation: `CPU_group_0_af31`."""
    actors = [
        actor("01", "rollout-0", "af31", CPU_group_0_af31=1.0),
        actor("01", "learner-0", "af31", CPU_group_1_af31=1.0),
        actor("02", "", None, CPU=4.0),
    ]
    groups = [group("01", {"CPU": 1.0}, {"CPU": 1.0, "GPU": 1.0}), group("03", {"CPU": 0.5})]
    commands = {"01": "raysubmit_1: python -m rlsys train"}
    assert lines_of(actors, groups, commands, own="09") == [
        "raysubmit_1: python -m rlsys train: 2 CPUs, 1 GPUs (rollout-0, learner-0)",
        "02: 4 CPUs, 0 GPUs (Worker)",
        "03: 0.5 CPUs, 0 GPUs (reserved)",
    ]
    assert lines_of(actors, groups, commands, own="01")[0].startswith("02")


def test_many_actors_of_a_job_are_not_all_named() -> None:
    actors = [actor("01", f"rollout-{i}", None, GPU=1.0) for i in range(8)]
    (line,) = lines_of(actors, [], {}, own="09")
    assert line.endswith("8 GPUs (rollout-0, rollout-1, rollout-2, rollout-3, rollout-4, "
                         "rollout-5, ...)")  # fmt: skip


@pytest.mark.slow
def test_a_busy_cluster_is_one_error_with_what_is_needed_there_and_free(
    cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "_SETTLE_S", 1.0)
    with held_cpus(3.0):
        with pytest.raises(ResourceError) as raised:
            check_resources([Need("rollout", 1, 2.0, 0.0)], queue_s=0.0)
        # A run that may wait in the queue is not refused before.
        check_resources([Need("rollout", 1, 2.0, 0.0)], queue_s=60.0)
    text = " ".join(str(raised.value).split())
    for words in (
        "the cluster is busy: 2 CPUs needed, 1 free",
        "role members CPUs GPUs rollout 1 2 0 need 1 2 0 have 4 0 free 1 0",
        "held by",
        "cluster.queue_s=3600",
    ):
        assert words in text
    check_resources([Need("rollout", 1, 2.0, 0.0)], queue_s=0.0)


@pytest.mark.slow
def test_a_fleet_in_the_queue_says_so_and_is_placed_once_there_is_room(cluster: None) -> None:
    said: list[str] = []
    launcher = Launcher(ClusterConfig(queue_s=60.0), {}, lambda seat: (object, ()))

    async def scenario(holding: held_cpus) -> None:
        placing = asyncio.create_task(launcher.place([Need("rollout", 1, 2.0, 0.0)], said.append))
        await asyncio.sleep(1.0)
        assert not placing.done()
        holding.let_go()
        await placing

    with held_cpus(3.0) as holding:
        asyncio.run(scenario(holding))
    launcher.end()
    assert said[0].startswith("waiting for resources, for up to 60 s (cluster.queue_s): the")


class held_cpus:
    """Somebody else's reservation."""

    def __init__(self, cpus: float) -> None:
        from ray.util.placement_group import placement_group

        self.group = placement_group([{"CPU": cpus}])

    def __enter__(self) -> "held_cpus":
        assert self.group.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        ray.util.remove_placement_group(self.group)
