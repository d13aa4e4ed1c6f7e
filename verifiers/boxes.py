"""Boxed answers: `\\boxed{5}` in every spelling, and several boxes that are parts of one answer."""

import re

_BOX = r"(?:\\{1,2}|(?<![A-Za-z]))(?:boxed|fbox|framebox)(?![A-Za-z])\s*"
_BRACES = re.compile(rf"{_BOX}\{{|\\[\s\S]|[{{}}]")
_BARE = re.compile(
    r"\\{1,2}(?:boxed|fbox)(?![A-Za-z{])\s*"
    r"(?P<content>\\[A-Za-z]+\s*(?:\[[^\[\]{}]*\])?(?:\s*\{(?:[^{}]|\{[^{}]*\})*\})*[0-9]*"
    r"|\([^()$]*\)|[^\s${}\\,;]+)"
)
_JOINT = re.compile(
    r"(?:[\s$~]|\\[,;:! ]|\\q?quad|\\text\s*\{[\s,]*(?:or|and)\s*\}|\\[()\[\]]|\\\\)*"
    r"(?P<separator>(?:[,;，；、&]|\b(?:or|and)\b|或者?|和|以及|\\text\s*\{[\s,]*(?:or|and)[\s,]*\}|\\(?:lor|land)\b)"
    r"(?:[\s,$~]|\\[,;:! ]|\\q?quad|\b(?:or|and)\b|\\[()\[\]])*)"
    r"(?:[A-Za-z](?:_\{?[A-Za-z0-9]+\}?)?(?:\([a-z0-9]\))?\s*(?:=|\\in)\s*)?[\s$]*"
)
_MAX_JOINT_CHARS = 100
_PLACEHOLDER = re.compile(
    r"(?:\.{2,}|…|\\l?dots|\\cdots?|_+|\?|\s"
    r"|(?:\\text\s*\{)?(?:your |the |final )*"
    r"(?:answer|result|number|value|expression|letter|choice|option)(?: here)?\}?)*",
    re.IGNORECASE,
)


def last_boxed(text: str) -> str | None:
    """The content of the last box; of several that are parts of one answer, joined by commas.

    `x = \\boxed{4} or x = \\boxed{9}` is one answer, `4, 9`; `\\boxed{4}. No: \\boxed{9}` is 9. A
    box without braces holds one command with its arguments, or what stands there up to white
    space. Boxes that hold nothing, or quote the instruction (`\\boxed{answer}`), do not count.
    """
    boxes = [box for box in _boxes(text) if not _PLACEHOLDER.fullmatch(box[2].strip())]
    if not boxes:
        return None
    parts = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        between = parts[0][0] - box[1]
        if between > _MAX_JOINT_CHARS or not _JOINT.fullmatch(text, box[1], parts[0][0]):
            break
        parts.insert(0, box)
    return ", ".join(content.strip() for _, _, content in parts) if parts[1:] else parts[0][2]


def _boxes(text: str) -> list[tuple[int, int, str]]:
    """Begin, end and content of the innermost boxes, in order; one pass over the braces."""
    if "box" not in text:
        return []
    open_braces: list[tuple[int, int] | None] = []
    found: list[tuple[int, int, str]] = []
    for token in _BRACES.finditer(text):
        symbol = token.group()
        if symbol == "{":
            open_braces.append(None)
        elif symbol.endswith("{") and "box" in symbol:
            open_braces.append((token.start(), token.end()))
        elif symbol == "}" and open_braces:
            opened = open_braces.pop()
            if opened is not None:
                _keep(found, opened, token, text)
    found += [(m.start(), m.end(), m["content"].rstrip(".:")) for m in _BARE.finditer(text)]
    return sorted(found)


def _keep(
    found: list[tuple[int, int, str]], opened: tuple[int, int], end: re.Match[str], text: str
) -> None:
    """A box around another one adds nothing, unless it only dresses it up."""
    begin, content = opened
    inside = [box for box in found[-1:] if box[0] > begin]
    if inside:
        found[-1] = (begin, end.end(), inside[0][2])
    else:
        found.append((begin, end.end(), text[content : end.start()]))
