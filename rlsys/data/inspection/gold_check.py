"""Do the verifiers accept the data's own answers? Graded dry, for as many rows as time allows.

What is not accepted will never be rewarded, or only by accident; it is cheaper to find it here
than in a run.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rlsys.data.countdown import is_unsolvable
from rlsys.data.gold import gold_completion
from rlsys.data.rows import Row
from rlsys.data.templates import Prompt
from verifiers.base import Completion, Status, Verdict

Grade = Callable[[Sequence[Completion]], list[Verdict]]

_GOLDEN = (5**0.5 - 1) / 2
_LARGEST_BATCH = 512
_SHORT_S = 0.5
"""A batch that takes less is followed by one of twice its size: numbers take microseconds, the
tests of a repository minutes."""


@dataclass
class GoldCheck:
    """What became of the rows that were looked at."""

    num_rows: int
    """All that could have been looked at."""
    looked_at: int = 0
    accepted: int = 0
    refused: list[tuple[Row, Verdict]] = field(default_factory=list)
    """Rows whose right answer is not found correct, or which cannot be graded at all."""
    unknown: list[Row] = field(default_factory=list)
    """Rows that can be graded, but of which no right answer is known."""
    unsolvable: list[Row] = field(default_factory=list)
    """Puzzles that can be graded, but have no right answer."""


def check_gold(
    rows: Sequence[Row],
    prompts: Sequence[Prompt],
    grade: Grade,
    limit_s: float,
    progress: Callable[[int], None] = lambda looked_at: None,
    now: Callable[[], float] = time.monotonic,
) -> GoldCheck:
    """Grade the right answers of rows, evenly spread over the file, until the time is up.

    Args:
        rows, prompts: [P] each row with its prompt.
        limit_s: seconds; a batch that has begun is finished.
        progress: told how many rows have been looked at.
    """
    check = GoldCheck(len(rows))
    order = sorted(range(len(rows)), key=lambda index: index * _GOLDEN % 1)
    began = last = now()
    size = 1
    while check.looked_at < len(rows) and last - began < limit_s:
        chosen = order[check.looked_at : check.looked_at + size]
        _look_at([rows[i] for i in chosen], [prompts[i] for i in chosen], grade, check)
        progress(check.looked_at)
        at = now()
        size = min(2 * size, _LARGEST_BATCH) if at - last < _SHORT_S else max(1, size // 2)
        last = at
    check.refused.sort(key=lambda pair: (pair[0].file, pair[0].number))
    for rows_without in (check.unknown, check.unsolvable):
        rows_without.sort(key=lambda row: (row.file, row.number))
    return check


def _look_at(
    rows: Sequence[Row], prompts: Sequence[Prompt], grade: Grade, check: GoldCheck
) -> None:
    golds = [gold_completion(row, prompt.text) for row, prompt in zip(rows, prompts, strict=True)]
    verdicts = grade(
        [
            # Where no right answer is known, an empty one shows whether there can be a verdict.
            completion_of(row, prompt, gold or "")
            for row, prompt, gold in zip(rows, prompts, golds, strict=True)
        ]
    )
    for row, gold, verdict in zip(rows, golds, verdicts, strict=True):
        check.looked_at += 1
        if gold is None and verdict.reward is not None:
            (check.unsolvable if is_unsolvable(row.expected) else check.unknown).append(row)
        elif verdict.status is Status.CORRECT:
            check.accepted += 1
        else:
            check.refused.append((row, verdict))


def completion_of(row: Row, prompt: Prompt, text: str) -> Completion:
    """A completion of a row's prompt, as a run would have it graded."""
    return Completion(prompt.text, text, row.expected, json.loads(prompt.info), row.source)
