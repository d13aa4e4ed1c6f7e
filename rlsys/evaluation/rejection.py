"""Rejection sampling: which graded completions become demonstrations, by rules in a fixed order.

Each completion is looked at by itself, then the completions of a prompt together, then those of a
source. It is counted at the first rule that throws it away, so the counts and what is kept add up
to what was sampled. The choice depends on the completions alone: no order of arrival, no chance.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rlsys.config.run import RunConfig
from rlsys.config.sample import Prefer, SampleConfig
from rlsys.config.verifiers import RewardConfig, component_names
from verifiers.base import Status

NO_VERDICT, EMPTY = "no verdict", "no text"
_SLACK = 1e-6
"""Rewards are float32 on their way."""


@dataclass(frozen=True)
class Candidate:
    """One completion, as the rules see it."""

    prompt_id: str
    sample_index: int
    source: str
    text: str
    tokens: int
    finish_reason: str
    status: str
    reward: float | None
    components: Mapping[str, float]

    @property
    def is_graded(self) -> bool:
        """Whether it has a verdict; without one it counts neither as right nor as wrong."""
        return self.reward is not None

    @property
    def is_right(self) -> bool:
        """As pass@1 counts it."""
        return self.status == Status.CORRECT


@dataclass
class Choice:
    """Completions that are kept, and why the others are not."""

    kept: list[Candidate]
    thrown: Counter[str]
    """By the setting of the rule: `sample.right`."""


class Rules:
    """The rules of a run."""

    def __init__(self, config: SampleConfig, rewards: Mapping[str, RewardConfig]) -> None:
        """rewards: by the name of the component."""
        self.config, self.rewards = config, rewards

    @classmethod
    def of(cls, config: RunConfig) -> "Rules":
        """Those that the settings state."""
        names = component_names(config.verifiers)
        return cls(config.sample, dict(zip(names, config.verifiers.rewards, strict=True)))

    def names(self) -> list[str]:
        """The rules that are in force, by their settings, in their order."""
        rules = self.config
        in_force = {
            "finished": rules.finished,
            "right": rules.right,
            "min_reward": rules.min_reward is not None,
            **{f"least.{name}": True for name in rules.marks},
            "tokens": bool(rules.tokens),
            "distinct": rules.distinct,
            "per_prompt": bool(rules.per_prompt),
            "per_source": bool(rules.shares),
        }
        return [NO_VERDICT, EMPTY, *(f"sample.{name}" for name, holds in in_force.items() if holds)]

    def of_prompt(self, completions: Sequence[Candidate]) -> Choice:
        """The completions of one prompt that are kept, in the order of their numbers."""
        thrown: Counter[str] = Counter()
        passed = []
        for one in completions:
            if rule := next(self._against(one), ""):
                thrown[rule] += 1
            else:
                passed.append(one)
        passed.sort(key=self._preference)
        chosen = passed
        if self.config.distinct:
            first: dict[str, Candidate] = {}
            for one in passed:
                first.setdefault(normalised(one.text), one)
            chosen = list(first.values())
            thrown["sample.distinct"] += len(passed) - len(chosen)
        if most := self.config.per_prompt:
            thrown["sample.per_prompt"] += len(chosen[most:])
            chosen = chosen[:most]
        return Choice(sorted(chosen, key=lambda one: one.sample_index), +thrown)

    def of_sources(self, kept: Sequence[Candidate]) -> Choice:
        """As many of each source as its share allows, in the order given. A prompt's second
        completion is taken when all prompts of the source have their first."""
        places: Counter[str] = Counter()
        ranked: dict[str, list[tuple[int, bytes, int]]] = {}
        for number, one in enumerate(kept):
            rank = (places[one.prompt_id], _digest(one.prompt_id), number)
            ranked.setdefault(one.source, []).append(rank)
            places[one.prompt_id] += 1
        too_many = {
            number
            for source, most in self.config.shares.items()
            for _, _, number in sorted(ranked.get(source, []))[most:]
        }
        chosen = [one for number, one in enumerate(kept) if number not in too_many]
        return Choice(chosen, +Counter({"sample.per_source": len(too_many)}))

    def _against(self, one: Candidate) -> Iterator[str]:
        """The rules that throw a completion away by itself."""
        rules = self.config
        if one.reward is None:
            yield NO_VERDICT
            return
        if not one.text.strip():
            yield EMPTY
        if rules.finished and one.finish_reason != "stop":
            yield "sample.finished"
        if rules.right and not one.is_right:
            yield "sample.right"
        if rules.min_reward is not None and one.reward < rules.min_reward - _SLACK:
            yield "sample.min_reward"
        for name, least in rules.marks.items():
            if self._concerns(name, one.source) and not self._reaches(one, name, least):
                yield f"sample.least.{name}"
        if rules.tokens and not rules.tokens[0] <= one.tokens <= rules.tokens[1]:
            yield "sample.tokens"

    def _concerns(self, name: str, source: str) -> bool:
        """Whether a component grades a source at all."""
        reward = self.rewards.get(name) or self.rewards[name.partition(".")[0]]
        return not reward.sources or source in reward.sources

    @staticmethod
    def _reaches(one: Candidate, name: str, least: float) -> bool:
        """A component that abstained gave no mark."""
        mark = one.components.get(name)
        return mark is not None and mark >= least - _SLACK

    def _preference(self, one: Candidate) -> tuple[int, int]:
        """The smaller comes first."""
        length = {Prefer.first: 0, Prefer.short: one.tokens, Prefer.long: -one.tokens}
        return length[self.config.prefer], one.sample_index


def normalised(text: str) -> str:
    """What two texts have in common that differ in case and white space alone."""
    return " ".join(text.casefold().split())


def _digest(prompt_id: str) -> bytes:
    """An order of prompts that has nothing to do with that of the file."""
    return hashlib.blake2b(prompt_id.encode(), digest_size=8).digest()
