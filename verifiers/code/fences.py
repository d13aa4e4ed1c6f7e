"""Fenced blocks of a completion (Markdown's, read kindly), by regular expressions alone.

An opening fence is three or more backticks or tildes, indented or behind a list's marker, with a
language or none. The block goes to the first fence of the same sign that is as long and names no
language, unless it stands inside a triple-quoted string that a later one closes. A fence that names
a language ends a block that was never closed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(
    r"^(?P<indent>[ \t]*(?:(?:[-*+]|[0-9]{1,3}[.)])[ \t]+)?)(?P<fence>`{3,}+|~{3,}+)[ \t]*+"
    r"(?P<word>[{.]*+[\w+#-][\w+.#-]*+)?[^\n`]*+$",
    re.MULTILINE,
)
"""Possessive: a line of 40,000 tildes that ends in a backtick would else take half a minute."""
_PYTHON = re.compile(r"[{.]*(?:python|py)[0-9.]*", re.IGNORECASE)
_PAGE = ("markdown", "md")
"""Languages of a fence around a whole answer, whose own fences count."""
_LITERAL = re.compile(
    r"(?P<triple>\"\"\"|''')(?:(?!(?P=triple))(?:\\.|[^\\]))*(?P<end>(?P=triple))?"
    r"|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|#[^\n]*",
    re.DOTALL,
)
_MOST_ENDS = 8
"""Closing fences that are tried for one block."""


@dataclass(frozen=True)
class Page:
    """A completion taken apart at its fences."""

    tagged: list[str]
    """Blocks of Python, in order; blank ones are left out, as in the next."""
    untagged: list[str]
    """Blocks of no named language."""
    pieces: list[str]
    """What stands between fences, outside blocks of other languages and of Python."""


def take_apart(text: str, truncated: bool = False) -> Page:
    """The page of a text.

    Args:
        truncated: the completion was cut at its token limit, so a block that is still open is not
            a program. Otherwise it is: samplers remove a stop text such as the closing fence.
    """
    page = Page([], [], [])
    fences = [f for f in _FENCE.finditer(text) if (f["word"] or "").lower() not in _PAGE]
    place, number = 0, 0
    while number < len(fences):
        opening = fences[number]
        page.pieces.append(text[place : opening.start()])
        begin = min(opening.end() + 1, len(text))
        last = _last_fence(text, fences, number)
        end = len(text) if last is None else fences[last].start()
        body = _without_indent(text[begin:end], len(opening["indent"].expandtabs(4)))
        is_whole = last is not None or not truncated
        if opening["word"] is None:
            if is_whole:
                page.untagged.append(body)
            page.pieces.append(text[begin:end])
        elif _PYTHON.fullmatch(opening["word"]) and is_whole:
            page.tagged.append(body)
        if last is None:
            place = len(text)
            break
        closes = fences[last]["word"] is None
        place = min(fences[last].end() + 1, len(text)) if closes else fences[last].start()
        number = last + closes
    page.pieces.append(text[place:])
    return Page(*(list(filter(str.strip, texts)) for texts in vars(page).values()))


def _last_fence(text: str, fences: list[re.Match[str]], opening: int) -> int | None:
    """The number of the fence that ends a block; None where none does."""
    begin, mark = fences[opening].end() + 1, fences[opening]["fence"]
    first = None
    for number in _ends(fences, opening, mark):
        if not _is_inside_string(text[begin : fences[number].start()]):
            return number
        first = number if first is None else first
    return first


def _ends(fences: list[re.Match[str]], opening: int, mark: str) -> Iterator[int]:
    found = 0
    for number in range(opening + 1, len(fences)):
        fence = fences[number]["fence"]
        if fence[0] == mark[0] and len(fence) >= len(mark):
            yield number
            found += 1
        if found == _MOST_ENDS:
            return


def _is_inside_string(code: str) -> bool:
    """Whether a triple-quoted string is still open at the end of code."""
    return any(m["triple"] and m["end"] is None for m in _LITERAL.finditer(code))


def _without_indent(text: str, width: int) -> str:
    return re.sub(rf"^[ \t]{{1,{width}}}", "", text, flags=re.MULTILINE) if width else text
