"""Where the final answer stands in a completion.

Thinking is no answer (rlsys.markup tells it from the rest). The answer is looked for in the last
`<answer>...</answer>`, or in all of the rest where there is none: first the last balanced
`\\boxed{}`, then the line after the last `####`, and last the last number of the text.
"""

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from rlsys.markup import read

_BRACES = re.compile(r"\\boxed\s*\{|\\[\s\S]|[{}]")
_HEADING = re.compile(r"[A-Za-z]{2}|[*#]|[0-9]+[.)]\s+\S")
_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER = re.compile(
    rf"(?:(?<![0-9A-Za-z_.)\]])[-−]?[$€£¥]?)?{_UNSIGNED}(?:\s?/\s?[0-9]+)?(?:\s?%)?"
)


class Marker(StrEnum):
    """What showed where the final answer is."""

    ANSWER = "answer"
    BOXED = "boxed"
    HASHES = "hashes"
    NUMBER = "number"


@dataclass(frozen=True)
class FinalAnswer:
    """The text that the completion gives as its answer."""

    text: str
    marker: Marker


def graded_scope(text: str, prompt: str = "", truncated: bool = False) -> str:
    """Where the final answer is looked for: the last `<answer>`, else all but the thinking."""
    reading = read(text, prompt, truncated)
    return reading.visible if reading.answer is None else reading.answer


def final_answer(text: str, prompt: str = "", truncated: bool = False) -> FinalAnswer | None:
    """The final answer of a completion, or None when it gives none.

    A bare number without any mark-up counts only in a completion that ended by itself: in a
    truncated one it is whatever the calculation had reached.
    """
    reading = read(text, prompt, truncated)
    scope = reading.visible if reading.answer is None else reading.answer
    boxed = last_boxed(scope)
    if boxed is not None:
        return FinalAnswer(boxed.strip(), Marker.BOXED)
    hashes = after_hashes(scope)
    if hashes is not None:
        return FinalAnswer(hashes, Marker.HASHES)
    if reading.answer is not None:
        return FinalAnswer(reading.answer.strip(), Marker.ANSWER)
    number = None if truncated else last_number(scope)
    return None if number is None else FinalAnswer(number, Marker.NUMBER)


def last_boxed(text: str) -> str | None:
    """The content of the last `\\boxed{}` whose braces balance, in one pass over the text."""
    open_braces: list[int | None] = []
    last: tuple[int, int] | None = None
    for token in _BRACES.finditer(text):
        symbol = token.group()
        if symbol == "{":
            open_braces.append(None)
        elif symbol.startswith("\\boxed"):
            open_braces.append(token.end())
        elif symbol == "}" and open_braces:
            begin = open_braces.pop()
            if begin is not None and (last is None or begin > last[0]):
                last = (begin, token.start())
    return None if last is None else text[last[0] : last[1]]


def after_hashes(text: str) -> str | None:
    """The rest of the line after the last `####`, as in GSM8K's solutions.

    None when that line reads like a Markdown heading (`#### Step 3`, `#### 3. Sum up`).
    """
    marker, tail = text.rpartition("####")[1:]
    line = tail.strip().partition("\n")[0].strip()
    return line if marker and line and not _HEADING.match(line) else None


def last_number(text: str) -> str | None:
    """The last number of a text, with its sign, thousands commas, fraction or per cent."""
    last = deque(_NUMBER.finditer(text), maxlen=1)
    return last[0].group().strip() if last else None
