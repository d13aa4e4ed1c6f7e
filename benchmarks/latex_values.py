"""What a short LaTeX answer is worth, by arithmetic alone: the referee of wrong answers.

`surely_differ` says whether one answer cannot be taken for another. It shares no code with the
graders that it referees: an answer is cut into its parts (of a tuple, a list, a matrix, an
interval, an equation), and each part is evaluated in complex floating point with letters set to
fixed numbers. Where an answer cannot be read, or the two are equal up to a unit, a per cent sign,
a name, an order or a base, it says no.
"""

import cmath
import math
import re
import zlib
from collections.abc import Callable
from functools import lru_cache

Values = tuple[tuple[complex, ...], ...]
"""For each part of an answer its value at each of the points."""

_POINTS = 3
_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|mathbf)(?![a-z])|(?<!\\)\\[!,;: ]|~|[$.]+$|^\$")
_THOUSANDS = re.compile(r"(?<=[0-9])(?:,\\!\s*|\{,\})(?=[0-9]{3})")
_PLAIN_THOUSANDS = re.compile(r"-?\s*(?:\\\$)?\s*[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_WORDS = re.compile(
    r"\\(?:text|mbox|textbf|mathrm|textnormal)\s*\{([^{}]*)\}(?:\s*\^\s*\{?[23]\}?)?"
)
_SIGNS = re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree|°|\\%|%|\\\$")
_PARTS = re.compile(
    r"\\(?:begin|end)\{[a-z]*matrix\}|\\\\|&|,|;|:|\\cup|\\text\s*\{[\s,]*(?:and|or)\s*\}"
    r"|\\leq?(?![a-z])|\\geq?(?![a-z])|\\approx|\\in(?![a-z])|[<>]|\\[{}]"
)
_NAME = re.compile(r"\s*(?:[A-Za-z]+|\\[a-z]+)(?:_\{?\w+\}?)?(?:\s*\(\w+\))?\s*")
_BASED = re.compile(r"\s*(-?[0-9A-F]+)_\{?\s*([0-9]+)\s*\}?\s*")
_NUMBER_WORDS = re.compile(r"zero|one|two|three|four|five|six|seven|eight|nine|ten|none|half")
_TOKEN = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+|\\[A-Za-z]+|[A-Za-z]|\S)")
_ALIKE = (1, 100, 1 / 100, math.pi / 180, 180 / math.pi)
"""Two values whose ratio is one of these may be one answer: 50 and 50%, 180 degrees and pi."""

_FUNCTIONS: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "cot": lambda x: 1 / cmath.tan(x),
    "sec": lambda x: 1 / cmath.cos(x),
    "csc": lambda x: 1 / cmath.sin(x),
    "log": cmath.log,
    "ln": cmath.log,
    "exp": cmath.exp,
}


class UnreadableError(ValueError):
    """The text is no expression that is understood here."""


def surely_differ(one: str, other: str) -> bool:
    """Is one LaTeX answer certainly not the other, in any sense in which a reader takes it?"""
    words, other_words = words_of(one), words_of(other)
    if words is not None and other_words is not None:
        return sorted(re.findall(r"\w+", words)) != sorted(re.findall(r"\w+", other_words))
    if words is not None or other_words is not None:
        text, readable = (words, other) if words is not None else (other_words, one)
        return values(readable) is not None and not _NUMBER_WORDS.search(text or "")
    first, second = values(one), values(other)
    if first is None or second is None:
        return False
    if _digits(one) == _digits(other) and ("_" in one) != ("_" in other):
        return False  # a numeral whose base is left out
    return not any(_same_parts(first, second, ratio) for ratio in _ALIKE)


def words_of(text: str) -> str | None:
    r"""The words of an answer that is nothing but words, in lower case: \text{(C)} is `(c)`."""
    found = re.fullmatch(r"[\s({]*\\(?:text|mbox|textbf|mathrm)\s*\{([^{}]*)\}[\s)}.,]*", text)
    return found[1].strip().lower() if found and re.search("[A-Za-z]", found[1]) else None


@lru_cache(maxsize=100_000)
def values(text: str) -> Values | None:
    """The value of each part of an answer, units and signs such as % left out; None if unread."""
    text = _THOUSANDS.sub("", text)
    if _PLAIN_THOUSANDS.fullmatch(text.strip()):
        text = text.replace(",", "")
    text = _SIGNS.sub(" ", _LAYOUT.sub(" ", text.strip()))
    text = re.sub(r"\\[dtc]frac", r"\\frac", text)
    try:
        parts = [part for part in _PARTS.split(text) if _WORDS.sub("", part).strip(" ()[]")]
        return tuple(_part(part) for part in parts) or None
    except (UnreadableError, ArithmeticError, ValueError, IndexError):
        return None


