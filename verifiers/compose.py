"""One reward from several verifiers: a weighted sum, gates, and a route per data source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast, runtime_checkable

from rlsys.config.verifiers import RewardConfig, VerifiersConfig
from rlsys.errors import VerifierError
from rlsys.faults import describe
from rlsys.plugins import PluginFile
from verifiers.base import (
    Bounds,
    Completion,
    Expectation,
    Status,
    Verdict,
    Verifier,
    verify_all,
)
from verifiers.faults import file_of, where_of
from verifiers.registry import Registry
from verifiers.reward_functions import RewardFunction
from verifiers.sandbox.interface import Sandbox


@runtime_checkable
class Closable(Protocol):
    """A verifier that keeps a process or a connection."""

    def close(self) -> None: ...


SILENT = "no component has a reward for it"
"""How the reason begins where all components abstain."""


@dataclass(frozen=True)
class Component:
    """One verifier with its place in the reward."""

    name: str
    verifier: Verifier
    weight: float
    gate: bool
    sources: frozenset[str]
    bounds: Bounds = (0.0, 1.0)
    """Lowest and highest reward of the verifier."""

    def grades(self, source: str) -> bool:
        """Whether completions of this source go to this component."""
        return not self.sources or source in self.sources


@dataclass
class _Sum:
    """One completion's reward, as its components come in."""

    fault: str = ""
    values: dict[str, float] = field(default_factory=dict)
    total: float = 0.0
    low: float = 0.0
    """The lowest that the total can be; 0 unless a range begins elsewhere."""
    high: float = 0.0
    gates: float = 1.0
    decisive: Component | None = None
    """The component with the largest weight so far, the first of equals."""
    status: Status = Status.WRONG
    reason: str = ""
    silence: str = ""
    """What the last component said that had nothing to say."""
    seconds: float = 0.0
    level: str = ""

    def add(self, component: Component, verdict: Verdict) -> None:
        self.seconds += verdict.seconds
        self.level = self.level or verdict.level
        if verdict.status is Status.ABSTAINED:
            self.silence = _said_by(component.name, verdict.reason)
            return
        if verdict.reward is None:
            self.fault = _said_by(component.name, verdict.reason)
            return
        self.values[component.name] = verdict.reward
        self.values |= {f"{component.name}.{k}": v for k, v in verdict.components.items()}
        if component.gate:
            self.gates *= verdict.reward
            return
        low, high = component.bounds
        self.total += component.weight * verdict.reward
        self.low += component.weight * low
        self.high += component.weight * high
        weight = self.decisive.weight if self.decisive else 0.0
        if component.weight > weight:
            self.decisive = component
            self.status, self.reason = verdict.status, verdict.reason

    def verdict(self) -> Verdict:
        fault = self.fault
        if not fault and self.decisive is None:
            fault = f"{SILENT}: {self.silence}"
        if fault:
            return Verdict(
                None, Status.INFRASTRUCTURE, fault, self.values, self.seconds, self.level
            )
        # Rounding aside, the total is between these.
        above = min(max(self.total, self.low), self.high) - self.low
        reward = self.low + self.gates * above
        return Verdict(reward, self.status, self.reason, self.values, self.seconds, self.level)


def _said_by(name: str, reason: str) -> str:
    """With the component's name, which a verifier's own errors begin with."""
    return reason if reason.startswith(f"{name}: ") else f"{name}: {reason}"


