"""Answers that are no mathematics: dates, yes and no, and whatever is only a text."""

import re

from verifiers.math.notation import canonical, unicode_as_latex
from verifiers.math.reading import clean, untexted

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_MONTH = "|".join(f"{name}|{name[:3]}" for name in _MONTHS) + "|sept"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?"
_YEAR = r"(?:,?\s+(?P<year>[0-9]{4}))?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_WEEKDAY}(?P<month>{_MONTH})\.?\s+{_DAY}{_YEAR}",
        rf"{_WEEKDAY}(?:the\s+)?{_DAY}\s+(?:of\s+)?(?P<month>{_MONTH})\.?{_YEAR}",
    )
)
_NUMERIC_DATE = re.compile(
    r"(?P<year>[12][0-9]{3})(?P<sign>[-/.])(?P<month>0[1-9]|1[0-2])(?P=sign)(?P<day>[0-3][0-9])"
    r"|(?:(?P<year_cn>[12][0-9]{3})年)?(?P<month_cn>[0-9]{1,2})月(?P<day_cn>[0-9]{1,2})[日号]"
)
"""2021-03-14 and 2021年3月14日."""
_POLAR = frozenset(("yes", "no", "true", "false"))
_BEGINS = re.compile(r"(?P<word>yes|no|true|false)[,.;:]\s(?P<rest>.*)", re.IGNORECASE | re.DOTALL)

Date = tuple[str, int, str]
"""Month, day and year, empty where none is given."""


def as_text(text: str) -> str:
    """A text without layout, braces and white space."""
    text = untexted(clean(unicode_as_latex(text)))
    plain = re.sub(r"\\[,;:! ]|(?<=[0-9])(?:st|nd|rd|th)\b|[\s{}~]", "", canonical(text))
    return plain.casefold()


def date_of(text: str) -> Date | None:
    """The date that a whole text is: October 30, 30th of Oct., October 30, 2026, 2026-10-30."""
    if len(text) > 100:
        return None
    plain = " ".join(untexted(canonical(text).replace("\\ ", " ")).split()).strip(" .$")
    for pattern in _DATES:
        found = pattern.fullmatch(plain)
        if found:
            return found["month"].lower()[:3], int(found["day"]), found["year"] or ""
    numeric = _NUMERIC_DATE.fullmatch(re.sub(r"\s+", "", plain))
    if numeric:
        year, month, day = (
            numeric[part] or numeric[f"{part}_cn"] for part in ("year", "month", "day")
        )
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return _MONTHS[int(month) - 1][:3], int(day), year or ""
    return None


def same_date(expected: Date, given: Date) -> bool:
    """The same day, and the same year where both give one."""
    years = {expected[2], given[2]} - {""}
    return expected[:2] == given[:2] and len(years) < 2


def says(expected: str, given: str) -> bool:
    """Does a sentence begin with the expected yes or no, and not go on with the other?"""
    found = _BEGINS.fullmatch(untexted(given).strip())
    if expected not in _POLAR or found is None or found["word"].lower() != expected:
        return False
    return not _POLAR & set(re.findall(r"[a-z]+", found["rest"].lower()))
