"""One reward from several verifiers: a weighted sum, gates, and a route per data source."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.errors import VerifierError
from verifiers.base import Completion, Status, Verdict, Verifier
from verifiers.registry import Registry


@runtime_checkable
class Closable(Protocol):
    """A verifier that keeps a process or a connection."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Component:
    """One verifier with its place in the reward."""

    name: str
    verifier: Verifier
    weight: float
    gate: bool
    sources: frozenset[str]

    def grades(self, source: str) -> bool:
        """Whether completions of this source go to this component."""
        return not self.sources or source in self.sources


class Composite:
    """Grades completions with all components of a config.

        reward = (product of gates) * sum_c weight_c * reward_c,   c over the source's components

    The status is that of the accuracy component: the one with the largest weight for the source,
    the first of equals. When any component has no verdict, neither has the completion.

    Raises:
        VerifierError: a verifier cannot be made.
    """

    def __init__(self, config: VerifiersConfig) -> None:
        registry = Registry(config.plugins)
        self.components = [_component(registry, reward) for reward in config.rewards]
        if not any(c.weight > 0 and not c.gate for c in self.components):
            raise VerifierError("no reward component has a weight above 0")

    @property
    def accuracy_component(self) -> str:
        """The component with the largest weight of all."""
        return self._accuracy([c for c in self.components if not c.gate])

    def accuracy_component_for(self, source: str) -> str:
        """The component with the largest weight among those that grade a source.

        Raises:
            VerifierError: no component with a weight grades it.
        """
        paid = [c for c in self.components if c.grades(source) and not c.gate and c.weight > 0]
        if not paid:
            raise VerifierError(f"no reward component grades the source {source!r}")
        return self._accuracy(paid)

    def require_sources(self, sources: Iterable[str]) -> None:
        """Raise VerifierError unless every source is graded; to be asked before training."""
        for source in sources:
            self.accuracy_component_for(source)

    def grade(self, batch: Sequence[Completion]) -> list[Verdict]:
        """Grade completions in order; never raises for the sake of one of them."""
        return [self.verify(completion) for completion in batch]

    def verify(self, completion: Completion) -> Verdict:
        """Grade one completion. `components` has each component's reward under its name, and what
        the verifier itself took apart under `name.part`."""
        began = time.perf_counter()
        try:
            accuracy = self.accuracy_component_for(completion.source)
        except VerifierError as error:
            return _no_verdict(str(error), {}, began)
        values: dict[str, float] = {}
        total, gates = 0.0, 1.0
        status, reason = Status.WRONG, ""
        for component in self.components:
            if not component.grades(completion.source):
                continue
            verdict = _verify(component.verifier, completion)
            if verdict.reward is None:
                return _no_verdict(f"{component.name}: {verdict.reason}", values, began)
            values[component.name] = verdict.reward
            values |= {f"{component.name}.{part}": v for part, v in verdict.components.items()}
            if component.gate:
                gates *= verdict.reward
            else:
                total += component.weight * verdict.reward
            if component.name == accuracy:
                status, reason = verdict.status, verdict.reason
        reward = min(1.0, total) * gates
        return Verdict(reward, status, reason, values, time.perf_counter() - began)

    def close(self) -> None:
        """End the processes that verifiers keep."""
        for component in self.components:
            if isinstance(component.verifier, Closable):
                component.verifier.close()

    @staticmethod
    def _accuracy(components: Sequence[Component]) -> str:
        return max(components, key=lambda component: component.weight).name


def run_self_test(composite: Composite) -> int:
    """Grade every verifier's known cases, as training will; returns how many there were.

    Raises:
        VerifierError: a verifier has no cases or gets one wrong; names the verifier, the
            completion, the reward it gave and the one expected.
    """
    count = 0
    for component in composite.components:
        cases = component.verifier.self_test()
        if not cases:
            raise VerifierError(f"verifier {component.verifier.name!r} has no self-test cases")
        for completion, expected in cases:
            verdict = _verify(component.verifier, completion)
            if verdict.reward is None or abs(verdict.reward - expected) > 1e-6:
                raise VerifierError(
                    f"verifier {component.verifier.name!r} fails its self-test: completion "
                    f"{completion.text[:200]!r} with expected answer {completion.answer!r} got "
                    f"reward {verdict.reward}, expected {expected} ({verdict.status}"
                    f"{': ' + verdict.reason if verdict.reason else ''})"
                )
            count += 1
    return count


def _component(registry: Registry, reward: RewardConfig) -> Component:
    name = reward.name or reward.verifier
    verifier = registry.create(reward.verifier or name, reward.options)
    return Component(name, verifier, reward.weight, reward.gate, frozenset(reward.sources))


def _verify(verifier: Verifier, completion: Completion) -> Verdict:
    """A verdict of any verifier, broken ones included.

    An exception says that the verifier failed, not that the answer is wrong: the completion gets
    no reward at all, and its status is counted.
    """
    try:
        verdict = verifier.verify(completion)
    except Exception as error:
        reason = f"{type(verifier).__name__}: {type(error).__name__}: {error}"
        return Verdict(None, Status.INFRASTRUCTURE, reason[:500])
    if not isinstance(verdict, Verdict):
        reason = f"{type(verifier).__name__}: returned a {type(verdict).__name__}, not a Verdict"
        return Verdict(None, Status.INFRASTRUCTURE, reason)
    return verdict


def _no_verdict(reason: str, values: dict[str, float], began: float) -> Verdict:
    seconds = time.perf_counter() - began
    return Verdict(None, Status.INFRASTRUCTURE, reason, values, seconds)
