"""Whether a run fits in the memory that there is, and what to change where it does not: the nearest
settings that do, from those that cost nothing to those that cost most.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from math import ceil
from typing import Any

from rlsys.config import host_memory
from rlsys.config.batch import SMALLER
from rlsys.config.frozen_memory import scorers
from rlsys.config.host_plan import SPARE as SPARE_OF_A_NODE
from rlsys.config.lora import LoraConfig
from rlsys.config.memory import GIB, share_problem
from rlsys.config.memory_plan import SHARES, SPARE, Demand, Plan, plan_of
from rlsys.config.networks import Networks, teacher_of
from rlsys.config.run import Offload, Precision, Publish, RunConfig, WeightsConfig
from rlsys.config.sequence_parallel import larger
from rlsys.config.tensor_parallel import larger_spreads
from rlsys.config.transport import leaves_beside
from rlsys.errors import ConfigError

_WORTH = 0.01 * GIB
"""What a change must gain to be advised."""
_SHARES = (0.9, 0.85, 0.8)
"""Of a GPU, for a sampler: updates of the weights come on top."""


def require_fit(demand: Demand) -> Plan | None:
    """The plan, where there is one.

    Raises:
        ConfigError: a GPU or a node has too little, or a guard ends what has enough; says with
            which settings it has enough.
    """
    plan, config, networks, room = plan_of(demand), demand.config, demand.networks, demand.room
    if plan and not plan.fits:
        short = []
        if not plan.fits_gpus:
            short.append(f"on GPUs of {room.gpu_gib:.1f} GiB ({plan.kept_free})")
        if host := plan.lacking_host:
            short.append(f"in the memory of a node of {host.node.gib:.1f} GiB ({host.kept_free})")
        advice, table = _advice(demand), "\n".join(plan.lines())
        raise ConfigError(f"the fleet does not fit {' and '.join(short)}; {advice}\n{table}")
    if plan and room.gpu_gib and "rollout" in demand.roles:
        problem = share_problem(config, networks.of("rollout"), room.gpu_gib * GIB)
        if problem:
            raise ConfigError(problem)
    if plan and "verifier" in demand.roles and (problem := _guard_problem(config, networks)):
        raise ConfigError(problem)
    return plan


def _guard_problem(config: RunConfig, networks: Networks) -> str | None:
    """That verifiers.memory_mb ends a worker's verifiers, which have loaded their models, at
    work."""
    found, most = host_memory.verifier(networks), config.verifiers.memory_mb
    if not found.weights or found.process + found.weights <= most << 20:
        return None
    here = [grader.reward for grader in networks.graders if grader.gpu is None]
    return (
        f"verifiers.memory_mb={most}: with the models of {', '.join(here)} on the CPU the "
        f"verifiers' process has {(found.process + found.weights) / GIB:.1f} GiB at rest and would "
        f"be killed at work; nearest valid: {ceil(found.total / 2**20)}"
    )


def with_room(demand: Demand) -> Demand:
    """The same, of whose settings `weights.publish=auto` is before_step where the fleet has no room
    for a copy of the weights, and fits without."""
    config = demand.config
    if config.weights.publish is not Publish.auto or not leaves_beside(config):
        return demand
    plan = plan_of(demand)
    weights = replace(config.weights, publish=Publish.before_step)
    without = demand.under(replace(config, weights=weights))
    smaller = plan_of(without)
    return without if plan and not plan.fits and smaller and smaller.fits else demand


def _advice(demand: Demand) -> str:
    """The first change that is enough, of those before it all that helped; and the same with an
    adapter, with fewer verifier workers, and with a teacher or verifiers on GPUs of their own,
    which need fewer."""
    config, networks = demand.config, demand.networks
    changed, best = _enough(demand, _changes(config, networks))
    ways = [changed] if best.fits else []
    for first in _others(config, networks):
        other, least = _enough(demand, [*first, *_changes(config, networks)])
        if least.fits and other not in ways:
            ways.append(other)
    if ways:
        return f"nearest valid: {', or '.join(map(' '.join, ways))}"
    wanted = []
    if not best.fits_gpus:
        wanted.append(f"GPUs of {ceil(best.fullest / GIB / SPARE)} GiB")
    if host := best.lacking_host:
        wanted.append(f"nodes of {ceil(host.needed / GIB / SPARE_OF_A_NODE)} GiB")
    most = f" (with {' '.join(changed)})" if changed else ""
    others = {"learner": "more learner.ranks", "teacher": "a smaller teacher"}
    if networks.graders:
        others["verifier"] = _smaller_graders(networks, best)
    instead = [way for role, way in others.items() if role in best.lacking_roles]
    return ", or ".join([f"nearest valid: {' and '.join(wanted)}{most}", *instead])


def _smaller_graders(networks: Networks, best: Plan) -> str:
    """Or the same elsewhere, where a run with GPUs may have room for them."""
    on_gpus = {grader.gpu is not None for grader in networks.graders}
    if best.gpus and on_gpus == {False} and best.fits_gpus:
        return "smaller models of verifiers or their option device: cuda"
    if on_gpus == {True} and not best.lacking_host:
        return "smaller models of verifiers or their option device: cpu"
    return "smaller models of verifiers"


def _others(config: RunConfig, networks: Networks) -> Iterator[list[dict[str, Any]]]:
    """Other beginnings: they cost more than the first of `_changes`, and save most of those."""
    if config.learner.lora is None:
        # Its learner is the reference.
        lent = {"learner.holds_reference": False} if config.learner.holds_reference else {}
        yield [{"learner.lora": LoraConfig(), **lent}]
    if teacher_of(config) and 0 < config.teacher.gpus < 1:
        yield [{"teacher.gpus": 1.0}]
    workers = config.verifiers.workers
    if networks.graders and workers > 1:
        yield [{"verifiers.workers": fewer} for fewer in range(workers - 1, 0, -1)]
    on_gpus = any(grader.gpu is not None for grader in networks.graders)
    if on_gpus and 0 < config.verifiers.gpus_per_worker < 1:
        yield [{"verifiers.gpus_per_worker": 1.0}]


def _enough(demand: Demand, changes: Iterable[Mapping[str, Any]]) -> tuple[list[str], Plan]:
    """The changes that helped, up to the one that is enough, and the plan then."""
    trial, changed = deepcopy(demand.config), dict[str, Any]()
    best = plan_of(demand)
    assert best is not None
    for settings in changes:
        before = deepcopy(trial)
        for path, value in settings.items():
            section, name = path.split(".")
            setattr(getattr(trial, section), name, value)
        now = plan_of(demand.under(trial))
        assert now is not None
        if now.lacking > best.lacking - _WORTH and not now.fits:
            trial = before
            continue
        best = now
        changed |= settings
        if best.fits:
            break
    other = {path: value for path, value in changed.items() if value != _set(demand.config, path)}
    return [_told(path, value) for path, value in other.items()], best


def _set(config: RunConfig, path: str) -> Any:
    section, name = path.split(".")
    return getattr(getattr(config, section), name)


def _told(path: str, value: Any) -> str:
    """As it is typed."""
    if isinstance(value, LoraConfig):
        return f"{path}.rank={value.rank}"
    if isinstance(value, float):
        return f"{path}={value:g}"
    return f"{path}={getattr(value, 'name', value)}".lower()


def _changes(config: RunConfig, networks: Networks) -> Iterator[dict[str, Any]]:
    """From those that cost nothing to those that cost most; a sequence must fit a microbatch."""
    learner, rollout = config.learner, config.rollout
    if leaves_beside(config):
        yield {"weights.publish": Publish.before_step}
    yield {"learner.gradient_checkpointing": True}
    yield {"learner.logprob_chunk": min(learner.logprob_chunk, 512)}
    tokens = learner.microbatch_tokens
    while tokens > config.model.max_context:
        tokens = max(tokens // 2, config.model.max_context)
        yield {"learner.microbatch_tokens": tokens}
    if learner.offload is not Offload.none:
        yield {"learner.offload": Offload.none}
    if learner.ranks > 1:
        yield {"learner.zero_stage": 3}
    for size in larger(config, networks.of("learner").model):
        yield {"learner.sequence_parallel": size}
    yield {
        "learner.zero_stage": max(1, learner.zero_stage),
        "learner.offload": Offload.optimizer,
    }
    yield from _smaller_sampler(config)
    yield from _smaller_scorers(config)
    if config.cluster.colocate:
        return
    if rollout.gpus >= 1:
        for size in larger_spreads(config, networks.of("rollout").model):
            yield {"rollout.tensor_parallel": size, "rollout.gpus": float(size)}
    if learner.ranks == rollout.workers == 1 and learner.gpus + rollout.gpus <= SHARES:
        yield {
            "cluster.colocate": True,
            "loop.max_staleness": 0,
            "learner.zero_stage": min(max(1, learner.zero_stage), 2),
        }
    yield {"learner.zero_stage": 3, "learner.offload": Offload.parameters}
    if learner.ranks > 1 and learner.lora is None:
        yield {"learner.zero_stage": 3, "learner.holds_reference": True}


def _smaller_scorers(config: RunConfig) -> Iterator[dict[str, Any]]:
    """What a reference or a teacher does without, at the price of speed, and of digits that the
    learner does not have."""
    for role, own in scorers(config).items():
        tokens = own.microbatch_tokens
        while tokens > config.model.max_context:
            tokens = max(tokens // 2, config.model.max_context)
            yield {f"{role}.microbatch_tokens": tokens}
        if own.gpus and own.dtype is not config.learner.dtype is Precision.bfloat16:
            yield {f"{role}.dtype": Precision.bfloat16}


def _smaller_sampler(config: RunConfig) -> Iterator[dict[str, Any]]:
    """What a sampler does without, at the price of fewer completions at once."""
    rollout, weights = config.rollout, config.weights
    if weights.bucket_mib > (usual := WeightsConfig().bucket_mib):
        yield {"weights.bucket_mib": usual}
    if rollout.kv_cache_gib is None:
        for share in _SHARES:
            if share < rollout.gpu_memory_utilization:
                yield {"rollout.gpu_memory_utilization": share}
    sequences = rollout.max_sequences or 0
    while sequences > SMALLER.sequences:
        sequences = max(sequences // 2, SMALLER.sequences)
        yield {"rollout.max_sequences": sequences}
    cache = rollout.kv_cache_gib or 0.0
    while cache > 1:
        cache = max(cache // 2, 1.0)
        yield {"rollout.kv_cache_gib": cache}
