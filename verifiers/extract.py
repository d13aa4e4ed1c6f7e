"""Where the final answer stands in a completion: the one place that reads its mark-up.

A completion is reasoning, then the rest. The final answer is looked for in the rest only:
`<answer>...</answer>` first, inside it (or in the whole rest when there is none) the last balanced
`\\boxed{}`, the line after the last `####`, and last the last number of the text.
"""

import re
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

THINK, END_THINK = "<think>", "</think>"
ANSWER, END_ANSWER = "<answer>", "</answer>"

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
class Sections:
    """A completion split at its tags."""

    reasoning: str | None
    """Text inside `<think>`, tags removed; None when the completion has none."""
    rest: str
    """What follows the reasoning; empty when the reasoning never ends."""
    answer: str | None
    """Text inside the last `<answer>` of the rest; None when there is none."""


@dataclass(frozen=True)
class FinalAnswer:
    """The text that the completion gives as its answer."""

    text: str
    marker: Marker


def split(text: str, prompt: str = "", truncated: bool = False) -> Sections:
    """Split a completion into reasoning, rest and answer; never raises.

    The reasoning ends at the last `</think>`. It counts as begun when the prompt ends with an open
    `<think>`. Reasoning that never ends has no answer, unless the text ends with a closed
    `<answer>` section: models that are not yet tuned to the template often forget `</think>`.

    Args:
        prompt: what the completion continues.
        truncated: the completion was cut at its token limit, so an `<answer>` that is still open is
            not an answer. Otherwise it is: samplers remove the stop text `</answer>`.
    """
    opened = prompt.rstrip().endswith(THINK)
    reasoning, end, rest = text.rpartition(END_THINK)
    if not end:
        if not opened and THINK not in text:
            return Sections(None, text, _last_answer(text, truncated))
        reasoning, rest = _unfinished(text)
    if not opened and THINK in reasoning:
        reasoning = reasoning.partition(THINK)[2]
    reasoning = reasoning.replace(THINK, "").replace(END_THINK, "")
    return Sections(reasoning, rest, _last_answer(rest, truncated))


def final_answer(text: str, prompt: str = "", truncated: bool = False) -> FinalAnswer | None:
    """The final answer of a completion, or None when it gives none.

    A bare number without any mark-up counts only in a completion that ended by itself: in a
    truncated one it is whatever the calculation had reached.
    """
    sections = split(text, prompt, truncated)
    scope = sections.rest if sections.answer is None else sections.answer
    boxed = last_boxed(scope)
    if boxed is not None:
        return FinalAnswer(boxed.strip(), Marker.BOXED)
    hashes = after_hashes(scope)
    if hashes is not None:
        return FinalAnswer(hashes, Marker.HASHES)
    if sections.answer is not None:
        return FinalAnswer(sections.answer.strip(), Marker.ANSWER)
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


def _unfinished(text: str) -> tuple[str, str]:
    if text.rstrip().endswith(END_ANSWER):
        begin = text.rfind(ANSWER)
        if begin >= 0:
            return text[:begin], text[begin:]
    return text, ""


def _last_answer(rest: str, truncated: bool) -> str | None:
    begin = rest.rfind(ANSWER)
    end = rest.find(END_ANSWER, begin) if begin >= 0 else -1
    if begin >= 0 and end < 0:
        if not truncated:
            return rest[begin + len(ANSWER) :]
        end = rest.rfind(END_ANSWER, 0, begin)
        begin = rest.rfind(ANSWER, 0, max(end, 0))
    return rest[begin + len(ANSWER) : end] if begin >= 0 else None
