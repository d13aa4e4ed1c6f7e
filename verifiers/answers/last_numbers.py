"""The last number of a text with all that belongs to it, for completions that mark no answer.

`10^{-7}`, `3/4`, `2√3`, `17 dozen`, `October 30` are read whole. Blanks that are filled in
(`____5____`), marks of references (`[2]`) and what is only denied (`, not 8`) are no part of it.
"""

import re

from verifiers.answers.denials import (
    BOUNDED,
    CHANGED_IN_CHINESE,
    MULTIPLIED,
    is_denied,
    is_refuted,
)
from verifiers.answers.side_remarks import is_side_remark
from verifiers.math.units import UNIT_NAMES, unit_of

MAX_CHARS = 3000
"""Characters from the end in which an unmarked answer is looked for."""
MAX_REMARKS = 12
"""Numbers, from the last one back, that may be those of side remarks."""

_REMARK = re.compile(
    r"^[ \t*_(#>]{0,9}(?:(?:to|let\s(?:us|me)|let['’]s)\s(?:double[- ])?(?:verify|check|confirm)"
    r"|confidence|certainty|probability|references?|see(?:[ ]also)?|source|note"
    r"|check|verification|verify|time|tokens|difficulty|score|step[ ][0-9]+|page"
    r"|置信度|信心|参考)\b.*$",
    re.IGNORECASE | re.MULTILINE,
)
_PROVED = re.compile(r"\s*\$?\\(?:blacksquare|square|qed|Box)(?![A-Za-z])\s*\$?[\s.]*$")
_UNIT = rf"""
    (?:\s+(?:(?:square|cubic|sq|cu)\.?\s+)?(?:{"|".join(sorted(UNIT_NAMES)[::-1])})\b(?<!\sin(?=\s[a-z0-9]))
        (?:\s*(?:/|per\b)\s*[a-zA-Z]+)?(?:\^?\{{?[23]\}}?)?)?
"""
_BRACED = r"\{(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*\}"
_CHUNK = rf"""
    (?:\\[A-Za-z]+(?:\s*\[[^\[\]\n]*\])?(?:\s*{_BRACED})* | \\[,;:!%$] | {_BRACED}
        | [0-9](?:[0-9]|[,.](?=[0-9]))* | \.[0-9]+ | \.\.\.
        | [-+*/^=<>!%％°√π∞²³¹⁰⁴-⁹⁻½⅓⅔¼¾×·÷−±≤≥≠≈∪:|_$€£¥₹′'] | (?<=[ ])(?:–|x)(?=[ ][$(]?[0-9])
        | \((?=[^()\n]*[0-9\\^])[^()\n]*\) | \[(?=[^\[\]\n]*[0-9])[-+0-9a-z,.\s^/*\\∞−]*[\])]
        | \((?=[^()\[\]\n]*[0-9])[-+0-9a-z,.\s^/*\\∞−]*\])
"""
_LETTER = r"(?:(?<![A-Za-z'])(?:[A-Za-z]|sqrt|sin|cos|tan|log|ln|pi)(?![A-Za-z']))"
RUN = re.compile(
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
    r"(?P<operand>[0-9)}$]\s*)?(?:\b(?:minus|negative)\s+|负|(?<![A-Za-z])[-−](?=[*$_]*$))[*$_]*$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\b(?:equations?|eqs?\.|steps?|cases?|figures?|theorems?|lemmas?|parts?|methods?|lines?"
    r"|sections?|problems?|questions?|exercises?|examples?|chapters?|pages?|tables?|formulas?)\s*\(?$",
    re.IGNORECASE,
)
"""Names of what is numbered: the number behind is no value."""
_MONTH = (
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?"
)
_DATE = re.compile(rf"{_MONTH}\s+[0-9]{{1,2}}(?:(?:st|nd|rd|th)?,?\s+[12][0-9]{{3}})?$")
_BOUNDS_DATE = re.compile(r"\b(?:after|before|until|since|by)\s+$")
_OF_MONTH = re.compile(rf"(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}")
_BLANK = re.compile(r"_{3,}")
"""What is filled in, `___5___`."""
_EMPHASIS = re.compile(r"(?<![\w\\}])_([^\s_][^_\n]{0,40})_(?![\w{\\])")
_CITED = re.compile(r"(?<=[A-Za-z0-9.)])\s?\[[0-9]{1,2}\](?=[\s.,;]|$)")
_CONTRASTED = re.compile(
    r",\s*(?:and\s+|but\s+)?(?:not|rather\s+than|instead\s+of)\s+"
    r"[$*_(\\]{0,3}[-−]?[0-9][0-9.,/]*(?<![.,])[$*_)%]{0,3}"
)
"""What a value is told from: `, not 8`."""
_BULLETED = re.compile(
    r"(?:^[ \t]*[-*+•][ \t]+(?:[A-Za-z]\s*=\s*)?[-−]?[0-9][0-9.,/]*[ \t]*(?:\n|\Z)){2,}\s*\Z",
    re.MULTILINE,
)
_BULLET = re.compile(r"^[ \t]*[-*+•][ \t]+", re.MULTILINE)
_NAMED_LIST = re.compile(r"[A-Za-z]\s*=\s*[-−]?[0-9][0-9./]*(?:\s*,\s*[-−]?[0-9][0-9./]*)+")
_MONEY = re.compile(r"\s+(?:and\s+)?|,\s*")
_LIST_MARK = re.compile(r"^[ \t]*[0-9]+[.)][ \t]+(?=[A-Za-z*])", re.MULTILINE)
BESIDE = re.compile(r"\s*(?:[,;]|,?\s*\b(?:or|and)\b)\s*", re.IGNORECASE)
OPEN = re.compile(r",?\s*\bor\b(?:\s+(?:perhaps|maybe|possibly))?\s*", re.IGNORECASE)
_BARE = re.compile(
    r"\((?:[^()=]{1,40},)+[^()=]{1,40}\)|"
    r"[-−]?(?:[0-9][0-9.,/]*|\\[dt]?frac\s*\{[^{}]*\}\{[^{}]*\}|[0-9]*\\?(?:sqrt|√).*)"
)
_NAMED = re.compile(r"(?P<name>[A-Za-z](?:_\{?\w+\}?)?)\s*=[^=]+")


