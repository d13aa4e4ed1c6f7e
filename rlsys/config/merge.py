"""The `merge:` section: several policies of one architecture as one, by `rlsys merge`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from rlsys.config.ranges import KEY, Range, ranged

_NEAR = 1e-4
"""By what weights may miss 1: what is written in four digits."""


class MergeMethod(Enum):
    """How; rlsys/algorithms/merging.py has the equation and the paper of each."""

    linear = "linear"
    slerp = "slerp"
    task_arithmetic = "task_arithmetic"
    ties = "ties"
    dare_linear = "dare_linear"
    dare_ties = "dare_ties"

    @property
    def needs_base(self) -> bool:
        """Whether what is merged are differences from a base, the task vectors."""
        return self not in (MergeMethod.linear, MergeMethod.slerp)

    @property
    def thins(self) -> bool:
        """Whether only a share of each difference's entries is kept."""
        return self.needs_base and self is not MergeMethod.task_arithmetic

    @property
    def averages(self) -> bool:
        """Whether each entry lies between those of the policies, so that no weight is negative."""
        return self in (MergeMethod.slerp, MergeMethod.ties, MergeMethod.dare_ties)


@dataclass
class MergeConfig:
    """Which policies, and how."""

    policies: list[str] = field(default_factory=list)
    """Each as model.path, the first one gives config, tokenizer and number format."""
    weights: list[float] = field(default_factory=list, metadata={KEY: Range(least=-10, most=10)})
    """The share of each policy; they sum to 1. Empty: equal shares."""
    method: MergeMethod = MergeMethod.linear
    """linear: the mean. slerp: of two, along the arc between them. task_arithmetic: the mean of
    what each has learned since `base`. ties: of the largest entries of that, where signs agree.
    dare_linear and dare_ties: as these two, of entries that are kept at random. Their seed is
    run.seed."""
    base: str = ""
    """As model.path: what the policies were trained from; unused by linear and slerp."""
    scale: float = ranged(1.0, least=-10, most=10)
    """By what the merged difference from `base` is multiplied before it is added to it: lambda.
    linear and slerp have none."""
    density: float = ranged(0.5, above=0, most=1)
    """Share of each difference's entries that ties and dare keep, in every tensor."""

    @property
    def shares(self) -> list[float]:
        """The weights, also where none are set."""
        return self.weights or [1 / len(self.policies)] * len(self.policies)


def problems(config: MergeConfig) -> Iterator[str]:
    """What cannot work, by the settings alone."""
    method, names, weights = config.method.value, config.policies, config.weights
    least = 1 if config.method.needs_base else 2
    if len(names) < least:
        yield f"merge.policies={names}: {method} needs at least {least}"
    elif config.method is MergeMethod.slerp and len(names) != 2:
        yield (
            f"merge.policies: slerp goes from one policy to another, and there are {len(names)}; "
            "nearest valid: two of them, or merge.method=linear"
        )
    for name in dict.fromkeys(one for one in names if names.count(one) > 1):
        yield f"merge.policies: {name!r} is given {names.count(name)} times; give it more weight"
    if config.method.needs_base and not config.base:
        yield (
            f"merge.base='': {method} merges what the policies have learned since a base; name "
            "what they were trained from, or nearest valid: merge.method=linear"
        )
    if config.base and not config.method.needs_base:
        yield (
            f"merge.base={config.base!r}: {method} has no use for a base; nearest valid: "
            "merge.base='', or merge.method=task_arithmetic"
        )
    yield from _without_effect(config)
    yield from _weight_problems(config, weights)


def _without_effect(config: MergeConfig) -> Iterator[str]:
    """Settings that would change nothing, and the one with which the policies change nothing."""
    method, default = config.method, MergeConfig()
    for name, is_used, other in (
        ("scale", method.needs_base, MergeMethod.task_arithmetic),
        ("density", method.thins, MergeMethod.ties),
    ):
        value, usual = getattr(config, name), getattr(default, name)
        if not is_used and value != usual:
            yield (
                f"merge.{name}={value:g}: {method.value} has no use for it; nearest valid: "
                f"merge.{name}={usual:g}, or merge.method={other.value}"
            )
    if method.needs_base and config.scale == 0:
        yield (
            "merge.scale=0: the result would be the base, and the policies would take no part; "
            f"nearest valid: {default.scale:g}"
        )


def _weight_problems(config: MergeConfig, weights: list[float]) -> Iterator[str]:
    if not weights:
        return
    if len(weights) != len(config.policies):
        yield (
            f"merge.weights={weights}: {len(weights)} weights for {len(config.policies)} policies"
        )
        return
    if not all(math.isfinite(weight) for weight in weights):
        return  # out of range, which is said already
    for index, weight in enumerate(weights):
        if weight == 0:
            yield (
                f"merge.weights[{index}]=0: {config.policies[index]!r} would take no part; leave "
                "it out"
            )
        elif weight < 0 and config.method.averages:
            yield (
                f"merge.weights[{index}]={weight:g}: {config.method.value} takes none below 0; "
                "nearest valid: merge.method=linear, which goes beyond the policies"
            )
    total = sum(weights)
    if abs(total - 1) > _NEAR:
        nearest = [round(weight / total, 6) for weight in weights] if total > 0 else []
        yield (
            f"merge.weights={weights}: they sum to {total:g} and are shares, which sum to 1"
            + (f"; nearest valid: {nearest}" if nearest else "")
        )
