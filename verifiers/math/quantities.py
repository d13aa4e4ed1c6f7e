"""Values with what is written around them: $45, 17 apples, 16 m/s, 2 hours and 15 minutes."""

from abc import ABC, abstractmethod

from verifiers.math import number_words, units
from verifiers.math.cursor import (
    PRODUCT_LETTERS,
    SEPARATORS,
    VERBS,
    Cursor,
    calculation,
    refuse,
)
from verifiers.math.notation import Token
from verifiers.math.tree import Node, ParseError, node, num

CURRENCY = frozenset(
    ("euro", "pound", "yen", "rupee", "ruble", "won", "cent", "dong", "bitcoin", "dollar")
)
_CURRENCY_WORDS = ("rs", "usd", "eur")
_NAMES = {"$": "dollars", "dollar": "dollars", "USD": "dollars", "usd": "dollars", "cent": "cents"}


class Quantities(Cursor, ABC):
    """The rules for one value and its words."""

    @abstractmethod
    def set_value(self) -> Node:
        """A value without words, by the rules of expressions."""

    def measured(self) -> Node:
        """A value with its words; several are one where they measure one thing: 5 ft 3 in."""
        value = self._single()
        while value.op == "unit" and units.unit_of(value.args[1]) and self._another_follows():
            if self.next_is_word("and"):
                self.take()
            value = units.added(value, self._single()) or refuse("units of different kinds")
        return value

    def _another_follows(self) -> bool:
        ahead = 1 if self.next_is_word("and") else 0
        here, after = self.peek(ahead), self.peek(ahead + 1)
        is_number = here is not None and here.kind == "num"
        return is_number and after is not None and after.kind in ("word", "letter")

    def _single(self) -> Node:
        currency = self._currency()
        value = self.set_value()
        if self.next_is("over", "choose"):
            op = "div" if self.take().text == "over" else "binom"
            value = calculation(op, value, self.set_value())
        if self.next_is("pmod"):
            self.take()
            value = calculation("residue", value, self.set_value())
        words = self._words_behind(value)
        if words[:1] == ["percent"]:
            value, words = node("percent", value), words[1:]
        while words and words[0] in units.MULTIPLIERS:
            value = calculation("mul", value, num(units.MULTIPLIERS[words[0]]))
            words = words[1:]
        if value.op in ("word", "text") and words:
            raise ParseError("words behind words")
        unit = " ".join(words) or currency
        return node("unit", value, unit) if unit else value

    def _currency(self) -> str:
        """The unit that a sign before the number stands for; a pair of dollars is none."""
        name = ""
        while self.next_is("$", *CURRENCY) or self.next_is_word(*_CURRENCY_WORDS):
            sign = self.take().text
            closed = sign == "$" and any(token.text == "$" for token in self.tokens[self.at :])
            name = "" if closed else _NAMES.get(sign, sign)
            if self.next_is("."):
                self.take()
        return name

    def _words_behind(self, value: Node) -> list[str]:
        words: list[str] = []
        while (here := self.peek()) is not None:
            if self.next_is("$", *CURRENCY):
                paired = here.text == "$" and any(t.text == "$" for t in self.tokens[: self.at])
                words += [] if paired else [_NAMES.get(here.text, here.text)]
            elif here.kind == "word" and here.text.lower() in (*SEPARATORS, *VERBS):
                break
            elif here.kind == "word" and (words or self.is_unit(here)):
                words.append(here.text)
            elif here.kind == "letter" and self.is_letter_unit(here, words):
                self.assumed_unit = True
                words.append(here.text)
            elif (
                here.kind == "cmd"
                and here.text in ("Omega", "min")
                and (here.gap or words or value.op == "num")
            ):
                words.append(here.text)
            elif words and self.next_is(".", "/", "-", "*") and self._word_follows():
                words += [] if here.text == "." else [here.text]
            elif words and self._may_be_raised(words) and (raised := self._raised()):
                words[-1] += f"^{raised[0]}"
                self.at += raised[1]
            else:
                break
            self.at += 1
        return _checked(words, value)

    def is_unit(self, word: Token) -> bool:
        """May this word behind a value be its unit, or what it counts, and no product?"""
        if word.prose:
            return len(word.text) > 1 or word.text in units.SINGLE or not word.text.isascii()
        if word.text in units.MULTIPLIERS or len(word.text) > PRODUCT_LETTERS:
            return True
        is_unit = word.text in units.SHORT or (word.gap and len(word.text) > 2)
        self.assumed_unit = self.assumed_unit or is_unit
        return is_unit and self.letter_units

    def is_letter_unit(self, letter: Token, words: list[str]) -> bool:
        """Is this letter the m of `16 m`, or the s of `16 m/s`?"""
        if words:
            return words[-1] in ("/", "*") or (letter.gap and letter.text in units.SINGLE)
        if not self.letter_units or letter.text not in units.SINGLE:
            return False
        following = self.peek(1)
        if following is None or following.text in (*SEPARATORS, ".", "$", ")", "}"):
            return letter.gap
        divided = following.text == "/" and self.texts(3)[2] in (*units.SINGLE, "min", "hr", "sec")
        squared = following.text == "^" and letter.gap and letter.text == "m"
        return divided or squared

    def _may_be_raised(self, words: list[str]) -> bool:
        return self.next_is("^") and "^" not in words[-1]

    def _word_follows(self) -> bool:
        following = self.peek(1)
        return following is not None and following.kind in ("word", "letter")

    def _raised(self) -> tuple[str, int] | None:
        """The power of `cm^2`, `cm^{2}` or `s^{-1}` that stands next, and its number of tokens."""
        braced = self.texts(2)[1] == "{"
        at = 2 if braced else 1
        minus = "-" if self.texts(at + 1)[at] == "-" else ""
        power = self.texts(at + len(minus) + 1)[-1]
        if power not in ("1", "2", "3"):
            return None
        return minus + power, 1 + len(minus) + 2 * braced


def _checked(words: list[str], value: Node) -> list[str]:
    """Words behind a value, when they are a unit, a count of things or a multiplier."""
    lower = [word.lower() for word in words]
    if lower[:2] == ["per", "cent"]:
        words = ["percent", *words[2:]]
        lower = [word.lower() for word in words]
    points = {"point", "points"} & set(lower)
    if points and (value.op == "percent" or {"percent", "percentage"} & set(lower)):
        raise ParseError("per cent points are no per cent")
    named = lower[1:] if lower[:1] == ["percent"] else lower
    while named and named[0] in units.MULTIPLIERS:
        named = named[1:]
    if named == ["times"]:
        return words
    wrong = (units.REFUSED | units.MULTIPLIERS.keys() | number_words.NAMES) & set(named)
    if wrong:
        raise ParseError(f"{min(wrong)!r} behind a value is no unit")
    if lower[:1] == ["percent"]:
        words = ["percent", *words[1:]]
    return words
