"""Answers that a completion does not mark: its last option, **value**, formula or number.

Each is a text that is read whole by whoever grades it: `10^{-7}`, never its last digits. Values of
side remarks give way to that of the main clause (`27 apples, of which 9 are red`). A value that is
denied or only bounded (`it is not 5`, `at least 5`) is no answer, one behind `minus` is negative,
and values that an `or` or a list joins are one answer. Only the end of a text is looked at.
"""

import re

from verifiers.denials import BOUNDED, MULTIPLIED, is_denied
from verifiers.math.units import UNIT_NAMES
from verifiers.side_remarks import is_side_remark

MAX_CHARS = 3000
"""Characters from the end in which an unmarked answer is looked for."""
_MAX_REMARKS = 12
"""Numbers, from the last one back, that may be those of side remarks."""

_REMARK = re.compile(
    r"^[ \t*_(#>]{0,9}(?:(?:to|let\s(?:us|me)|let['’]s)\s(?:double[- ])?(?:verify|check|confirm)"
    r"|confidence|certainty|probability|references?|see(?:[ ]also)?|source|note"
    r"|check|verification|verify|time|tokens|difficulty|score|step[ ][0-9]+|page"
    r"|置信度|信心|参考)\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
_ENCLOSED = re.compile(
    r"(?<!\\)\$\$(?P<a>(?:\\\$|[^$])+?)(?<!\\)\$\$"
    r"| \\\[(?P<b>[\s\S]+?)\\\] | \\\((?P<c>[\s\S]+?)\\\)"
    r"| (?<![\\$])\$(?P<d>(?:\\\$|[^$\n])+?)(?<!\\)\$"
    r"| \\begin\{(?:equation|align)\*?\}(?P<e>[\s\S]+?)\\end\{(?:equation|align)\*?\}",
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
_CHOSEN = re.compile(r"[A-Z](?:\s*,\s*[A-Z])+|\(?[A-J]\)|[A-J]|\(?[A-J](?:[.):]|\)\s)\s*\S.{0,80}")
_OPTION = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?([A-J])\)?(?![A-Za-z])")
_SAID = re.compile(
    r"\bno\s(?:real\s|such\s)?(?:solutions?|values?)\b|\bdoes\snot\sexist\b"
    r"|\binfinitely\smany\b(?:\ssolutions)?|\ball\sreal\snumbers\b",
    re.IGNORECASE,
)
_UNIT = rf"""
    (?:\s+(?:(?:square|cubic|sq|cu)\.?\s+)?(?:{"|".join(sorted(UNIT_NAMES)[::-1])})\b(?<!\sin(?=\s[a-z0-9]))
        (?:\s*(?:/|per\b)\s*[a-zA-Z]+)?(?:\^?\{{?[23]\}}?)?)?
"""
_BRACED = r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*\}"
_CHUNK = rf"""
    (?:\\[A-Za-z]+(?:\s*\[[^\[\]\n]*\])?(?:\s*{_BRACED})* | \\[,;:!%$] | {_BRACED}
        | [0-9](?:[0-9]|[,.](?=[0-9]))* | \.[0-9]+ | \.\.\.
        | [-+*/^=<>!%°√π∞²³¹⁰⁴-⁹⁻½⅓⅔¼¾×·÷−±≤≥≠≈:|_$€£¥₹′'] | (?<=[ ])(?:–|x)(?=[ ][$(]?[0-9])
        | \((?=[^()\n]*[0-9\\^])[^()\n]*\) | \[(?=[^\[\]\n]*[0-9])[-+0-9a-z,.\s^/*\\∞]*\])
"""
_LETTER = r"(?:(?<![A-Za-z'])(?:[A-Za-z]|sqrt|sin|cos|tan|log|ln|pi)(?![A-Za-z']))"
_RUN = re.compile(
    rf"""
    # No beginning in the middle, and none with the article in `a 5 year gap`.
    (?<![\^_{{]) (?![\^_=:|<>*/+!%'–≤≥≠≈×÷] | [ax]\s+[0-9$] | \.(?![0-9]) | \s)
    (?: {_CHUNK}
        | (?<=[0-9)}}]) (?:e[+-]?[0-9]+ | {_LETTER} | (?<=[0-9])[a-z](?![A-Za-z]))
        | {_LETTER} (?=\s*[=^_(0-9<>≤≥≠]) )
    (?: [ \t]? (?: {_CHUNK}
            | {_LETTER} (?=\s*[-+*/^=_()0-9$] | [.,;]?\s*$ | (?<=[0-9)}}]\b)) )
        | (?<=[0-9)}}]) [a-z] (?![A-Za-z]) )*
    {MULTIPLIED} {_UNIT}
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Signs, numbers and letters of one calculation or value, as they stand in plain text."""
_CHANGED_BY = re.compile(
    rf"""
    (?: n['’]t | \b(?:not|never|than|twice|thrice|half\s+of|half|double|triple|plus|times|one\s+of
          |square\s+of|cube\s+of|root\s+of|neither|nor|between(?:\s+\S{{1,12}}\s+and)?)
        | \b{BOUNDED} )
    [\s*_$(]+$
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Words before a number that make another value of it."""
_BOUND = re.compile(BOUNDED, re.IGNORECASE | re.VERBOSE)
_SIGN = re.compile(
    r"(?P<operand>[0-9)}$]\s*)?(?:\b(?:minus|negative)\s+|(?<![A-Za-z])[-−](?=[*$_]*$))[*$_]*$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\b(?:equations?|eqs?\.|steps?|cases?|figures?|theorems?|lemmas?|parts?|methods?|lines?"
    r"|sections?|problems?|questions?|exercises?|examples?|chapters?|pages?|tables?|formulas?)\s*\(?$",
    re.IGNORECASE,
)
"""Names of what is numbered: the number behind is no value."""
_LIST_MARK = re.compile(r"^[ \t]*[0-9]+[.)][ \t]+(?=[A-Za-z*])", re.MULTILINE)
_BESIDE = re.compile(r"\s*(?:[,;]|,?\s*\b(?:or|and)\b)\s*", re.IGNORECASE)
_OPEN = re.compile(r",?\s*\bor\b(?:\s+(?:perhaps|maybe|possibly))?\s*", re.IGNORECASE)
_BARE = re.compile(
    r"[-−]?(?:[0-9][0-9.,/]*|\\[dt]?frac\s*\{[^{}]*\}\{[^{}]*\}|[0-9]*\\?(?:sqrt|√).*)"
)
_NAMED = re.compile(r"(?P<name>[A-Za-z](?:_\{?\w+\}?)?)\s*=[^=]+")


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
    text = _without_remarks(text)
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
        return _with_beside(matches[: at + 1], text)
    return None


def said(text: str) -> str | None:
    """That there is no answer, or that all numbers are one, in the last sentence."""
    sentences = [part for part in re.split(r"[.!?\n]+", text[-MAX_CHARS:]) if part.strip()]
    found = _SAID.search(sentences[-1]) if sentences else None
    return found.group() if found and not re.search(r"[0-9]", sentences[-1]) else None


def formula(text: str) -> str | None:
    """The last formula in dollars or brackets, unless a number that is no side remark follows it
    outside of formulas."""
    text = _without_remarks(text)
    found = [match for match in _ENCLOSED.finditer(text) if _is_formula(match, text)]
    for earlier in found[-2:-_MAX_REMARKS:-1]:
        if not is_side_remark(text[earlier.end() :], "=" in earlier.group()):
            break
        found.pop()
    rest = _ENCLOSED.sub("x", text[found[-1].end() :]) if found else ""
    if not found or not is_side_remark(_without_brackets(rest)):
        return None
    value = _with_beside(found, text)
    words = re.match(MULTIPLIED, text[found[-1].end() :], re.IGNORECASE | re.VERBOSE)
    return value and f"{value} {words[0].strip() if words else ''}".strip()


def last_number(text: str) -> str | None:
    """The last number of a text with all that belongs to it: `10^6`, `3/4`, `2√3`, `17 dozen`.

    In its sentence an earlier one is taken when only side remarks follow. Numbers that an `or`
    joins, or that end the sentence as a list, are taken together.
    """
    text = _LIST_MARK.sub("", _without_remarks(text))
    runs = [run for run in _RUN.finditer(text) if _is_number(run, text)]
    if not runs:
        return None
    first = last = len(runs) - 1
    for at in range(len(runs) - 2, max(-1, len(runs) - _MAX_REMARKS), -1):
        run = runs[at]
        if is_side_remark(text[run.end() :], "=" in run.group()):
            first = last = at
    is_end = not text[runs[last].end() :].strip(" .!*_\n")
    while first and _are_listed(text, runs[first - 1], runs[first], is_end):
        first -= 1
    value = text[runs[first].start() : runs[last].end()]
    if first == last:
        value = _whole_result(text, runs[last])
    value = value.strip().strip(":|=<>*_'/").strip()
    return _with_sign(value, text, runs[first].start())


def formulas(text: str) -> list[str]:
    """All formulas of a text, and runs of signs and numbers outside of them."""
    found = [_content(match) for match in _ENCLOSED.finditer(text)]
    return found + [match.group() for match in _RUN.finditer(_ENCLOSED.sub(" ", text))]


def _content(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _without_brackets(text: str) -> str:
    return re.sub(r"\([^()]*\)", "", text)


def _without_remarks(text: str) -> str:
    """The end of a text without lines that only check or comment, unless nothing else is left."""
    end = text[-MAX_CHARS:]
    kept = _REMARK.sub("", end)
    return kept if re.search(r"[0-9$\\*]", kept) else end


def _with_sign(value: str, text: str, at: int) -> str | None:
    """A value with the minus before it; None when the words before change or deny it."""
    before = text[max(0, at - 40) : at].rpartition("\n")[2]
    sign = _SIGN.search(before)
    changed = _CHANGED_BY.search(before)
    if changed and "=" in value and _BOUND.search(changed[0]):
        changed = None
    if is_denied(text, at) or changed or (sign and sign["operand"]):
        return None
    return f"-{value}" if sign else value


def _with_beside(matches: list[re.Match[str]], text: str) -> str | None:
    """The last value with those right before it that it is one answer with, as a list."""
    first = len(matches) - 1
    while first and _are_parts(text, matches[first - 1], matches[first]):
        first -= 1
    value = ", ".join(_content(match) for match in matches[first:])
    return _with_sign(value, text, matches[first].start())


def _are_parts(text: str, earlier: re.Match[str], later: re.Match[str]) -> bool:
    between = text[earlier.end() : later.start()]
    if _OPEN.fullmatch(between) and "=" not in earlier.group() + later.group():
        return True
    return bool(_BESIDE.fullmatch(between)) and _are_alike(_content(earlier), _content(later))


def _are_alike(one: str, other: str) -> bool:
    """Two bare numbers, or two values of one letter."""
    if _BARE.fullmatch(one) and _BARE.fullmatch(other):
        return True
    names = _NAMED.fullmatch(one), _NAMED.fullmatch(other)
    return names[0] is not None and names[1] is not None and names[0]["name"] == names[1]["name"]


def _is_number(run: re.Match[str], text: str) -> bool:
    if not re.search(r"[0-9½⅓⅔¼¾π∞]|\\(?:pi|infty)", run.group()):
        return False
    return not _NUMBERED.search(text[max(0, run.start() - 20) : run.start()])


def _are_listed(text: str, earlier: re.Match[str], later: re.Match[str], is_end: bool) -> bool:
    between = text[earlier.end() : later.start()]
    if not _are_alike(earlier.group().strip(), later.group().strip()) or "\n" in between:
        return False
    return bool(_OPEN.fullmatch(between) or (is_end and _BESIDE.fullmatch(between)))


def _whole_result(text: str, run: re.Match[str]) -> str:
    """A calculation, or only its result when words stand in what is calculated."""
    value = re.sub(r" x (?=[$(]?[0-9])", " × ", run.group())
    is_cut = re.search(r"(?:[-+*/=×÷–]|\bx)\s*$", text[max(0, run.start() - 4) : run.start()])
    return value.rpartition("=")[2] if is_cut and "=" in value else value


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
