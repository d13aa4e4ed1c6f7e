"""What a verifier is: a pure question about one answer, and the verdict it returns."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Status(StrEnum):
    """What was found out about an answer. All but INFRASTRUCTURE are verdicts with a reward."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNPARSABLE = "unparsable"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    REJECTED = "rejected"
    INFRASTRUCTURE = "infrastructure"


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


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one completion. reward is in [0, 1], None for INFRASTRUCTURE."""

    reward: float | None
    status: Status
    reason: str = ""
    components: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.reward is None) != (self.status is Status.INFRASTRUCTURE):
            raise ValueError(f"status {self.status} does not go with reward {self.reward}")
        if self.reward is not None and not 0.0 <= self.reward <= 1.0:
            raise ValueError(f"reward {self.reward} is outside [0, 1]")


class Verifier(Protocol):
    """Grades one completion. Wrong answers are verdicts; an exception means a broken verifier."""

    name: str

    def verify(self, completion: Completion) -> Verdict: ...

    def self_test(self) -> list[tuple[Completion, float]]:
        """Known completions and the rewards that they must get, graded before training."""
        ...
