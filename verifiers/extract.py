"""Where the final answer stands in a completion: one rule, for training, evaluation and votes.

Thinking is no answer (rlsys.markup tells it from the rest). The answer is looked for in the last
`<answer>...</answer>`, or in all of the rest where there is none, up to where the model asks itself
a next question. What the text denies there (`it is not 5`) does not count. The first of these that
is there gives it:

    boxed      the last `\\boxed{}` with the sign, factor or `million` beside it; several that are
               parts of one answer are joined by commas
    hashes     the line after the last `####`
    stated     what the last `the answer is` states, in English or Chinese
    answer     the whole `<answer>`
    choice     a last line that names an option: (B), B) 12 cm, so option B is correct
    bold       the last **value**
    said       a last sentence that says there is no solution, or that it is all real numbers
    formula    the last formula in dollars or brackets
    number     the last number that is of no side remark, with all that belongs to it
    word       a name or yes or no that a last sentence without numbers concludes with, before
               formulas; else, in a text without numbers, what the last sentence says that it is
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from rlsys.markup import read
from verifiers.answers import last_numbers, last_values, last_words, statements
from verifiers.answers.boxes import last_boxed

_CALCULATED = re.compile(r"<<[^<>\n]*>>")
"""What GSM8K's calculator was told: <<9*2=18>>."""
_STEP_HEADING = re.compile(r"[A-Za-z]{2}|[*#]|[0-9]+[.)]\s+\S")


class Marker(StrEnum):
    """What showed where the final answer is."""

    BOXED = "boxed"
    HASHES = "hashes"
    STATED = "stated"
    ANSWER = "answer"
    CHOICE = "choice"
    BOLD = "bold"
    SAID = "said"
    FORMULA = "formula"
    NUMBER = "number"
    WORD = "word"


@dataclass(frozen=True)
class FinalAnswer:
    """The text that the completion gives as its answer."""

    text: str
    marker: Marker

    @property
    def marked(self) -> bool:
        """The completion says that this is its answer, instead of only ending with it."""
        return self.marker in (Marker.BOXED, Marker.HASHES, Marker.STATED, Marker.ANSWER)


def graded_scope(text: str, prompt: str = "", truncated: bool = False) -> str:
    """Where the final answer is looked for: the last `<answer>`, else all but the thinking."""
    reading = read(text, prompt, truncated)
    return reading.visible if reading.answer is None else reading.answer


def final_answer(text: str, prompt: str = "", truncated: bool = False) -> FinalAnswer | None:
    """The final answer of a completion, or None when it gives none.

    In a completion that was cut off, only what is complete counts: a closed box, a closed
    `<answer>`, a statement or a line after `####` that does not run into the end.
    """
    reading = read(text, prompt, truncated)
    scope = reading.visible if reading.answer is None else reading.answer
    end = _answered_before(scope)
    if end is not None:
        scope, truncated = scope[:end], False
    marked = _marked(scope, truncated)
    if marked is not None:
        return marked
    if reading.answer is not None:
        return FinalAnswer(reading.answer.strip(), Marker.ANSWER)
    return None if truncated else unmarked(scope)


def unmarked(text: str) -> FinalAnswer | None:
    """The last bold value, formula, number or word of a text."""
    for marker, find in _UNMARKED:
        found = find(text)
        if found:
            return FinalAnswer(found, marker)
    return None


def after_hashes(text: str, truncated: bool = False) -> str | None:
    """The rest of the line after the last `####`, as in GSM8K's solutions.

    None when that line reads like a Markdown heading (`#### Step 3`, `#### 3. Sum up`) over
    something, or was cut off.
    """
    marker, tail = text.rpartition("####")[1:]
    line, ended, below = tail.lstrip().partition("\n")
    line = _CALCULATED.sub("", line).strip()
    if not marker or not line or (truncated and not ended):
        return None
    if _STEP_HEADING.match(line) and (below.strip() or len(line.split()) > 4 or line.endswith(":")):
        return None
    return line


def _answered_before(scope: str) -> int | None:
    """Where the model asks itself a next question after it has answered this one.

    A line that takes the answer back (`Problem: that is wrong`) is no next question. Neither is one
    that asks nothing (`Input: 3`) between a stated answer, which may be one of a case, and a box.
    Each part between two questions is looked at once.
    """
    answered, done = None, 0
    has_box = last_boxed(scope) is not None
    for begin in statements.questions(scope):
        answered = _marked(scope[done:begin], truncated=False) or answered
        done = begin
        if answered is not None and statements.takes_back(scope, begin):
            answered = None
        weak = answered is not None and answered.marker is Marker.STATED and has_box
        if answered is not None and (not weak or statements.asks(scope, begin)):
            return begin
    return None


def _marked(scope: str, truncated: bool) -> FinalAnswer | None:
    """An answer that is marked as one."""
    boxed = last_boxed(scope)
    if boxed is not None:
        return FinalAnswer(boxed.strip(), Marker.BOXED)
    hashes = after_hashes(scope, truncated)
    if hashes is not None:
        return FinalAnswer(hashes, Marker.HASHES)
    stated = statements.stated(scope, truncated)
    return None if stated is None else FinalAnswer(stated, Marker.STATED)


_UNMARKED = (
    (Marker.CHOICE, last_values.option),
    (Marker.BOLD, last_values.bold),
    (Marker.SAID, last_values.said),
    (Marker.WORD, last_words.concluded),
    (Marker.FORMULA, last_values.formula),
    (Marker.NUMBER, last_numbers.last_number),
    (Marker.WORD, last_words.word),
)
