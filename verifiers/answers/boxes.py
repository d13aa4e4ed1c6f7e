"""Boxed answers: `\\boxed{5}` in every spelling, and several boxes that are parts of one answer."""

import re
from bisect import bisect_left

from verifiers.answers.box_surroundings import Box, with_surroundings
from verifiers.answers.denials import is_negated, is_refuted

_BOX = r"(?:\\{1,2}|(?<![A-Za-z]))(?:boxed|fbox|framebox)(?![A-Za-z])\s*"
_BRACES = re.compile(rf"{_BOX}\{{|\\[\s\S]|[{{}}]")
_BARE = re.compile(
    r"\\{1,2}(?:boxed|fbox)(?![A-Za-z{])\s*"
    r"(?P<content>\\[A-Za-z]+\s*(?:\[[^\[\]{}]*\])?(?:\s*\{(?:[^{}]|\{[^{}]*\})*\})*[0-9]*"
    r"|\([^()$]*\)|[^\s${}\\,;]+)"
)
_OR = r"(?:or|and)(?:\s+(?:perhaps|maybe|possibly|probably|else|even|rather|also))?"
_ITEM = r"(?:[-*•]|\([a-z0-9]\)|[a-z]\))[ \t]"
_JOINT = re.compile(
    r"(?:[\s$~]|\\[,;:! ]|\\q?quad|\\text\s*\{[\s,]*(?:or|and)\s*\}|\\[()\[\]]|\\\\)*"
    rf"(?P<separator>(?:[,;，；、&]|(?<=\n){_ITEM}|\b{_OR}\b|或者?|和|以及|\\text\s*\{{[\s,]*{_OR}[\s,]*\}}|\\(?:lor|land)\b)"
    rf"(?:[\s,$~]|\\[,;:! ]|\\q?quad|\b{_OR}\b|\\[()\[\]])*)"
    r"(?:[A-Za-z](?:_\{?[A-Za-z0-9]+\}?)?(?:\([a-z0-9]\))?\s*(?:=|\\in)\s*)?[\s$]*"
)
_MAX_JOINT_CHARS = 100
_MAX_BOXES = 200
"""Boxes that are looked at, from the last one back."""
_OPERATOR = re.compile(r"[ \t]*(?P<operator>[-−+*/÷×]|\\(?:cdot|times|div)(?![A-Za-z]))[ \t]*")
_PLACEHOLDER = re.compile(
    r"(?:[.…_?\s]|\\(?:l?dots|cdots?|_)(?![A-Za-z])|(?:\\text\s*\{)?(?:(?:your|the|final) )*+"
    r"(?:answer|result|number|value|expression|letter|choice|option)(?: here)?\}?)*+",
    re.IGNORECASE,
)


def last_boxed(text: str) -> str | None:
    """The value of the last box; of several that are parts of one answer, joined by commas.

    `x = \\boxed{4} or x = \\boxed{9}` is one answer, `4, 9`, and so is a choice that is left open,
    `\\boxed{4} or perhaps \\boxed{9}`; `\\boxed{4}. No: \\boxed{9}` is 9. What stands around a box
    may belong to its value: `$-\\boxed{5}$` is -5 and `\\boxed{5}` million is 5 million. A box
    around others is read without their frames. A box without braces holds one command with its
    arguments, or what stands there up to white space. Boxes that hold nothing, quote the
    instruction (`\\boxed{answer}`) or are denied (`it is not \\boxed{5}`) do not count.
    """
    parts: list[Box] = []
    for box in reversed(_boxes(text)[-_MAX_BOXES:]):
        if _PLACEHOLDER.fullmatch(box.content.strip()):
            continue
        if is_negated(text, box.begin) or is_refuted(text, box.end):
            if parts:
                break
            continue
        box = with_surroundings(text, box)
        if not parts:
            parts.append(box)
            continue
        following = parts[-1]
        operator = _OPERATOR.fullmatch(text, box.end, following.begin)
        if operator:
            content = f"({box.content}) {operator['operator']} ({following.content})"
            parts[-1] = Box(box.begin, following.end, content)
        elif _are_joint(text, box.end, following.begin):
            parts.append(box)
        else:
            break
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0].content
    return ", ".join(part.content.strip() for part in reversed(parts))


def _are_joint(text: str, end: int, begin: int) -> bool:
    between = begin - end
    return between <= _MAX_JOINT_CHARS and bool(_JOINT.fullmatch(text, end, begin))


def _boxes(text: str) -> list[Box]:
    """The outermost boxes, in order; one pass over the braces."""
    if "box" not in text:
        return []
    open_braces: list[tuple[int, int] | None] = []
    found: list[tuple[int, int, int, int]] = []
    frames: list[tuple[int, int]] = []
    for token in _BRACES.finditer(text):
        symbol = token.group()
        if symbol == "{":
            open_braces.append(None)
        elif symbol.endswith("{") and "box" in symbol:
            open_braces.append((token.start(), token.end()))
        elif symbol == "}" and open_braces:
            opened = open_braces.pop()
            if opened is not None:
                while found and found[-1][0] > opened[0]:
                    found.pop()
                found.append((*opened, *token.span()))
                frames += [opened, token.span()]
    frames.sort()
    boxes = [Box(begin, end, _unframed(text, a, b, frames)) for begin, a, b, end in found]
    bare = [Box(m.start(), m.end(), m["content"].rstrip(".:")) for m in _BARE.finditer(text)]
    return sorted(boxes + bare)


def _unframed(text: str, begin: int, end: int, frames: list[tuple[int, int]]) -> str:
    """A part of the text without the frames of the boxes in it."""
    pieces = []
    for at in range(bisect_left(frames, (begin, 0)), bisect_left(frames, (end, 0))):
        frame_begin, frame_end = frames[at]
        pieces.append(text[begin:frame_begin])
        begin = frame_end
    return "".join(pieces) + text[begin:end]
