"""Answers that a completion does not mark: its last option, **value**, formula or number.

Each is a text that is read whole by whoever grades it: `10^{-7}`, never its last digits. Only the
end of a text is looked at.
"""

import re

from verifiers.denials import MULTIPLIED, is_denied
from verifiers.math.units import UNIT_NAMES

MAX_CHARS = 3000
"""Characters from the end in which an unmarked answer is looked for."""

_REMARK = re.compile(
    r"^[ \t*_(]{0,9}(?:confidence|certainty|probability|references?|see(?:[ ]also)?|source|note"
    r"|check|verification|verify|time|tokens|difficulty|score|step[ ][0-9]+|page"
    r"|置信度|信心|参考)\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
_ENCLOSED = re.compile(
    r"\$\$(?P<a>[^$]+?)\$\$ | \\\[(?P<b>[\s\S]+?)\\\] | \\\((?P<c>[\s\S]+?)\\\)"
    r"| (?<![\\$])\$(?P<d>(?:\\\$|[^$\n])+?)(?<!\\)\$"
    r"| \\begin\{(?:equation|align)\*?\}(?P<e>[\s\S]+?)\\end\{(?:equation|align)\*?\}",
    re.VERBOSE,
)
_PRICES = re.compile(r"\s|[0-9][0-9,.]*\s+[A-Za-z]{2}")
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
_CHOSEN = re.compile(r"[A-Z](?:\s*,\s*[A-Z])+|\(?[A-J]\)|[A-J]|\(?[A-J](?:[.):]|\)\s)\s*\S.{0,80}")
_OPTION = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?([A-J])\)?(?![A-Za-z])")
_SAID = re.compile(
    r"\bno\s(?:real\s|such\s)?(?:solutions?|values?)\b|\bdoes\snot\sexist\b"
    r"|\binfinitely\smany\b(?:\ssolutions)?|\ball\sreal\snumbers\b",
    re.IGNORECASE,
)
_UNIT = rf"""
    (?:\s+(?:(?:square|cubic|sq|cu)\.?\s+)?(?:{"|".join(sorted(UNIT_NAMES)[::-1])})\b
        (?:\s*(?:/|per\b)\s*[a-zA-Z]+)?(?:\^?\{{?[23]\}}?)?)?
"""
_BRACED = r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*\}"
_CHUNK = rf"""
    (?:\\[A-Za-z]+(?:\s*\[[^\[\]\n]*\])?(?:\s*{_BRACED})* | \\[,;:!%$] | {_BRACED}
        | [0-9](?:[0-9]|[,.](?=[0-9]))* | \.[0-9]+ | \.\.\.
        | [-+*/^=<>!%°√π∞²³¹⁰⁴-⁹⁻½⅓⅔¼¾×·÷−±≤≥≈:|_$€£¥₹′']
        | \((?=[^()\n]*[0-9\\^])[^()\n]*\) | \[(?=[^\[\]\n]*[0-9])[-+0-9a-z,.\s^/*\\∞]*\])
"""
_LETTER = r"(?:(?<![A-Za-z'])(?:[A-Za-z]|sqrt|sin|cos|tan|log|ln|pi)(?![A-Za-z']))"
_RUN = re.compile(
    rf"""
    (?<![\^_{{]) (?![\^_=:|<>*/+!%'] | \.(?![0-9]) | \s)      # no beginning in the middle
    (?: {_CHUNK}
        | (?<=[0-9)}}]) (?:e[+-]?[0-9]+ | {_LETTER} | (?<=[0-9])[a-z](?![A-Za-z]))
        | {_LETTER} (?=\s*[=^_(0-9]) )
    (?: [ \t]? (?: {_CHUNK}
            | {_LETTER} (?=\s*[-+*/^=_()0-9$] | [.,;]?\s*$ | (?<=[0-9)}}]\b)) )
        | (?<=[0-9)}}]) [a-z] (?![A-Za-z]) )*
    {MULTIPLIED} {_UNIT}
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Signs, numbers and letters of one calculation or value, as they stand in plain text."""
_CHANGED_BY = re.compile(
    r"(?:n't|\b(?:not|never|than|twice|thrice|half\s+of|half|double|triple|minus|negative|plus|times"
    r"|under|square\s+of|cube\s+of|root\s+of|neither|nor|between))\s+$",
    re.IGNORECASE,
)
"""Words before a number that make another value of it."""


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
    """The last bold text that is a value, unless a number or formula follows in its paragraph."""
    text = _REMARK.sub("", text[-MAX_CHARS:])
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    has_value = bool(paragraphs) and bool(re.search(r"[0-9$\\]", paragraphs[-1]))
    for found in reversed(list(_BOLD.finditer(text))):
        content = _content(found)
        paragraph_end = text.find("\n\n", found.end())
        rest = text[found.end() : paragraph_end if paragraph_end >= 0 else len(text)]
        if _LABEL.search(content) or rest.lstrip().startswith((":", "：")):
            continue
        words = len(content.split())
        is_value = re.search(r"[0-9$\\½π∞]", content) and words <= 6
        is_word = not has_value and words <= 3 and found.start() > text.rfind("\n\n")
        if is_value or is_word or _CHOSEN.fullmatch(content):
            return None if re.search(r"[0-9]", _without_brackets(rest)) else content
    return None


def said(text: str) -> str | None:
    """That there is no answer, or that all numbers are one, in the last sentence."""
    sentences = [part for part in re.split(r"[.!?\n]+", text[-MAX_CHARS:]) if part.strip()]
    found = _SAID.search(sentences[-1]) if sentences else None
    return found.group() if found and not re.search(r"[0-9]", sentences[-1]) else None


def formula(text: str) -> str | None:
    """The last formula in dollars or brackets, unless a number follows it outside of formulas."""
    text = _REMARK.sub("", text[-MAX_CHARS:])
    found = [match for match in _ENCLOSED.finditer(text) if _is_formula(match, text)]
    if not found or re.search(r"[0-9]", _without_brackets(text[found[-1].end() :])):
        return None
    words = re.match(MULTIPLIED, text[found[-1].end() :], re.IGNORECASE | re.VERBOSE)
    return f"{_content(found[-1])} {words[0].strip() if words else ''}".strip()


def last_number(text: str) -> str | None:
    """The last number of a text with all that belongs to it: `10^6`, `3/4`, `2√3`, `17 dozen`."""
    text = _REMARK.sub("", text[-MAX_CHARS:])
    last = None
    for found in _RUN.finditer(text):
        if re.search(r"[0-9½⅓⅔¼¾π∞]|\\(?:pi|infty)", found.group()):
            before = text[max(0, found.start() - 20) : found.start()]
            changed = _CHANGED_BY.search(before) or is_denied(text, found.start())
            last = None if changed else found.group()
    return last.strip().strip(":|=<>*_'").strip() if last else None


def formulas(text: str) -> list[str]:
    """All formulas of a text, and runs of signs and numbers outside of them."""
    found = [_content(match) for match in _ENCLOSED.finditer(text)]
    return found + [match.group() for match in _RUN.finditer(_ENCLOSED.sub(" ", text))]


def _content(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _without_brackets(text: str) -> str:
    return re.sub(r"\([^()]*\)", "", text)


def _is_formula(match: re.Match[str], text: str) -> bool:
    """Not the text between two prices, and not a lone letter, unless all ends with `is $n$`."""
    content = _content(match)
    in_dollars = match["d"] is not None and _PRICES.match(match["d"])
    if in_dollars and not re.search(r"[\\^_=]", content):
        return False
    if re.search(r"[0-9]|\\[a-zA-Z]|[A-Za-z]\s*[-+*/^=(]", content):
        return True
    is_end = not text[match.end() :].strip(" .\n*")
    return is_end and bool(
        re.search(r"(?:\bis|\bequals|\bbe|\bare|=|:)\s*$", text[: match.start()])
    )
