"""Wrong answers that look like the right one: another row's, or one with something changed.

Each is checked by latex_values, which shares no code with a grader: an answer that could be taken
for the expected one is not used, and the next place or kind of change is tried.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from latex_values import surely_differ, values, words_of
from maths_spellings import MULTIPLIERS, Spelling, plain_number

KINDS = ("another row", "digit", "sign", "unit", "letter")

_TOKEN = re.compile(
    r"\\(?:text|mbox|textbf|mathrm|begin|end|phantom)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|[0-9]|[A-Za-z]|.",
    re.DOTALL,
)
_PART_BEGINS = re.compile(
    r"(?:^|(?<=[(\[,&])|(?<=\\\\)|(?<=matrix\}))\s*(?=[0-9\\])(?!\\(?:begin|end|text|left|infty))"
)
_OTHER_UNIT = {
    "cm": "m",
    "m": "cm",
    "inches": "feet",
    "feet": "inches",
    "meters": "inches",
    "miles": "yards",
    "dollars": "cents",
    "cents": "dollars",
    "hours": "minutes",
    "minutes": "hours",
    "min": "hours",
    "days": "weeks",
    "weeks": "days",
    "years": "months",
    "seconds": "minutes",
    "degrees": "radians",
    "pounds": "ounces",
    "mph": "feet per second",
}
_UNIT_WORD = re.compile(rf"\b(?:{'|'.join(_OTHER_UNIT)})\b")


def wrong_twin(golds: Sequence[str], row: int, spelling: Spelling) -> tuple[str, str] | None:
    """A wrong completion for a row, in the variant of the spelling of its right one, and its kind.

    The kinds are tried in order from one that depends on the row.
    """
    right = spelling(golds[row], row)
    first = _hash(f"{row} {spelling.__name__}")
    for step in range(len(KINDS)):
        kind = KINDS[(first + step) % len(KINDS)]
        for changed in _CHANGES[kind](golds, row):
            text = spelling(changed, row)
            if text is not None and text != right:
                return text, kind
    return None


def other_rows(golds: Sequence[str], row: int) -> Iterator[str]:
    for attempt in range(12):
        other = golds[_hash(f"{row} {attempt}") % len(golds)]
        if surely_differ(golds[row], other):
            yield other


def other_digits(golds: Sequence[str], row: int) -> Iterator[str]:
    """One digit is another; none becomes a leading zero."""
    gold = golds[row]
    tokens = _TOKEN.findall(gold)
    step = 1 + _hash(f"{gold} {row}") % 9
    for at in _rotated([at for at, token in enumerate(tokens) if token.isdigit()], row):
        digit = (int(tokens[at]) + step) % 10
        if digit == 0 and (at == 0 or not re.match(r"[0-9.]", tokens[at - 1])):
            digit = 1 if tokens[at] != "1" else 2
        yield from _if_different(gold, _replaced(tokens, at, str(digit)))


def other_signs(golds: Sequence[str], row: int) -> Iterator[str]:
    """The sign of a number or a term is turned, or a minus set before a part."""
    gold = golds[row]
    tokens = _TOKEN.findall(gold)
    turned = [
        _replaced(tokens, at, "-" if token == "+" else "+" if _joins(tokens, at) else "")
        for at, token in enumerate(tokens)
        if token in "+-"
    ]
    begins = [0] if plain_number(gold) else [at.end() for at in _PART_BEGINS.finditer(gold)]
    begun = [gold[:at] + "-" + gold[at:] for at in begins if not gold.startswith("-", at)]
    for text in _rotated(turned + begun, row):
        yield from _if_different(gold, text)


def other_letters(golds: Sequence[str], row: int) -> Iterator[str]:
    """A variable, or a letter of an answer in words; never the name before an equals sign."""
    gold = golds[row]
    if words_of(gold) is not None:
        begin = gold.index("{")
        places = [begin + found.start() for found in re.finditer("[A-Za-z]", gold[begin:])]
        for at in _rotated(places, row):
            text = gold[:at] + _next_letter(gold[at], gold) + gold[at + 1 :]
            yield from _if_different(gold, text)
    elif "=" not in gold:
        tokens = _TOKEN.findall(gold)
        letters = [at for at, token in enumerate(tokens) if re.fullmatch("[A-Za-z]", token)]
        for at in _rotated([at for at in letters if tokens[at] not in "ie"], row):
            yield from _if_different(gold, _replaced(tokens, at, _next_letter(tokens[at], gold)))


def other_units(golds: Sequence[str], row: int) -> Iterator[str]:
    """Another unit than the expected answer's, or a word or sign that multiplies a number."""
    gold = golds[row]
    read = values(gold)
    if read is None or len(read) != 1 or not read[0][0] or "=" in gold:
        return
    if plain_number(gold):
        changes = [rf"{gold}\text{{ {word}}}" for word in MULTIPLIERS] + [rf"{gold}\pi"]
        yield from _rotated(changes, row)
    elif found := _UNIT_WORD.search(gold):
        yield gold[: found.start()] + _OTHER_UNIT[found.group()] + gold[found.end() :]
    elif money := re.fullmatch(r"\\\$\s*([0-9.]+)", gold):
        yield rf"{money[1]}\text{{ cents}}"
    elif degrees := re.fullmatch(r"([0-9.]+)\^\{?\\circ\}?", gold):
        yield rf"{degrees[1]}\text{{ radians}}"
    elif not re.search(r"\\pi|\\text|\\mbox|\\circ|\\\$|[_%]|.[+-]", gold):
        yield from _if_different(gold, rf"{gold} \pi")


_CHANGES: dict[str, Callable[[Sequence[str], int], Iterator[str]]] = dict(
    zip(KINDS, (other_rows, other_digits, other_signs, other_units, other_letters), strict=True)
)


def _if_different(gold: str, changed: str) -> Iterator[str]:
    if surely_differ(gold, changed):
        yield changed


def _joins(tokens: list[str], at: int) -> bool:
    """Does the sign stand between two terms, so that it cannot simply be left out?"""
    before = next((token for token in reversed(tokens[:at]) if token.strip()), "(")
    return before not in ("(", "[", "{", ",", "&", r"\\", "=", "^") and "begin" not in before


def _replaced(tokens: list[str], at: int, new: str) -> str:
    return "".join([*tokens[:at], new, *tokens[at + 1 :]])


def _next_letter(letter: str, gold: str) -> str:
    alphabet = "abcdfghjkmnpqrstuvwxyz"
    after = alphabet.index(letter.lower()) + 1 if letter.lower() in alphabet else 0
    new = next(c for c in alphabet[after:] + alphabet if c != letter.lower())
    return new.upper() if letter.isupper() else new


def _rotated(items: list[Any], by: int) -> list[Any]:
    by = by % len(items) if items else 0
    return items[by:] + items[:by]


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())
