"""The memory plan: who needs how much of each GPU, before anything is loaded.

Members with a share of a GPU lie on one together, as long as their shares add up to at most 1. A
plan that does not fit is an error, with the nearest change of a setting that does.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

from rlsys.config import memory
from rlsys.config.adapter import learner_is_reference
from rlsys.config.lora import LoraConfig
from rlsys.config.memory import GIB, Memory
from rlsys.config.model_shape import Shape, shape_of
from rlsys.config.run import Offload, RunConfig
from rlsys.errors import ConfigError

_SHARES = 1 + 1e-9
_SPARE = 0.97
"""Of a GPU's memory that a plan may use up: the driver keeps some, and blocks leave gaps."""


_TURNS = ("learner", "rollout")


@dataclass(frozen=True)
class Member:
    """One process on a GPU, or as many of them as are alike."""

    role: str
    share: float
    memory: Memory


@dataclass(frozen=True)
class Plan:
    """Members by GPU; GPUs with the same members stand for each other."""

    model_type: str
    parameters: int
    active: int
    """Of the parameters, those that a token goes through."""
    gpus: list[list[Member]]
    gpu_bytes: float
    by_turns: bool = False
    """Whether learner and sampler have their GPU one after the other."""

    @property
    def fits(self) -> bool:
        """Whether every GPU has room for its members."""
        return _fits(self.fullest, self.gpu_bytes / GIB)

    @property
    def fullest(self) -> float:
        """Bytes of the GPU that needs most, at its worst moment."""
        return max(map(self._total, self.gpus))

    def _total(self, gpu: list[Member]) -> float:
        """Of all members at once; by turns, of the turn that needs most, with what the other
        leaves."""
        turns = [member for member in gpu if member.role in _TURNS] if self.by_turns else []
        always = sum(member.memory.total for member in gpu if member not in turns)
        rest = sum(memory.asleep(member.role).total for member in turns)
        at_work = [m.memory.total - memory.asleep(m.role).total for m in turns]
        return always + rest + max(at_work, default=0.0)

    def lines(self) -> list[str]:
        """A table in GiB: a line a member, and a sum a GPU."""
        names = [field.name for field in fields(Memory)]
        size = f"{self.parameters / 1e9:.2f} B parameters"
        if self.active < self.parameters:
            size += f", of which a token meets {self.active / 1e9:.2f} B"
        title = f"memory plan of {size} ({self.model_type}), GiB"
        lines = [title, f"{'':<10}" + "".join(f"{name:>12}" for name in [*names, "sum"])]
        seen: set[tuple[Member, ...]] = set()
        for gpu in self.gpus:
            if tuple(gpu) in seen:
                continue
            seen.add(tuple(gpu))
            for member in gpu:
                parts = [getattr(member.memory, name) for name in names]
                numbers = "".join(f"{x / GIB:>12.1f}" for x in [*parts, member.memory.total])
                lines.append(f"{member.role:<10}{numbers}")
            roles = " and ".join(dict.fromkeys(member.role for member in gpu))
            turns = " by turns" if self.by_turns else ""
            needed, there = self._total(gpu) / GIB, self.gpu_bytes / GIB
            lines.append(f"a GPU of {roles}{turns}: {needed:.1f} of {there:.1f} GiB")
        return lines


def plan_of(config: RunConfig, model: dict[str, Any], roles: list[str], gib: float) -> Plan | None:
    """What a run's members on GPUs need; None for one without GPUs, and for a model whose sizes are
    not known here.

    Args:
        model: its config.json.
        roles: those that the run starts.
        gib: memory of each GPU.
    """
    shape = shape_of(model)
    if shape is None:
        return None
    members = [member for role in roles for member in _members(config, shape, model, role, gib)]
    if not members:
        return None
    by_turns = config.cluster.colocate
    kind, placed = str(model["model_type"]), _placed(members)
    return Plan(kind, shape.parameters, shape.active_parameters, placed, gib * GIB, by_turns)


def require_fit(
    config: RunConfig, model: dict[str, Any], roles: list[str], gib: float
) -> Plan | None:
    """The plan, of a run that has one.

    Raises:
        ConfigError: a GPU has too little; says with which settings it has enough.
    """
    plan = plan_of(config, model, roles, gib)
    if plan and not plan.fits:
        table = "\n".join(plan.lines())
        raise ConfigError(
            f"the fleet does not fit on GPUs of {gib:.1f} GiB; {_advice(config, model, roles, gib)}"
            f"\n{table}"
        )
    return plan