def last_number(text: str) -> str | None:
    """The last number of a text with all that belongs to it: `10^6`, `3/4`, `2√3`, `17 dozen`.

    In its sentence an earlier one is taken when only side remarks follow. Numbers that an `or`
    joins, that end the sentence as a list, or that are the items of a last list are taken together.
    """
    text = _prepared(text)
    if (listed := _last_list(text)) is not None:
        return listed
    runs = [run for run in RUN.finditer(text) if _is_number(run, text)]
    if not runs:
        return None
    first = last = len(runs) - 1
    for at in range(len(runs) - 2, max(-1, len(runs) - MAX_REMARKS), -1):
        run = runs[at]
        if is_side_remark(text[run.end() :], "=" in run.group()):
            first = last = at
    if (date := _date(text, runs[last])) is not None:
        return date
    is_end = not text[runs[last].end() :].strip(" .!*_\n")
    while first and _are_listed(text, runs[first - 1], runs[first], is_end):
        first -= 1
    value = text[runs[first].start() : runs[last].end()]
    if first == last:
        value = _whole_result(text, runs[last])
    value = value.strip().strip(":|=<>*_'/").strip()
    return with_sign(value, text, runs[first].start())


def _prepared(text: str) -> str:
    """The end of a text without list marks, blanks, marks of references and what is denied."""
    text = _LIST_MARK.sub("", without_remarks(text))
    for pattern in (_CITED, _CONTRASTED):
        kept = pattern.sub("\n", text)
        text = kept if re.search(r"[0-9]", kept) else text
    return _EMPHASIS.sub(r"  \1  ", _BLANK.sub("\n", text)) if "_" in text else text


def _last_list(text: str) -> str | None:
    """The items of a list that ends the text, or a last line such as `x = -3, 5`."""
    bulleted = _BULLETED.search(text)
    if bulleted:
        return ", ".join(
            line.strip() for line in _BULLET.sub("", bulleted[0]).split("\n") if line.strip()
        )
    line = text.rstrip(" \n.").rpartition("\n")[2].strip(" *$")
    return line if _NAMED_LIST.fullmatch(line) else None


