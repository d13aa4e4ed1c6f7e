"""Answers that a completion does not mark: its last option, **value**, formula or number.

Each is a text that is read whole by whoever grades it: `10^{-7}`, never its last digits. Values of
side remarks give way to that of the main clause (`27 apples, of which 9 are red`). A value that is
denied or only bounded (`it is not 5`, `at least 5`) is no answer, one behind `minus` is negative,
and values that an `or` or a list joins are one answer. Only the end of a text is looked at.
"""

import re

from verifiers.answers.denials import MULTIPLIED
from verifiers.answers.last_numbers import (
    BESIDE,
    MAX_CHARS,
    MAX_REMARKS,
    OPEN,
    RUN,
    are_alike,
    with_sign,
    without_remarks,
)
from verifiers.answers.side_remarks import is_side_remark

_ENCLOSED = re.compile(
    r"(?<!\\)\$\$(?P<a>(?:\\\$|[^$])+?)(?<!\\)\$\$"
    r"| \\\[(?P<b>[\s\S]+?)\\\] | \\\((?P<c>[\s\S]+?)\\\)"
    r"| (?<![\\$])\$(?P<d>(?:\\\$|[^$\n])+?)(?<!\\)\$"
    r"| \\begin\{(?:equation|align|gather|eqnarray|multline)\*?\}(?P<e>[\s\S]+?)"
    r"\\end\{(?:equation|align|gather|eqnarray|multline)\*?\}",
    re.VERBOSE,
)
_LEADS_TO_LETTER = re.compile(
    r"(?:\b(?:is|equals?|be|are|gets?|gives?|obtain|have|yields?|becomes|remains|therefore|thus"
    r"|hence|so|answer|to|by)|=|:|,|^)\s*$",
    re.IGNORECASE,
)
_PRICES = re.compile(r"\s+[A-Za-z]{2}|\s+$|[0-9][0-9,.]*\s+[A-Za-z]{2}")
_BOLD = re.compile(
    r"\*\*(?P<a>[^*\n]+?)\*\* | __(?P<b>[^_\n]+?)__"
    r"| <b>(?P<c>[^<\n]+)</b> | \\textbf\{(?P<d>[^{}]+)\}",
    re.VERBOSE,
)
_LABEL = re.compile(
    r"^\s*(?:step|case|part|option|note|method|way|problem|question|example|section|equation|item)"
    r"\s*[0-9]*\s*[:.)]?\s*$|^\s*[0-9]+[.)]\s*$|[:：]\s*$",
    re.IGNORECASE,
)
_CHOSEN = re.compile(
    r"[A-Z](?:\s*,\s*[A-Z])+|\(?[A-J]\)|\([a-j]\)|[A-J]\.?|\(?[A-J](?:[.):]|\)\s)\s*\S.{0,80}"
)
_OPTION = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?([A-J])\)?(?![A-Za-z])")
_ALIGNED = re.compile(
    r"\s*\\begin\{(?P<name>aligned|align|split|gathered|array)\*?\}(?:\{[lrc ]*\})?"
    r"(?P<rows>[\s\S]*)\\end\{(?P=name)\*?\}[\s.]*"
)
_ROW_END = re.compile(r"\\\\(?:\[[0-9.]+[a-z]{2}\])?")
_ASSIGNED = re.compile(r"(?P<name>[A-Za-z](?:_\{?\w+\}?)?)\s*=[^=A-Za-z]+")
_SAID = re.compile(
    r"\bno\s(?:real\s|such\s)?(?:solutions?|values?)\b|\bdoes\snot\sexist\b|\bDNE\b"
    r"|\binfinitely\smany\b(?:\ssolutions)?|\ball\sreal\snumbers\b",
    re.IGNORECASE,
)


def option(text: str) -> str | None:
    """The option that a last line names: (B), B) 12 cm, so option B is correct."""
    lines = [line.strip(" *_") for line in text[-MAX_CHARS:].splitlines() if line.strip()]
    if not lines:
        return None
    if _CHOSEN.fullmatch(lines[-1]):
        return lines[-1]
    named = set(_OPTION.findall(lines[-1]))
    return named.pop() if len(named) == 1 else None


