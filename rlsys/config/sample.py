"""The `sample:` section: how `rlsys sample` asks, and which completions it keeps.

The rules are applied in the order of the settings; a completion is counted at the first one that
throws it away. A resumed run may change them: what was sampled is chosen from anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from rlsys.config.ranges import KEY, MAY_CHANGE, Range, ranged
from rlsys.config.verifiers import component_names
from rlsys.errors import instead

if TYPE_CHECKING:
    from rlsys.config.run import RunConfig

_RULE = {MAY_CHANGE: True}
_ROUNDING = 1e-6
"""Of weights in float32."""


class Split(Enum):
    """Which part of the rows is asked."""

    train = "train"
    held_out = "held_out"


class Prefer(Enum):
    """Which of a prompt's completions come first where not all are kept."""

    first = "first"
    short = "short"
    long = "long"


@dataclass
class SampleConfig:
    """Completions per prompt, and the rules for those that become demonstrations."""

    n: int = ranged(16, least=1)
    """Completions per prompt; they are sampled as `sampling:` says. pass@k is known up to k = n."""
    split: Split = Split.train
    """train: the rows that a run of `rlsys train` with the same `data:` would train on, so that no
    demonstration is of a held-out prompt. held_out: the others, to see where a policy stands."""
    prompts: int = ranged(0, least=0)
    """The first so many prompts of each source of the split; 0: all."""
    finished: bool = field(default=True, metadata=_RULE)
    """Only completions that ended by themselves, not at sampling.max_tokens."""
    right: bool = field(default=True, metadata=_RULE)
    """Only completions that the verifiers call correct, as pass@1 does."""
    min_reward: float | None = ranged(None, may_change=True)
    """Least reward; null: any."""
    least: dict[str, float | None] = field(default_factory=dict, metadata=_RULE | {KEY: Range()})
    """Least mark by component of verifiers.rewards (or COMPONENT.PART), such as {language: 0.9,
    format: 1, judge: 0.7}. A component with weight 0 marks without paying. It says nothing of
    completions whose source it does not grade. null: any mark, as where it is not named."""
    tokens: list[int] = field(default_factory=list, metadata=_RULE | {KEY: Range(least=0)})
    """[fewest, most] tokens of a completion, both included; []: any number."""
    distinct: bool = field(default=True, metadata=_RULE)
    """Of a prompt's completions with the same text, case and white space aside, only one."""
    per_prompt: int = ranged(0, least=0, may_change=True)
    """Completions kept per prompt, so that easy prompts do not outweigh hard ones; 0: all."""
    prefer: Prefer = field(default=Prefer.first, metadata=_RULE)
    """first: those that were sampled first, which are as the policy answers. short, long: those of
    the fewest or the most tokens. It decides between equal texts, too."""
    per_source: dict[str, int | None] = field(
        default_factory=dict, metadata=_RULE | {KEY: Range(least=0)}
    )
    """Completions kept by source of the rows, such as {gsm8k: 600, general: 200} for a mix of 3 to
    1; spread over as many prompts as there are. null, and other sources: all."""

    @property
    def marks(self) -> dict[str, float]:
        """The least marks that are asked for."""
        return {name: least for name, least in self.least.items() if least is not None}

    @property
    def shares(self) -> dict[str, int]:
        """The sources that have a share."""
        return {source: most for source, most in self.per_source.items() if most is not None}


def problems(config: RunConfig) -> Iterator[str]:
    """Of rules that cannot work with each other, or with the verifiers."""
    rules = config.sample
    if rules.per_prompt > rules.n:
        yield (
            f"sample.per_prompt={rules.per_prompt}: only sample.n={rules.n} completions of a "
            f"prompt are sampled; nearest valid: {rules.n}, or 0 for all"
        )
    yield from _of_reward(config)
    yield from _of_tokens(rules.tokens, config.sampling.max_tokens)
    yield from _of_marks(config)


def _of_reward(config: RunConfig) -> Iterator[str]:
    """A least reward that no completion can have, whatever its source."""
    least, rewards = config.sample.min_reward, config.verifiers.rewards
    paid = [one for one in rewards if not one.gate and len(one.range) == 2]
    most = sum(one.weight * max(one.range[1], 0.0) for one in paid)
    if least is not None and paid and least > most + _ROUNDING:
        yield (
            f"sample.min_reward={least:g}: verifiers.rewards pay {most:g} at most; nearest valid: "
            f"{most:g}"
        )


def _of_tokens(tokens: list[int], max_tokens: int) -> Iterator[str]:
    if not tokens:
        return
    if len(tokens) != 2:
        yield (
            f"sample.tokens={tokens}: expected the fewest and the most tokens; nearest valid: "
            f"{[min(tokens), max(tokens)] if len(tokens) > 1 else [tokens[0], max_tokens]}"
        )
    elif tokens[0] > tokens[1]:
        yield (
            f"sample.tokens={tokens}: the fewest are more than the most; nearest valid: "
            f"{tokens[::-1]}"
        )
    elif tokens[0] > max_tokens:
        yield (
            f"sample.tokens={tokens}: completions end at sampling.max_tokens={max_tokens}; nearest "
            f"valid: sampling.max_tokens={tokens[1]}"
        )


def _of_marks(config: RunConfig) -> Iterator[str]:
    """Of components that nobody configured, and marks that they cannot give."""
    names = component_names(config.verifiers)
    by_name = dict(zip(names, config.verifiers.rewards, strict=True))
    for rule, least in config.sample.marks.items():
        name, _, part = rule.partition(".")
        where = f"sample.least.{rule}={least:g}"
        reward = by_name.get(rule) or by_name.get(name)
        if reward is None:
            yield (
                f"{where}: verifiers.rewards has no such component{instead(name, names)}; as "
                f"{{name: {name}, weight: 0}} a verifier of that name marks without paying"
            )
            continue
        low, high = reward.range
        if not part and not low <= least <= high:
            nearest = high if least > high else low
            yield (
                f"{where}: the marks of {name} are from {low:g} to {high:g}; nearest valid: "
                f"{nearest:g}"
            )
