"""What the fleet needs of a cluster, and whether the cluster has it."""

from dataclasses import dataclass

import ray

from rlsys.config.schema import RunConfig
from rlsys.errors import ResourceError


@dataclass(frozen=True)
class Need:
    """One role's members and the share of a machine that each needs."""

    role: str
    count: int
    cpus: float
    gpus: float


def needs(config: RunConfig) -> list[Need]:
    """Every role of the fleet, in the order of its placement bundles."""
    learner, rollout, reference = config.learner, config.rollout, config.reference
    roles = [
        Need("learner", learner.ranks, learner.cpus, learner.gpus),
        Need("rollout", rollout.workers, rollout.cpus, rollout.gpus),
        Need("verifier", config.verifiers.workers, config.verifiers.cpus_per_worker, 0.0),
    ]
    if config.algorithm.kl_coefficient > 0:
        roles.append(Need("reference", reference.workers, reference.cpus, reference.gpus))
    return roles


def check_resources(roles: list[Need]) -> None:
    """Raise ResourceError with a need/have table when the cluster is too small."""
    have = ray.cluster_resources()
    cpus = sum(need.count * need.cpus for need in roles)
    gpus = sum(need.count * need.gpus for need in roles)
    short = []
    for name, needed in (("CPU", cpus), ("GPU", gpus)):
        if needed > have.get(name, 0.0) + 1e-9:
            short.append(f"{needed:g} {name}s needed, {have.get(name, 0.0):g} there")
    if not short:
        return
    lines = [f"{'role':<12}{'members':>8}{'CPUs':>8}{'GPUs':>8}"]
    lines += [
        f"{n.role:<12}{n.count:>8}{n.count * n.cpus:>8g}{n.count * n.gpus:>8g}" for n in roles
    ]
    lines.append(f"{'need':<12}{sum(n.count for n in roles):>8}{cpus:>8g}{gpus:>8g}")
    lines.append(f"{'have':<12}{'':>8}{have.get('CPU', 0.0):>8g}{have.get('GPU', 0.0):>8g}")
    hint = "lower the shares or counts in rollout, learner, reference and verifiers"
    raise ResourceError(f"the fleet does not fit: {'; '.join(short)} ({hint})\n" + "\n".join(lines))