def bold(text: str) -> str | None:
    """The last bold text that is a value, unless a number or formula follows in its paragraph that
    is no side remark."""
    text = without_remarks(text)
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    has_value = bool(paragraphs) and bool(re.search(r"[0-9$\\]", paragraphs[-1]))
    matches = list(_BOLD.finditer(text))
    following = 0
    for at, found in reversed(list(enumerate(matches))):
        content = _content(found)
        paragraph_end = text.find("\n\n", found.end())
        rest = text[found.end() : paragraph_end if paragraph_end >= 0 else len(text)]
        if _LABEL.search(content) or rest.lstrip().startswith((":", "：")):
            continue
        words = len(content.split())
        is_value = re.search(r"[0-9$\\½π∞]", content) and words <= 6
        is_word = not has_value and words <= 3 and found.start() > text.rfind("\n\n")
        if not (is_value or is_word or _CHOSEN.fullmatch(content)):
            continue
        if "\n\n" in text[found.end() : following]:
            return None
        if not is_side_remark(_without_brackets(rest), "=" in content):
            following = found.start()
            continue
        return _multiplied(_with_beside(matches[: at + 1], text), text, found.end())
    return None


def said(text: str) -> str | None:
    """That there is no answer, or that all numbers are one, in the last sentence."""
    sentences = [part for part in re.split(r"[.!?\n]+", text[-MAX_CHARS:]) if part.strip()]
    found = _SAID.search(sentences[-1]) if sentences else None
    return found.group() if found and not re.search(r"[0-9]", sentences[-1]) else None


def formula(text: str) -> str | None:
    """The last formula in dollars or brackets, unless a number that is no side remark follows it
    outside of formulas."""
    text = without_remarks(text)
    found = [match for match in _ENCLOSED.finditer(text) if _is_formula(match, text)]
    for earlier in found[-2:-MAX_REMARKS:-1]:
        if not is_side_remark(text[earlier.end() :], "=" in earlier.group()):
            break
        found.pop()
    rest = _ENCLOSED.sub("x", text[found[-1].end() :]) if found else ""
    if not found or not is_side_remark(_without_brackets(rest)):
        return None
    value = _with_beside(found, text)
    value = value and _last_row(value)
    return _multiplied(value, text, found[-1].end())


def _multiplied(value: str | None, text: str, end: int) -> str | None:
    """A value with the words behind its marks that multiply it: `**24** million`."""
    words = re.compile(MULTIPLIED, re.IGNORECASE | re.VERBOSE).match(text, end)
    return value and f"{value} {words[0].strip() if words else ''}".strip()


def formulas(text: str) -> list[str]:
    """All formulas of a text, and runs of signs and numbers outside of them."""
    found = [_content(match) for match in _ENCLOSED.finditer(text)]
    return found + [match.group() for match in RUN.finditer(_ENCLOSED.sub(" ", text))]


def _last_row(value: str) -> str:
    """The last line of a derivation with those that it goes on from; a system x = 3, y = 4 whole.

    `x &= 3+4 \\\\ &= 7` is `x = 3+4 = 7`.
    """
    inner = _ALIGNED.fullmatch(value)
    content = inner["rows"] if inner else value
    if "\\begin" in content or "=" not in content or "\\\\" not in content:
        return value
    rows: list[str] = []
    for part in _ROW_END.split(content):
        row = part.replace("&", " ").strip(" \n.,;")
        if rows and row.startswith(("=", "\\approx", "≈")):
            rows[-1] = f"{rows[-1]} {row}"
        elif row:
            rows.append(row)
    named = [_ASSIGNED.fullmatch(row) for row in rows]
    names = {found["name"] for found in named if found}
    return ", ".join(rows) if len(names) == len(rows) else rows[-1] if rows else value


def _content(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _without_brackets(text: str) -> str:
    return re.sub(r"\([^()]*\)", "", text)


def _with_beside(matches: list[re.Match[str]], text: str) -> str | None:
    """The last value with those right before it that it is one answer with, as a list."""
    first = len(matches) - 1
    while first and _are_parts(text, matches[first - 1], matches[first]):
        first -= 1
    value = ", ".join(_content(match) for match in matches[first:])
    return with_sign(value, text, matches[first].start())


def _are_parts(text: str, earlier: re.Match[str], later: re.Match[str]) -> bool:
    between = text[earlier.end() : later.start()]
    if OPEN.fullmatch(between) and "=" not in earlier.group() + later.group():
        return True
    return bool(BESIDE.fullmatch(between)) and are_alike(_content(earlier), _content(later))


def _is_formula(match: re.Match[str], text: str) -> bool:
    """Not the text between two prices, and not a lone letter, unless all ends with `is $n$`."""
    content = _content(match)
    in_dollars = match["d"] is not None and _PRICES.match(match["d"])
    if in_dollars and not re.search(r"[\\^_=]", content):
        return False
    if re.search(r"[0-9]|\\[a-zA-Z]|[A-Za-z]\s*[-+*/^=(]|-\s*[A-Za-z]", content):
        return True
    is_end = not text[match.end() :].strip(" .\n*")
    return is_end and (match["d"] is None or bool(_LEADS_TO_LETTER.search(text[: match.start()])))
