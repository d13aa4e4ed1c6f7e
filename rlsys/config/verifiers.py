"""Which verifiers grade a completion, and how their rewards add up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rlsys.config import ranges
from rlsys.config.ranges import KEY, Range, ranged
from rlsys.errors import ConfigError, instead

_TOLERANCE = 1e-9


@dataclass
class RewardConfig:
    """One component of the reward."""

    name: str = ""
    """Name of the component's column, such as R_Accuracy; no two may be equal."""
    verifier: str = ""
    """Which verifier computes it (`rlsys verifiers list`); empty: the one called as the
    component."""
    weight: float = ranged(1.0, least=0, why="a gate is what takes a reward away")
    """Its share of the reward. The weights of one source add up to at most 1, so that a reward
    stays in the range of its components. 0 records the component without paying for it. Unused for
    a gate."""
    gate: bool = False
    """Multiplies what the weighted sum is above its lowest value: 0 takes all rewards away."""
    sources: list[str] = field(default_factory=list)
    """Data sources (the prompts' `source` column) that it grades; empty: all."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the verifier (docs/verifiers.md)."""
    range: list[float] = field(default_factory=lambda: [0.0, 1.0], metadata={KEY: Range()})
    """Lowest and highest reward of the verifier, such as [-1, 1] for one with penalties; one
    outside is a fault of the verifier. A gate's is within [0, 1]."""
    correct_from: float | None = ranged(None)
    """For a reward function: the reward from which a completion counts as correct, as for pass@1;
    null: the highest of `range`. Other verifiers say it themselves."""


@dataclass
class VerifiersConfig:
    """The pool of verifier workers and what they compute."""

    workers: int = ranged(1, least=1, may_change=True)
    """Worker processes; one grades over 10,000 number completions per second."""
    cpus_per_worker: float = ranged(0.25, least=0, may_change=True)
    """Ray's share for placement; a worker is idle most of the time."""
    gpus_per_worker: float = ranged(0.0, least=0, may_change=True)
    """Ray's share of a GPU, for verifiers that are models; without one a worker sees no GPU."""
    plugins: list[str] = field(default_factory=list)
    """Plug-in files, relative to the working directory of the command; their text is sent to every
    worker, on every node. FILE:FUNCTION or MODULE:FUNCTION names a reward function (TRL's or
    verl's) in a file, or in a module that is installed on every node."""
    rewards: list[RewardConfig] = field(default_factory=list)
    """The components; the one with the largest weight says whether a completion is correct."""
    timeout_s: float = ranged(30.0, above=0)
    """Seconds per completion (per batch, for a verifier that takes batches) before the verifiers'
    process is killed and the completion is without a verdict; above the verifiers' own limits,
    which make verdicts."""
    memory_mb: int = ranged(8192, least=1)
    """Resident MiB at which the verifiers' process is killed in the same way; a guard against a
    verifier that eats the machine, with room for a reward model."""
    max_infrastructure_share: float = ranged(0.05, least=0, most=1)
    """Share of completions without a verdict at which the run stops: beyond it, what is masked out
    is no longer an accident."""


def component_names(config: VerifiersConfig) -> list[str]:
    """Names of the components, in order."""
    return [reward.name or reward.verifier for reward in config.rewards]


def require_sources(config: VerifiersConfig, sources: Iterable[str]) -> None:
    """Raise ConfigError unless every source of the data has a component that pays for it."""
    paid = [reward for reward in config.rewards if reward.weight > 0 and not reward.gate]
    if any(not reward.sources for reward in paid):
        return
    named = {source for reward in paid for source in reward.sources}
    for source in sorted(set(sources)):
        if source not in named:
            raise ConfigError(
                f"verifiers.rewards: no component with a weight grades the source {source!r} of "
                f"the data{instead(source, named)}; a component without sources grades all"
            )


def validate(config: VerifiersConfig) -> None:
    """Raise ConfigError on the first setting that cannot work, whatever verifiers there are."""
    ranges.check(config, "verifiers")
    if not config.rewards:
        raise ConfigError("verifiers.rewards is empty; nearest valid: [{name: math, weight: 1.0}]")
    _validate_names(config)
    _validate_weights(config)


def _validate_names(config: VerifiersConfig) -> None:
    seen: set[str] = set()
    for index, reward in enumerate(config.rewards):
        where = f"verifiers.rewards[{index}]"
        name = reward.name or reward.verifier
        if not name:
            raise ConfigError(f"{where}: has neither a name nor a verifier")
        if name in seen:
            raise ConfigError(
                f"{where}.name={name!r}: taken by an earlier component; nearest valid: "
                f"{name + '_2'!r}"
            )
        seen.add(name)
        _validate_range(reward, where)


def _validate_range(reward: RewardConfig, where: str) -> None:
    if len(reward.range) != 2 or not reward.range[0] < reward.range[1]:
        raise ConfigError(
            f"{where}.range={reward.range}: expected the lowest and the highest reward; nearest "
            f"valid: {_nearest_range(reward.range)}"
        )
    low, high = reward.range
    if reward.gate and not 0 <= low < high <= 1:
        raise ConfigError(
            f"{where}.range={reward.range}: a gate is a share, from 0 to 1; nearest valid: [0, 1]"
        )
    if reward.correct_from is None:
        return
    if not low < reward.correct_from <= high:
        raise ConfigError(
            f"{where}.correct_from={reward.correct_from:g}: must be above {low:g} and at most "
            f"{high:g} (range); nearest valid: {high:g}"
        )


def _nearest_range(bounds: list[float]) -> list[float]:
    """The range of the same numbers, from 0 where they are but one."""
    numbers = bounds if len(set(bounds)) > 1 else [0.0, *bounds]
    low, high = min(numbers), max(numbers)
    return [low, high] if low < high else [0.0, 1.0]


def _validate_weights(config: VerifiersConfig) -> None:
    sources = sorted({source for reward in config.rewards for source in reward.sources})
    totals = {}
    for source in [*sources, "any other source"]:
        totals[source] = sum(
            reward.weight
            for reward in config.rewards
            if not reward.gate and (not reward.sources or source in reward.sources)
        )
        if totals[source] > 1 + _TOLERANCE:
            raise ConfigError(
                f"verifiers.rewards: the weights for {source!r} add up to {totals[source]:g}; "
                "they must not exceed 1"
            )
    if not any(totals.values()):
        raise ConfigError("verifiers.rewards: no component has a weight above 0")
