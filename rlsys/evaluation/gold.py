"""Is a benchmark graded right? Its own gold answers must get everything, empty ones nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rlsys.data.gold import gold_completion
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt
from verifiers.base import Completion, Status, Verdict

Grade = Callable[[Sequence[Completion]], list[Verdict]]


@dataclass(frozen=True)
class GoldReport:
    """How the known answers of a benchmark fared."""

    problems: int
    without_gold: int
    """Rows that bring no answer that could be written down."""
    right: int
    empty_right: int
    exceptions: list[str] = field(default_factory=list)
    """Where each gold answer lies that was not right, and why."""

    def __str__(self) -> str:
        known = self.problems - self.without_gold
        empty = f"{self.empty_right} of {self.problems} empty ones"
        if not known:
            return f"no row brings a gold answer; {empty} are right"
        missing = f"; {self.without_gold} rows bring none" if self.without_gold else ""
        return f"{self.right} of {known} gold answers are right{missing}, {empty}"

    @property
    def passed(self) -> bool:
        """Every gold answer is right and no empty one is."""
        return not self.exceptions and not self.empty_right


def check_gold(rows: Sequence[Row], prompts: Sequence[Prompt], grade: Grade) -> GoldReport:
    """Grade gold and empty answers.

    Args:
        rows, prompts: [P] each row with its prompt.
        grade: as training and evaluation grade.
    """
    written = [gold_completion(r, p.text) for r, p in zip(rows, prompts, strict=True)]
    known = [
        (row, _completion(prompt, text))
        for row, prompt, text in zip(rows, prompts, written, strict=True)
        if text is not None
    ]
    verdicts = grade([completion for _, completion in known])
    empty = grade([_completion(prompt, "") for prompt in prompts])
    return GoldReport(
        problems=len(rows),
        without_gold=len(rows) - len(known),
        right=sum(v.status is Status.CORRECT for v in verdicts),
        empty_right=sum(v.status is Status.CORRECT for v in empty),
        exceptions=[
            f"{row.where}: {verdict.status}: {verdict.reason}"
            for (row, _), verdict in zip(known, verdicts, strict=True)
            if verdict.status is not Status.CORRECT
        ],
    )


def _completion(prompt: Prompt, text: str) -> Completion:
    expected, info = json.loads(prompt.expected), json.loads(prompt.info)
    return Completion(prompt.text, text, expected, info, prompt.source)
