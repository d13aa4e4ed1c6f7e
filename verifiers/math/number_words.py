"""Numbers in words: `twenty-five` is 25, `one hundred and twenty` is 120."""

import re

_SMALL = {
    name: value
    for value, name in enumerate(
        (
            *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
            *("seventeen", "eighteen", "nineteen"),
        )
    )
}
_TENS = {
    name: 10 * value
    for value, name in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_POWERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
NAMES = frozenset((*_SMALL, *_TENS, *_POWERS))
_ANY = "|".join(sorted(NAMES, key=len, reverse=True))
_FIRST = "|".join(sorted((*_SMALL, *_TENS), key=len, reverse=True))
NUMBER = re.compile(
    rf"(?<![\\A-Za-z])(?:{_FIRST})(?:(?:\s+|-|\s+and\s+)(?:{_ANY}))*(?![A-Za-z])", re.IGNORECASE
)


def in_digits(text: str) -> str:
    """The text with numbers in words as digits; `one two` is no number and stays."""
    return NUMBER.sub(_digits, text)


def _digits(match: re.Match[str]) -> str:
    total = part = 0
    last = ""
    for word in re.split(r"[\s-]+", match.group().lower()):
        if word == "and":
            continue
        if word in _POWERS:
            scale = _POWERS[word]
            part = (part or 1) * scale
            if scale > 100:
                total, part = total + part, 0
        elif last in _SMALL or (last in _TENS and not 0 < _SMALL.get(word, 0) < 10):
            return match.group()
        else:
            part += _SMALL.get(word, 0) + _TENS.get(word, 0)
        last = word
    return str(total + part)