def _part(text: str) -> tuple[complex, ...]:
    text = _WORDS.sub("", text).strip()
    text = text[1:] if text[0] in "([" and not _balanced(text) else text
    text = text[:-1] if text[-1] in ")]" and not _balanced(text) else text
    if based := _BASED.fullmatch(text):
        return (complex(int(based[1], int(based[2]))),) * _POINTS
    left, equals, right = text.partition("=")
    if not equals:
        return tuple(_evaluate(text, point) for point in range(_POINTS))
    if _NAME.fullmatch(left) and "=" not in right:
        return tuple(_evaluate(right, point) for point in range(_POINTS))
    # An equation counts up to a factor.
    sides = [_evaluate(left, p) - _evaluate(right, p) for p in range(_POINTS + 1)]
    return tuple(side / sides[0] for side in sides[1:])


def _balanced(text: str) -> bool:
    return all(text.count(one) == text.count(other) for one, other in ("()", "[]"))


def _same_parts(first: Values, second: Values, ratio: float) -> bool:
    """Is each part of either among the parts of the other? Order and repetition do not count."""

    def among(part: tuple[complex, ...], others: Values, factor: float) -> bool:
        return any(all(map(_close, (x * factor for x in part), other)) for other in others)

    return all(among(part, second, ratio) for part in first) and all(
        among(part, first, 1 / ratio) for part in second
    )


def _close(one: complex, other: complex) -> bool:
    return one == other or cmath.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _digits(text: str) -> str:
    return re.sub(r"_\{?\w+\}?|\D", "", text)


def _evaluate(text: str, point: int) -> complex:
    tokens = _TOKEN.findall(text)
    value, end = _sum(tokens, 0, point)
    if end != len(tokens):
        raise UnreadableError(text)
    return value


def _sum(tokens: list[str], at: int, point: int) -> tuple[complex, int]:
    total, at = _product(tokens, at, point)
    while at < len(tokens) and tokens[at] in "+-":
        term, end = _product(tokens, at + 1, point)
        total, at = total + (term if tokens[at] == "+" else -term), end
    return total, at


def _product(tokens: list[str], at: int, point: int) -> tuple[complex, int]:
    if tokens[at] in "+-":
        value, end = _product(tokens, at + 1, point)
        return (-value if tokens[at] == "-" else value), end
    product, at = _power(tokens, at, point)
    while at < len(tokens) and tokens[at] not in "+-)}]":
        operator = tokens[at] if tokens[at] in ("/", "*", "\\cdot", "\\times") else ""
        factor, end = _power(tokens, at + bool(operator), point)
        mixed = not operator and tokens[at] == r"\frac" and tokens[at - 1].isdigit()
        if mixed and product.imag == 0 and float(tokens[at - 1]) == product:
            product += factor  # 6\frac{1}{6}
        else:
            product = product / factor if operator == "/" else product * factor
        at = end
    return product, at


def _power(tokens: list[str], at: int, point: int) -> tuple[complex, int]:
    base, at = _atom(tokens, at, point)
    while at < len(tokens) and tokens[at] == "!":
        base, at = complex(math.factorial(int(base.real))), at + 1
    if at < len(tokens) and tokens[at] == "^":
        exponent, at = _argument(tokens, at + 1, point)
        base = base**exponent
    return base, at


def _atom(tokens: list[str], at: int, point: int) -> tuple[complex, int]:
    token = tokens[at]
    if token[0].isdigit() or token[0] == ".":
        return complex(float(token)), at + 1
    if token in ("(", "{", "["):
        value, end = _sum(tokens, at + 1, point)
        if tokens[end] not in (")", "}", "]"):
            raise UnreadableError(token)
        return value, end + 1
    if token == "i":
        return 1j, at + 1
    if token.isalpha():
        return _letter(token, point), at + 1
    return _command(token.removeprefix("\\"), tokens, at + 1, point)


def _command(name: str, tokens: list[str], at: int, point: int) -> tuple[complex, int]:
    if name == "frac":
        above, at = _argument(tokens, at, point)
        below, at = _argument(tokens, at, point)
        return above / below, at
    if name == "sqrt":
        root = 2 + 0j
        if tokens[at] == "[":
            root, at = _atom(tokens, at, point)
        under, at = _argument(tokens, at, point)
        return under ** (1 / root), at
    if name in _FUNCTIONS:
        exponent = 1 + 0j
        if tokens[at] == "^":
            exponent, at = _argument(tokens, at + 1, point)
        argument, at = _power(tokens, at, point)
        while at < len(tokens) and tokens[at][0] not in "+-)}]*/\\":
            factor, at = _power(tokens, at, point)
            argument *= factor
        return _FUNCTIONS[name](argument) ** exponent, at
    if name == "pi":
        return complex(math.pi), at
    if name in ("infty", "emptyset", "theta", "alpha", "beta", "triangle"):
        return _letter(name, point), at
    raise UnreadableError(name)


def _argument(tokens: list[str], at: int, point: int) -> tuple[complex, int]:
    r"""A group, or one symbol: \frac12 is a half."""
    if tokens[at][0].isdigit() and len(tokens[at]) > 1:
        symbols = tokens[at]
        tokens[at : at + 1] = [symbols[0], symbols[1:]]
    return _atom(tokens, at, point)


def _letter(name: str, point: int) -> complex:
    """A number for a letter that has no simple relation to any other."""
    return complex(1 + zlib.crc32(f"{name}{point}".encode()) % 1_000_003 / 700_001)