def _date(text: str, run: re.Match[str]) -> str | None:
    """The date that a number is a part of: October 30, 30 October."""
    begin = max(0, run.start() - 40)
    before = _DATE.search(text[begin : run.end()].rstrip())
    if before:
        at = begin + before.start()
        changed = _CHANGED_BY.search(text[max(0, at - 40) : at]) or _BOUNDS_DATE.search(
            text, begin, at
        )
        return None if is_denied(text, at) or changed else before[0]
    behind = _OF_MONTH.match(text, run.end())
    is_day = re.fullmatch(r"[0-9]{1,2}", run.group())
    if not behind or not is_day or is_denied(text, run.start()):
        return None
    return run.group() + behind[0].rstrip(".")


def without_remarks(text: str) -> str:
    """The end of a text without lines that only check or comment, unless nothing else is left."""
    end = text[-MAX_CHARS:]
    kept = _REMARK.sub("", end)
    kept = _PROVED.sub("", kept if re.search(r"[0-9$\\*]", kept) else end)
    return kept


def with_sign(value: str, text: str, at: int) -> str | None:
    """A value with the minus before it; None when the words before change or deny it."""
    before = text[max(0, at - 40) : at].rpartition("\n")[2]
    sign = _SIGN.search(before)
    changed = _CHANGED_BY.search(before)
    if changed and "=" in value and _BOUND.search(changed[0]):
        changed = None
    changed = changed or CHANGED_IN_CHINESE.search(before)
    if is_denied(text, at) or changed or (sign and sign["operand"]):
        return None
    return f"-{value}" if sign else value


def are_alike(one: str, other: str) -> bool:
    """Two bare numbers or points, or two values of one letter, as x_1 = 3 and x_2 = 5 are."""
    if _BARE.fullmatch(one) and _BARE.fullmatch(other):
        return True
    names = [
        found["name"].partition("_")[0] for found in map(_NAMED.fullmatch, (one, other)) if found
    ]
    return len(names) == 2 and names[0] == names[1]


def _is_number(run: re.Match[str], text: str) -> bool:
    if not re.search(r"[0-9½⅓⅔¼¾π∞]|\\(?:pi|infty)", run.group()):
        return False
    if is_refuted(text, run.end()):
        return False
    return not _NUMBERED.search(text[max(0, run.start() - 20) : run.start()])


def _are_listed(text: str, earlier: re.Match[str], later: re.Match[str], is_end: bool) -> bool:
    between = text[earlier.end() : later.start()]
    if _are_parts(text, earlier, later, between):
        return True
    one, other = earlier.group().strip(), later.group().strip()
    if _NAMED.fullmatch(one) and _BARE.fullmatch(other):  # x = 2 or 3
        return bool(OPEN.fullmatch(between))
    if not are_alike(one, other) or "\n" in between:
        return False
    return bool(OPEN.fullmatch(between) or (is_end and BESIDE.fullmatch(between)))


def _are_parts(text: str, earlier: re.Match[str], later: re.Match[str], between: str) -> bool:
    """18 dollars and 90 cents, 1 and 1/2 hours, a ratio of 3 to 4."""
    one, other = earlier.group().strip(), later.group().strip()
    if between.strip() == "to":
        asked = re.search(r"\bratio\b", text[max(0, earlier.start() - 100) : earlier.start()])
        return asked is not None and bool(_BARE.fullmatch(one) and _BARE.fullmatch(other))
    if not _MONEY.fullmatch(between):
        return False
    if (
        between.strip() == "and"
        and one.isdecimal()
        and re.fullmatch(r"[0-9]+/[0-9]+\s+[a-z]+", other)
    ):
        return True
    measured = [unit_of(part.rpartition(" ")[2]) for part in (one, other)]
    if measured[0] is None or measured[1] is None:
        return False
    return measured[0][0] == measured[1][0] and measured[0][1] > measured[1][1]


def _whole_result(text: str, run: re.Match[str]) -> str:
    """A calculation, or only its result when words stand in what is calculated."""
    value = re.sub(r" x (?=[$(]?[0-9])", " × ", run.group())
    is_cut = re.search(r"(?:[-+*/=×÷–]|\bx)\s*$", text[max(0, run.start() - 4) : run.start()])
    return value.rpartition("=")[2] if is_cut and "=" in value else value
