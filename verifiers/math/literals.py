"""Numbers as answers are written: read exactly, from a strict ASCII grammar.

`int()` and `float()` accept `1_0`, full-width digits and `nan`; here a number is what the patterns
below say and nothing else. Its value is a Fraction, so equality is exact.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

MAX_CHARS = 1000
MAX_DEPTH = 10
MAX_DIGITS = 200
MAX_EXPONENT_DIGITS = 4


class Form(StrEnum):
    """How a number is written."""

    PLAIN = "plain"
    FRACTION = "fraction"
    MIXED = "mixed"


@dataclass(frozen=True)
class Number:
    """A number as written: `12.5%` is value 25/2 with percent set."""

    value: Fraction
    form: Form
    percent: bool = False
    decimals: int = 0
    """Digits after the decimal point."""


_INT = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_DEC = rf"(?:{_INT}(?:\.[0-9]*)?|\.[0-9]+)"
_SIGNED = rf"[+-]?\s*{_DEC}"
_TEN = r"\s*(?:\\times|\\cdot|×|\*|x)\s*10\s*\^\s*"
_SCIENTIFIC = re.compile(
    rf"({_DEC})(?:(?:[eE]|{_TEN})([+-]?[0-9]{{1,3}})|{_TEN}\{{\s*([+-]?[0-9]{{1,3}})\s*\}})?"
)
_RATIO = re.compile(rf"({_DEC})\s*/\s*({_SIGNED})")
_FRAC = re.compile(
    rf"\\[dtc]?frac\s*(?:\{{\s*({_SIGNED})\s*\}}|([0-9]))\s*(?:\{{\s*({_SIGNED})\s*\}}|([0-9]))"
)
_MIXED_RATIO = re.compile(rf"({_INT})\s+([0-9]+)\s*/\s*([0-9]+)")
_MIXED_FRAC = re.compile(
    rf"({_INT})\s*\\[dtc]?frac\s*(?:\{{([0-9]+)\}}|([0-9]))\s*(?:\{{([0-9]+)\}}|([0-9]))"
)

_THIN_COMMA = re.compile(r",\\!\s*|\{,\}")
_SPACING = re.compile(r"\\[!,;: ]|~|[\u00a0\u2009\u202f]")
_WRAPPERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("**", "**"))
_LEAD = re.compile(r"(?:the\s+)?(?:final\s+)?answer\b\s*(?:is\b|=)?\s*:?\s*", re.IGNORECASE)
_ASSIGNED = re.compile(r"[A-Za-z](?:_\{?[A-Za-z0-9]\}?)?\s*=\s*")
_SIGN = re.compile(r"([+-]?)\s*[$€£¥]?\s*([+-]?)\s*")
_DEGREE = re.compile(r"\s*(?:\^\s*(?:\\circ|\{\s*\\circ\s*\})|°)\s*")
_PERCENT = re.compile(r"\s*(?:%|\bper\s?cent|\\text\s*\{\s*per\s?cent\s*\})$", re.IGNORECASE)
_POWER = r"(?:\s*\^\s*(?:[23]|\{[23]\})|[²³])?"
_TEXT_COMMAND = r"\\(?:text|mbox|mathrm|textbf|mathbf|textrm)\s*"
_TEXT = re.compile(_TEXT_COMMAND + r"\{([^{}]*)\}")
_UNITS = re.compile(
    rf"(?<=[0-9.}}$])\s*(?:{_TEXT_COMMAND}\{{([A-Za-z /.]*){_POWER}\}}"
    rf"|\s([A-Za-z]{{2,}}(?:[ /][A-Za-z]+){{0,3}})|(cm|mm|km|kg|mg|ml|lbs?|ft|mph)){_POWER}$"
)
_NOT_UNITS = frozenset(
    (
        *("half", "one", "two", "three", "ten", "dozen", "score", "gross"),
        *("hundred", "thousand", "million", "billion", "trillion"),
        *("and", "or", "nor", "not", "to", "of", "over", "plus", "minus", "times", "mod", "choose"),
        *("power", "squared", "cubed", "factorial", "sqrt", "ln", "log", "sin", "cos", "tan"),
    )
)
"""Words after a number that change its value, so that it is not a number with a unit."""

_DIGIT_RUN = re.compile(rf"(?:[0-9][,_]?){{{MAX_DIGITS + 1}}}")
_POW = r"(?:\^|\*\*)"
_BIG_EXPONENT = re.compile(rf"{_POW}[({{\[+\s-]*[0-9]{{{MAX_EXPONENT_DIGITS + 1},}}")
_TOWER = re.compile(
    rf"{_POW}[\s{{(]*[0-9]+[\s)}}]*{_POW}[\s{{(]*[0-9]"
    rf"|(?:{_POW}\s*[{{(]\s*[^{{}}()\s^*]{{1,20}}){{2}}{_POW}"
    r"|!\s*[)}\]\s]*!|[0-9]{5,}\s*[)}\]]*\s*!"
)


def danger(text: str) -> str:
    """Why a text must not reach a parser; empty when nothing is wrong with it.

    The limits lie far above what answers need: among 8,799 of the MATH and AIME sets the longest
    has 135 characters, 3 brackets inside one another and 9 digits in a row.
    """
    if len(text) > MAX_CHARS:
        return f"{len(text)} characters, more than {MAX_CHARS}"
    if _depth(text) > MAX_DEPTH:
        return f"brackets nested more than {MAX_DEPTH} deep"
    if _DIGIT_RUN.search(text):
        return f"more than {MAX_DIGITS} digits in a row"
    if _BIG_EXPONENT.search(text):
        return f"an exponent of more than {MAX_EXPONENT_DIGITS} digits"
    if _TOWER.search(text):
        return "a tower of exponents or factorials"
    return ""


def clean(text: str) -> str:
    """Take off what is written around an answer: math delimiters, `the answer is`, a full stop."""
    text = text.replace("−", "-")
    previous = None
    while text != previous:
        previous = text
        text = text.strip().removesuffix(".").rstrip()
        for opening, closing in _WRAPPERS:
            inner = text.removeprefix(opening).removesuffix(closing)
            if len(inner) == len(text) - len(opening) - len(closing) and opening not in inner:
                text = inner
        text = _LEAD.sub("", text, count=1) if _LEAD.match(text) else text
    return text


def read_number(text: str) -> Number | None:
    """Read a cleaned text as one number with, at most, `x =`, a currency, a degree sign and a unit.

    Returns None for anything else, expressions included: `3*4` is not a number.
    """
    text = _SPACING.sub(
        lambda found: "" if found.group() in (r"\!", r"\,") else " ", _THIN_COMMA.sub(",", text)
    )
    text = text.replace(r"\%", "%").replace(r"\$", "$").strip()
    whole = _TEXT.fullmatch(text)
    text = whole[1].strip() if whole else text
    assigned = _ASSIGNED.match(text)
    text = _DEGREE.sub(" ", text[assigned.end() :] if assigned else text).strip()
    bare = _PERCENT.sub("", text, count=1)
    percent = bare != text
    text = _without_units(bare).removesuffix("$").rstrip()
    sign = _SIGN.match(text)
    if sign is None or (sign[1] and sign[2]):
        return None
    number = _read_unsigned(text[sign.end() :])
    if number is None:
        return None
    value = -number.value if "-" in sign[1] + sign[2] else number.value
    return Number(value, number.form, percent, number.decimals)


def same(expected: Number, given: Number) -> bool:
    """Are two numbers equal, as answers?

    A per cent sign on one side is read both ways: 50% is 50 and 0.5. A decimal of 6 or more
    significant digits stands for a fraction that no decimal can hold: 0.333333 is 1/3.
    """
    if expected.percent == given.percent:
        return expected.value == given.value or _rounded(expected, given)
    percent, plain = (expected, given) if expected.percent else (given, expected)
    return plain.value in (percent.value, percent.value / 100)


def _depth(text: str) -> int:
    depth = deepest = 0
    for symbol in text:
        if symbol in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif symbol in ")]}":
            depth -= 1
    return deepest


def _without_units(text: str) -> str:
    found = _UNITS.search(text)
    if found is None:
        return text
    words = next((group for group in found.groups() if group is not None), "")
    if _NOT_UNITS & set(re.split(r"[ /.]+", words.lower())):
        return text
    return text[: found.start()].rstrip()


def _read_unsigned(text: str) -> Number | None:
    if plain := _SCIENTIFIC.fullmatch(text):
        value, decimals = _decimal(plain[1])
        exponent = plain[2] or plain[3]
        if exponent is None:
            return Number(value, Form.PLAIN, decimals=decimals)
        return Number(value * Fraction(10) ** int(exponent), Form.PLAIN)
    if mixed := _MIXED_RATIO.fullmatch(text) or _MIXED_FRAC.fullmatch(text):
        whole, *parts = [_decimal(part)[0] for part in mixed.groups() if part is not None]
        return Number(whole + parts[0] / parts[1], Form.MIXED) if parts[1] else None
    if ratio := _RATIO.fullmatch(text) or _FRAC.fullmatch(text):
        above, below = [_signed(part) for part in ratio.groups() if part is not None]
        return Number(above / below, Form.FRACTION) if below else None
    return None


def _signed(text: str) -> Fraction:
    sign = -1 if text.startswith("-") else 1
    return sign * _decimal(text.lstrip("+-").lstrip())[0]


def _decimal(text: str) -> tuple[Fraction, int]:
    whole, _, after = text.replace(",", "").partition(".")
    return Fraction(int((whole + after) or "0"), 10 ** len(after)), len(after)


def _rounded(expected: Number, given: Number) -> bool:
    exact, decimal = (given, expected) if expected.decimals else (expected, given)
    if decimal.decimals == 0 or _terminates(exact.value):
        return False
    significant = len(str(abs(decimal.value * 10**decimal.decimals).numerator))
    return significant >= 6 and round(exact.value, decimal.decimals) == decimal.value


def _terminates(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