class Composite:
    """Grades completions with all components of a config.

        reward = low + (product of gates) * (sum_c weight_c * reward_c - low)
        low    = sum_c weight_c * low_c,   c over the source's components, [low_c, high_c] their
                 ranges; 0 where none has penalties

    The status is that of the accuracy component: the one with the largest weight for the source,
    the first of equals. A component that abstains takes no part in either. When any component has
    no verdict, or none with a weight has a reward, neither has the completion.

    Args:
        plugins: the plug-in files as read elsewhere; None: read config.plugins here.
        sandbox: gives the sandbox of this process to verifiers that run programs; it stays the
            caller's.

    Raises:
        VerifierError: a verifier cannot be made.
        SandboxError: one needs the sandbox, which cannot be started.
    """

    def __init__(
        self,
        config: VerifiersConfig,
        plugins: Sequence[PluginFile] | None = None,
        sandbox: Callable[[], Sandbox] | None = None,
    ) -> None:
        registry = Registry(config.plugins if plugins is None else plugins)
        self.components = [_component(registry, reward, sandbox) for reward in config.rewards]
        if not any(c.weight > 0 and not c.gate for c in self.components):
            raise VerifierError("no reward component has a weight above 0")

    def accuracy_component_for(self, source: str) -> str:
        """The component with the largest weight among those that grade a source.

        Raises:
            VerifierError: no component with a weight grades it.
        """
        paid = [c for c in self.components if c.grades(source) and not c.gate and c.weight > 0]
        if not paid:
            raise VerifierError(f"no reward component grades the source {source!r}")
        return self._accuracy(paid)

    def verify(self, completion: Completion) -> Verdict:
        """Grade one completion, as `grade` does a batch."""
        return self.grade([completion])[0]

    def grade(
        self, batch: Sequence[Completion], asking: Callable[[int], None] = lambda component: None
    ) -> list[Verdict]:
        """Grade completions in order; never raises for the sake of one of them.

        Each component gets all completions of its sources at once, without those that an earlier
        component had no verdict on. `components` of a verdict has each component's reward under
        its name, and what the verifier itself took apart under `name.part`.

        Args:
            asking: told each component's number before it is asked, so that it is known which one
                hangs or crashes.
        """
        sums = [self._begin(completion) for completion in batch]
        for number, component in enumerate(self.components):
            asking(number)
            graded = [component.grades(one.source) for one in batch]
            chosen = [i for i, it_is in enumerate(graded) if it_is and not sums[i].fault]
            asked = [batch[i] for i in chosen]
            verdicts = verify_all(component.verifier, asked, component.bounds)
            for i, verdict in zip(chosen, verdicts, strict=True):
                sums[i].add(component, verdict)
        return [one.verdict() for one in sums]

    def _begin(self, completion: Completion) -> "_Sum":
        try:
            self.accuracy_component_for(completion.source)
        except VerifierError as error:
            return _Sum(fault=str(error))
        return _Sum()

    def close(self) -> None:
        """End the processes that verifiers keep."""
        for component in self.components:
            if isinstance(component.verifier, Closable):
                component.verifier.close()

    @staticmethod
    def _accuracy(components: Sequence[Component]) -> str:
        return max(components, key=lambda component: component.weight).name


def run_self_test(composite: Composite, about_to: Callable[[str], None] = lambda what: None) -> int:
    """Grade every verifier's known cases, as training will; returns how many there were. Reward
    functions of other trainers have none.

    Args:
        about_to: told what comes next, so that it is known where a verifier hangs or crashes.
    Raises:
        VerifierError: a verifier has no cases or gets one wrong; names the verifier, the
            completion, the reward it gave and the one expected.
    """
    count = 0
    for component in composite.components:
        verifier = component.verifier
        if not isinstance(getattr(verifier, "name", None), str):
            kind = type(verifier).__name__
            raise VerifierError(
                f"a {kind} has no name; nearest valid: name = {kind.lower()!r} in its class, at "
                f"{where_of(verifier, 'self_test')}"
            )
        about_to(f"self-test of verifier {verifier.name!r}")
        if isinstance(verifier, RewardFunction):
            continue
        cases = _cases(verifier)
        if not cases:
            raise VerifierError(
                f"verifier {verifier.name!r} has no self-test cases: its `self_test`, at "
                f"{where_of(verifier, 'self_test')}, returns none; expected a list of "
                "(Completion, reward), some right and some wrong"
            )
        texts = [completion.text[:80] for completion, _ in cases]
        about_to(f"self-test of verifier {verifier.name!r}, grading one of {texts}")
        verdicts = verify_all(verifier, [completion for completion, _ in cases])
        for (completion, expected), verdict in zip(cases, verdicts, strict=True):
            low, high = expected if isinstance(expected, tuple) else (expected, expected)
            if verdict.reward is None or not low - 1e-6 <= verdict.reward <= high + 1e-6:
                wanted = f"{low} to {high}" if isinstance(expected, tuple) else str(expected)
                raise VerifierError(
                    f"verifier {verifier.name!r} fails its self-test: completion "
                    f"{completion.text[:200]!r} with expected answer {completion.answer!r} got "
                    f"reward {verdict.reward}, expected {wanted} ({verdict.status}"
                    f"{': ' + verdict.reason if verdict.reason else ''})"
                )
        count += len(cases)
    return count


def _cases(verifier: Verifier) -> Sequence[tuple[Completion, Expectation]]:
    try:
        return verifier.self_test()
    except Exception as error:  # whatever a user's file raises becomes one error that names it
        raise VerifierError(
            f"verifier {verifier.name!r}: its self_test raises {describe(error, file_of(verifier))}"
        ) from error


def _component(
    registry: Registry, reward: RewardConfig, sandbox: Callable[[], Sandbox] | None
) -> Component:
    name = reward.name or reward.verifier
    verifier = registry.create(reward.verifier or name, reward.options, sandbox)
    low, high = reward.range
    if isinstance(verifier, RewardFunction):
        correct_from = high if reward.correct_from is None else reward.correct_from
        verifier = cast(Verifier, replace(verifier, correct_from=correct_from))
    sources = frozenset(reward.sources)
    return Component(name, verifier, reward.weight, reward.gate, sources, (low, high))
