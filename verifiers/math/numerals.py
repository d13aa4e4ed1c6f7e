"""Numbers as atoms of an expression: 16, 1.5e3, 101_2, 16th, 0.1666..., 0.1\\overline{6}."""

from fractions import Fraction

from verifiers.math.expressions import Expressions
from verifiers.math.notation import Token
from verifiers.math.tree import Node, ParseError, node, num

_REPEATING = ("overline", "bar", "dot")


class Numerals(Expressions):
    """The rules for numbers."""

    def literal(self, token: Token) -> Node:
        """A number with what belongs to it: its base, its period, the th of 16th."""
        assert token.value is not None
        if "." in token.text and (repeating := self._repeating(token)):
            return repeating
        if self.next_is("_"):
            self.take()
            return node("based", token.text, self.base())
        if self.ordinal_follows(self.peek()):
            self.take()
        return num(token.value, token.decimals)

    def _repeating(self, token: Token) -> Node | None:
        """0.1(6), 0.333..., 0.1\\overline{6}, 0.\\dot{1}4285\\dot{7}."""
        if self.next_is("ldots"):
            period = _period(token.text.partition(".")[2])
            if period:
                self.take()
                return _repeated(token.text, token.text[-period:])
        opening, inner, closing = self.texts(3)
        here = self.peek()
        if opening == "(" and closing == ")" and inner.isdecimal() and here and not here.gap:
            self.at += 3
            return _repeated(token.text + inner, inner)
        digits, marked = "", False
        while self.next_is(*_REPEATING) or (marked and self._digits_follow()):
            if self.next_is(*_REPEATING):
                self.take()
                marked = True
                braced = self.next_is("{")
                digits += (self.take(), self.take())[1].text if braced else self.take().text
                if braced:
                    self.expect("}")
            else:
                digits += self.take().text
        if not marked:
            return None
        if not digits.isdecimal():
            raise ParseError("a repeating part that is no digits")
        return _repeated(token.text + digits, digits)

    def _digits_follow(self) -> bool:
        here = self.peek()
        return here is not None and here.kind == "num" and not here.gap and here.text.isdecimal()

    def base(self) -> int:
        """The base behind the _ of a numeral."""
        opened = []
        while self.next_is("{", "("):
            opened.append(self.take().text)
        token = self.take()
        base = int(token.text[:3]) if token.text.isdecimal() else 0
        for opening in reversed(opened):
            self.expect("}" if opening == "{" else ")")
        if not 2 <= base <= 36:
            raise ParseError(f"{token.text!r} is no base of a numeral")
        return base


def _period(digits: str) -> int:
    """Length of what the last digits repeat: 333 -> 1, 1666 -> 1, 142857142857 -> 6; 0 for none."""
    for length in range(1, len(digits) // 2 + 1):
        times = 3 if length == 1 and len(digits) > 2 else 2
        if digits.endswith(digits[-length:] * times):
            return length
    return 0


def _repeated(text: str, period: str) -> Node:
    """0.1666... from its digits up to the first period and the period."""
    whole, _, after = text.partition(".")
    scale, nines = 10 ** len(after), 10 ** len(period) - 1
    value = Fraction(int((whole + after) or "0"), scale) + Fraction(int(period), nines * scale)
    return node("repeating", value)
