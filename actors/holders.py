"""Who holds a cluster's CPUs and GPUs: jobs, with their actors, by Ray's state API."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.util.state import list_actors, list_jobs, list_placement_groups
from ray.util.state.exception import RayStateApiException

_MOST = 10_000
"""Actors and jobs that Ray is asked for; it refuses to list more at once."""
_NAMED = 6
"""Actors of a job that a line names."""


def holders() -> list[str]:
    """A line for each job that holds something: its id, its command, how much, by which actors."""
    try:
        actors = list_actors(filters=[("state", "=", "ALIVE")], limit=_MOST, detail=True)
        groups = list_placement_groups(
            filters=[("state", "=", "CREATED")], limit=_MOST, detail=True
        )
        jobs = list_jobs(limit=_MOST, detail=True)
    except RayStateApiException as error:
        reason = str(error).strip().splitlines()[0]
        return [f"cannot be said, since the cluster's dashboard does not answer: {reason}"]
    commands = {job.job_id: _described(job) for job in jobs}
    own = ray.get_runtime_context().get_job_id()
    lines = lines_of(list(map(vars, actors)), list(map(vars, groups)), commands, own)
    return lines or ["no job's actors and no reservations: perhaps tasks"]


def lines_of(
    actors: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    commands: Mapping[str, str],
    own: str,
) -> list[str]:
    """The largest holder first.

    Args:
        actors: that live, with job_id, name, class_name, required_resources, placement_group_id.
        groups: placement groups, with creator_job_id and bundles: what they reserve is held
            whether an actor sits there or not, and what their actors have is part of it.
        commands: what to say of a job, by its id.
        own: the job that asks, which is left out.
    """
    held: Counter[tuple[str, str]] = Counter()
    names: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        for bundle in group["bundles"] or []:
            held.update(
                {(group["creator_job_id"], k): v for k, v in _amounts(bundle["unit_resources"])}
            )
    for actor in actors:
        names[actor["job_id"]].append(actor["name"] or actor["class_name"])
        if not actor["placement_group_id"]:
            held.update({(actor["job_id"], k): v for k, v in _amounts(actor["required_resources"])})
    jobs = sorted(
        {job for job, _ in held if job != own},
        key=lambda job: (-held[job, "GPU"], -held[job, "CPU"]),
    )
    return [
        f"{commands.get(job, job)}: {held[job, 'CPU']:g} CPUs, {held[job, 'GPU']:g} GPUs"
        f" ({_some(names[job]) or 'reserved'})"
        for job in jobs
    ]


def _described(job: Any) -> str:
    """A submitted job by the id that `ray job stop` takes, another by its driver's process."""
    driver = job.driver_info
    where = f", process {driver.pid} on {driver.node_ip_address}" if driver else ""
    return f"{job.submission_id or job.job_id}{where}: {job.entrypoint}"


def _amounts(resources: Mapping[str, float] | None) -> list[tuple[str, float]]:
    """CPUs and GPUs, where there are any."""
    return [(k, v) for k, v in (resources or {}).items() if k in ("CPU", "GPU") and v]


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
