"""The steps of a chain of thought: what a curriculum leaves out, the first ones first.

<think>first 2*3=6. then 6+1=7.</think>7  ->  without 1 step  ->  <think>then 6+1=7.</think>7
"""

import re

from rlsys.data.demonstrations import Lesson
from rlsys.errors import DataError
from rlsys.markup import END_THINK, THINK

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def steps_of(thinking: str) -> list[str]:
    """The lines of a text that are not empty; the sentences of one line."""
    lines = [line for line in thinking.splitlines(keepends=True) if line.strip()]
    return lines if len(lines) > 1 else [one for one in _SENTENCE.split(thinking) if one.strip()]


def without_first_steps(lesson: Lesson, count: int) -> Lesson:
    """A demonstration whose thinking begins `count` steps later; of a shorter one the tags remain.

    Raises:
        DataError: it has no thinking that could be shortened.
    """
    if not count:
        return lesson
    thinking, closing, answer = lesson.completion.partition(END_THINK)
    if not closing:
        raise DataError(
            f"{lesson.prompt.where}: sft.dropped_steps={count}, but the completion has no "
            f"{END_THINK} that would end a chain of steps"
        )
    before, opening, inside = thinking.rpartition(THINK)
    steps = steps_of(inside)
    between = "" if "\n" in inside.strip() else " "
    kept = between.join(steps[count:])
    return Lesson(lesson.prompt, f"{before}{opening}{kept}{closing}{answer}")
