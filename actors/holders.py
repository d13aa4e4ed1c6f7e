"""Who holds a cluster's CPUs and GPUs: jobs, with their actors, by Ray's state API."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray.util.state import list_actors, list_jobs
from ray.util.state.exception import RayStateApiException

_MOST = 10_000
"""Actors and jobs that Ray is asked for; it refuses to list more at once."""
_NAMED = 6
"""Actors of a job that a line names."""


def holders() -> list[str]:
    """A line for each job that holds something: its id, its command, how much, by which actors."""
    own = ray.get_runtime_context().get_job_id()
    try:
        alive = [("state", "=", "ALIVE")]
        actors = list_actors(filters=alive, limit=_MOST, detail=True)
        jobs = list_jobs(limit=_MOST, detail=True)
    except RayStateApiException as error:
        reason = str(error).strip().splitlines()[0]
        return [f"cannot be said, since the cluster's dashboard does not answer: {reason}"]
    commands = {job.job_id: f"{job.submission_id or job.job_id}: {job.entrypoint}" for job in jobs}
    lines = lines_of([vars(actor) for actor in actors], commands, own)
    return lines or ["no other job's actors: tasks, or reservations of jobs that have ended"]


def lines_of(
    actors: Iterable[Mapping[str, Any]], commands: Mapping[str, str], own: str
) -> list[str]:
    """The lines for living actors, the largest holder first.

    Args:
        actors: with job_id, name, class_name and required_resources.
        commands: what to say of a job, by its id.
        own: the job that asks, which is left out.
    """
    held: dict[str, dict[str, float]] = defaultdict(lambda: {"CPU": 0.0, "GPU": 0.0})
    names: dict[str, list[str]] = defaultdict(list)
    for actor in actors:
        amounts = {
            kind: (actor["required_resources"] or {}).get(kind, 0.0) for kind in ("CPU", "GPU")
        }
        if actor["job_id"] == own or not any(amounts.values()):
            continue
        job = actor["job_id"]
        for kind, amount in amounts.items():
            held[job][kind] += amount
        names[job].append(actor["name"] or actor["class_name"])
    largest = sorted(held, key=lambda job: (-held[job]["GPU"], -held[job]["CPU"]))
    return [
        f"{commands.get(job, job)}: {held[job]['CPU']:g} CPUs, {held[job]['GPU']:g} GPUs "
        f"({', '.join(names[job][:_NAMED])}{', ...' if len(names[job]) > _NAMED else ''})"
        for job in largest
    ]