def _members(
    config: RunConfig, shape: Shape, model: dict[str, Any], role: str, gib: float
) -> Iterator[Member]:
    """A member for each GPU that a role has, or has a share of."""
    if role == "learner" and (share := config.learner.gpus):
        for _ in range(config.learner.ranks):
            yield Member(role, share, memory.learner(config, shape))
    if role == "rollout" and (share := config.rollout.gpus):
        own = memory.sampler(config, shape, model, gib * GIB)
        for _ in range(config.rollout.workers * config.rollout.tensor_parallel):
            yield Member(role, min(share, 1.0), own)
    is_there = not learner_is_reference(config.learner, config.algorithm)
    if role == "reference" and is_there and (share := config.reference.gpus):
        for _ in range(config.reference.workers):
            yield Member(role, share, memory.scorer(config, config.reference, shape))


def _placed(members: list[Member]) -> list[list[Member]]:
    """First fit, in the order in which they are placed."""
    gpus: list[list[Member]] = []
    for member in members:
        for gpu in gpus:
            if sum(other.share for other in gpu) + member.share <= _SHARES:
                gpu.append(member)
                break
        else:
            gpus.append([member])
    return gpus


def _advice(config: RunConfig, model: dict[str, Any], roles: list[str], gib: float) -> str:
    """The first change that is enough, of those before it all that helped; and the same with an
    adapter, which needs fewer."""
    changed, best = _enough(config, _changes(config), model, roles, gib)
    with_adapter: list[str] = []
    if config.learner.lora is None:
        changes = [{"learner.lora": LoraConfig()}, *_changes(config)]
        with_adapter, least = _enough(config, changes, model, roles, gib)
        with_adapter = with_adapter if _fits(least, gib) else []
    ways = [" ".join(way) for way in (changed if _fits(best, gib) else [], with_adapter) if way]
    if ways:
        return f"nearest valid: {', or '.join(ways)}"
    most = f" (with {' '.join(changed)})" if changed else ""
    return f"nearest valid: GPUs of {best / GIB / _SPARE:.0f} GiB{most}, or more learner.ranks"


def _enough(
    config: RunConfig,
    changes: Iterable[dict[str, Any]],
    model: dict[str, Any],
    roles: list[str],
    gib: float,
) -> tuple[list[str], float]:
    """The changes that helped, up to the one that is enough, and the bytes of the fullest GPU
    then."""
    trial, changed = deepcopy(config), list[str]()
    best = _worst(trial, model, roles, gib)
    for settings in changes:
        before = deepcopy(trial)
        for path, value in settings.items():
            section, name = path.split(".")
            setattr(getattr(trial, section), name, value)
        now = _worst(trial, model, roles, gib)
        if now >= best - 0.01 * GIB:
            trial = before
            continue
        best = now
        changed += [_told(path, value) for path, value in settings.items()]
        if _fits(best, gib):
            break
    return changed, best


def _fits(num_bytes: float, gib: float) -> bool:
    return num_bytes <= _SPARE * gib * GIB


def _told(path: str, value: Any) -> str:
    """As it is typed."""
    if isinstance(value, LoraConfig):
        return f"{path}.rank={value.rank}"
    return f"{path}={getattr(value, 'name', value)}".lower()


def _worst(config: RunConfig, model: dict[str, Any], roles: list[str], gib: float) -> float:
    plan = plan_of(config, model, roles, gib)
    return plan.fullest if plan else 0.0


def _changes(config: RunConfig) -> Iterator[dict[str, Any]]:
    """From those that cost nothing to those that cost most; a sequence must fit a microbatch."""
    learner, rollout = config.learner, config.rollout
    yield {"learner.gradient_checkpointing": True}
    yield {"learner.logprob_chunk": min(learner.logprob_chunk, 512)}
    tokens = learner.microbatch_tokens
    while tokens > config.model.max_context:
        tokens = max(tokens // 2, config.model.max_context)
        yield {"learner.microbatch_tokens": tokens}
    if learner.ranks > 1:
        yield {"learner.zero_stage": 3}
    yield {
        "learner.zero_stage": max(1, learner.zero_stage),
        "learner.offload": Offload.optimizer,
    }
    if rollout.kv_cache_gib is not None and rollout.kv_cache_gib > 1:
        yield {"rollout.kv_cache_gib": 1.0}
    if config.cluster.colocate:
        return
    if learner.ranks == rollout.workers == 1 and learner.gpus + rollout.gpus <= _SHARES:
        yield {
            "cluster.colocate": True,
            "loop.max_staleness": 0,
            "learner.zero_stage": min(max(1, learner.zero_stage), 2),
        }
    yield {"learner.zero_stage": 3, "learner.offload": Offload.parameters}
    if learner.ranks > 1 and learner.lora is None:
        yield {"learner.zero_stage": 3, "learner.holds_reference": True}
