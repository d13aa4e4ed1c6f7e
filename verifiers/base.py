"""What a verifier is: a pure question about an answer, and the verdict it returns."""

import dataclasses
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from rlsys.errors import RlsysError
from rlsys.faults import describe, shorten
from verifiers.faults import file_of, where_of

_FAULT_CHARS = 1000


class Status(StrEnum):
    """What was found out about an answer. All but the last two are verdicts with a reward."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSABLE = "unparsable"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    REJECTED = "rejected"
    ABSTAINED = "abstained"
    """One component has nothing to say of it; the others decide."""
    INFRASTRUCTURE = "infrastructure"


UNGRADED = frozenset((Status.ABSTAINED, Status.INFRASTRUCTURE))
"""Statuses without a reward."""


@dataclass(frozen=True)
class Completion:
    """One answer to grade, with what is known of its prompt."""

    prompt: str
    text: str
    answer: Any
    """The expected answer, decoded from the prompt's JSON; its type is the data set's own."""
    info: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    finish_reason: str = "stop"
    """stop, or length when the answer was cut off at its token limit."""
    reasoning_tokens: int = 0
    """Thinking tokens, counted from ids; the thinking's tags belong to it."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one completion. reward is None for UNGRADED, else in the range that
    the config declares for its component, [0, 1] where it declares none."""

    reward: float | None
    status: Status
    reason: str = ""
    components: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    level: str = ""
    """How isolated the program ran that was graded; empty where none ran."""

    def __post_init__(self) -> None:
        if (self.reward is None) != (self.status in UNGRADED):
            raise ValueError(f"status {self.status} does not go with reward {self.reward}")
        if self.reward is not None and not math.isfinite(self.reward):
            raise ValueError(f"reward {self.reward} is no finite number")


Expectation = float | tuple[float, float]
"""The reward that a known completion must get, or the lowest and the highest that it may get."""


class Verifier(Protocol):
    """Grades one completion. Wrong answers are verdicts; an exception means a broken verifier."""

    name: str

    def verify(self, completion: Completion) -> Verdict: ...

    def self_test(self) -> Sequence[tuple[Completion, Expectation]]:
        """Known completions and the rewards that they must get, graded before training."""
        ...


@runtime_checkable
class BatchVerifier(Protocol):
    """A verifier that is faster on many completions at once, such as one that asks a model."""

    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """One verdict for each completion, in order; an exception means a broken verifier."""
        ...


class InBatches(ABC):
    """A BatchVerifier for which one completion is a batch of one."""

    def verify(self, completion: Completion) -> Verdict:
        """Grade one completion, as `verify_all` does many."""
        return self.verify_all([completion])[0]

    @abstractmethod
    def verify_all(self, completions: Sequence[Completion]) -> list[Verdict]:
        """See BatchVerifier."""


Bounds = tuple[float, float]


def verify_all(
    verifier: Verifier, completions: Sequence[Completion], bounds: Bounds = (0.0, 1.0)
) -> list[Verdict]:
    """Verdicts of any verifier, broken ones included: in one call when it takes batches, else
    one by one.

    An exception says that the verifier failed, not that the answer is wrong: its completions get
    no reward at all, and their status is counted. So does a reward outside `bounds`. `seconds` is
    filled in where the verifier left it at 0; a batch's time is shared out evenly.
    """
    if completions and isinstance(verifier, BatchVerifier):
        verdicts = _timed(verifier, lambda: verifier.verify_all(completions), len(completions))
    else:
        verdicts = [
            _timed(verifier, lambda one=one: [verifier.verify(one)], 1)[0]  # type: ignore[misc]
            for one in completions
        ]
    return [_within(verdict, bounds, verifier) for verdict in verdicts]


def _within(verdict: Verdict, bounds: Bounds, verifier: Verifier) -> Verdict:
    """The verdict, if its reward is one that was declared."""
    low, high = bounds
    slack = 1e-6  # rewards are float32 elsewhere
    if verdict.reward is None or low - slack <= verdict.reward <= high + slack:
        return verdict
    fault = (
        f"returned the reward {verdict.reward:g}, outside [{low:g}, {high:g}], at "
        f"{where_of(verifier)}; the range of a component is declared as `range` in "
        "verifiers.rewards"
    )
    return Verdict(None, Status.INFRASTRUCTURE, fault, seconds=verdict.seconds)


def _timed(verifier: Verifier, call: Callable[[], Any], count: int) -> list[Verdict]:
    began = time.perf_counter()
    try:
        verdicts, fault = call(), ""
    except RlsysError as error:
        verdicts, fault = [], str(error)
    except Exception as error:  # whatever a verifier raises must not end the worker
        verdicts, fault = [], describe(error, file_of(verifier))
    if not fault:
        fault = _fault(verifier, verdicts, count)
    if fault:
        verdicts = [Verdict(None, Status.INFRASTRUCTURE, fault[:_FAULT_CHARS])] * count
    share = (time.perf_counter() - began) / max(1, count)
    return [v if v.seconds else dataclasses.replace(v, seconds=share) for v in verdicts]


def _fault(verifier: Verifier, verdicts: Any, count: int) -> str:
    """What is wrong with what it returned; whoever composes verifiers puts its name before that."""
    place = where_of(verifier)
    if not isinstance(verdicts, list) or len(verdicts) != count:
        return f"expected a list of {count} verdicts, got a {type(verdicts).__name__}, at {place}"
    for verdict in verdicts:
        if not isinstance(verdict, Verdict):
            shown = shorten(repr(verdict), 60)
            return f"returned a {type(verdict).__name__}, not a Verdict: {shown}, at {place}"
    return ""
