"""Sums, products and powers, each by what it is made of.

The rules:

    set       sum ((\\cup \\cap \\setminus) sum)*
    sum       product ((+ - \\pm) product)*
    product   signed ((* / mod, or nothing) signed)*
    signed    (+ - \\pm) signed, or power
    power     primary (! % ' ^ : )*
"""

from abc import abstractmethod

from verifiers.math.cursor import SEPARATORS, VERBS, calculation, negative
from verifiers.math.notation import Token
from verifiers.math.quantities import CURRENCY, Quantities
from verifiers.math.tree import Node, ParseError, node, num

RELATIONS = {
    "=": "=", "<": "<", ">": ">", "le": "<=", "ge": ">=", "ne": "!=", "approx": "≈", "in": "in",
    "equiv": "≡", "sim": "~",
}  # fmt: skip
_MAX_IN_A_ROW = 20
"""Operations of which each takes the one before as its operand, so that the tree grows deep."""
CLOSING = frozenset((")", "]", "rangle", "\\}", "}", "rfloor", "rceil"))
_SET_OPS = {"cup": "union", "cap": "meet", "setminus": "minus"}
_ORDINALS = ("st", "nd", "rd", "th")
_NO_FACTOR = frozenset(
    (
        *(*RELATIONS, *_SET_OPS, *CLOSING, *SEPARATORS, *CURRENCY, "pm", "mp", "mod", "bmod"),
        *("pmod", "end", "ldots", "to", "over", "choose", "min", "Omega", "circ", "%", ":", "'"),
        *("/", "*", "|"),
    )
)
"""Commands that begin no factor of a product."""


class Expressions(Quantities):
    """The rules from sets down to powers."""

    bars = 0
    """Absolute values and sets that are open, in which `|` closes or parts."""
    backwards = 0
    """Intervals such as ]-1, 3[ that are open, in which `[` closes."""
    sets = 0
    """Sets in braces that are open, in which `:` parts."""

    @abstractmethod
    def primary(self) -> Node:
        """What powers are made of, by the rules of atoms."""

    def set_value(self) -> Node:
        left = self.sum()
        for _ in range(_MAX_IN_A_ROW):
            here = self.peek()
            if here is None or here.kind != "cmd" or here.text not in _SET_OPS:
                return left
            self.take()
            right = self.sum()
            same = left.op == _SET_OPS[here.text] != "minus"
            left = node(_SET_OPS[here.text], *(left.args if same else (left,)), right)
        raise ParseError(f"more than {_MAX_IN_A_ROW} sets in a row")

    def sum(self) -> Node:
        self.deeper()
        terms = [self.product()]
        while self.next_is("+", "-", "pm", "mp"):
            sign = self.take().text
            right = self.product()
            if sign == "-" and right.op == "set" and len(terms) == 1:
                terms = [node("minus", terms[0], right)]
            elif sign in ("pm", "mp"):
                left = terms[0] if len(terms) == 1 else calculation("add", *terms)
                terms = [calculation("pm", left, right if sign == "pm" else negative(right))]
            else:
                terms.append(right if sign == "+" else negative(right))
        self.shallower()
        return terms[0] if len(terms) == 1 else calculation("add", *terms)

    def product(self) -> Node:
        factors = [self._signed()]
        divisions = 0
        while True:
            if self.next_is("*"):
                self.take()
                factors.append(self._signed())
            elif self.next_is("/", "bmod", "mod"):
                divisions += 1
                if divisions > _MAX_IN_A_ROW:
                    raise ParseError(f"more than {_MAX_IN_A_ROW} divisions in a row")
                op = "div" if self.take().text == "/" else "mod"
                left = factors[0] if len(factors) == 1 else calculation("mul", *factors)
                factors = [calculation(op, left, self._signed())]
            elif self.begins_factor():
                mixed = self._mixed(factors[-1]) if len(factors) == 1 else None
                factors = [mixed] if mixed else [*factors, self.power()]
            else:
                break
        return factors[0] if len(factors) == 1 else calculation("mul", *factors)

    def _signed(self) -> Node:
        if not self.next_is("-", "+", "pm", "mp"):
            return self.power()
        sign = self.take().text
        self.deeper()
        inner = self._signed()
        self.shallower()
        if sign in ("pm", "mp"):
            return calculation("pm", num(0), inner)
        return negative(inner) if sign == "-" else inner

    def begins_factor(self) -> bool:
        """Does a factor follow without a sign between?"""
        here = self.peek()
        if here is None:
            return False
        before = self.tokens[self.at - 1]
        if here.kind == "num":
            apart = here.gap and before.kind == "num"
            return (before.kind != "word" and not apart) or self._ratio_follows()
        if here.kind == "letter":
            return not self.is_letter_unit(here, [])
        if here.kind == "word":
            is_text = here.text.lower() in (*SEPARATORS, *VERBS)
            return not is_text and not here.prose and not self.is_unit(here)
        if here.kind == "op":
            if here.text == "[":
                return not self.backwards
            return here.text in ("(", "{") or (here.text == "|" and not self.bars)
        return here.text not in _NO_FACTOR

    def _ratio_follows(self) -> bool:
        """The 1/2 of `3 1/2`."""
        slash, below = self.peek(1), self.peek(2)
        return slash is not None and slash.text == "/" and below is not None and below.kind == "num"

    def _mixed(self, whole: Node) -> Node | None:
        """A whole number with a fraction behind it: 3 1/2 or 3\\frac{1}{2}, not 3\\frac{x}{2}."""
        here = self.peek()
        if whole.op != "num" or whole.args[0].denominator != 1 or here is None:
            return None
        if here.kind == "num" and here.gap:
            above, _, below = self.take(), self.take(), self.take()
            part = node("div", num(above.value or 0), num(below.value or 0))
        elif here.text == "frac" and self._literal_fraction_follows():
            part = self.primary()
        else:
            return None
        top, bottom = (side.args[0] for side in part.args)
        if 0 < top < bottom and top.denominator == bottom.denominator == 1:
            value = abs(whole.args[0]) + top / bottom
            return self._postfix(node("mixed", -value if whole.args[0] < 0 else value))
        return calculation("mul", whole, self._postfix(part))

    def _literal_fraction_follows(self) -> bool:
        """\\frac{1}{2} or \\frac12: nothing is parsed twice to find out."""
        texts = self.texts(7)[1:]
        if texts[0] == "{":
            above, rest = texts[1], texts[3:]
            if texts[2] != "}":
                return False
        else:
            above, rest = texts[0][:1], ([texts[0][1:]] if texts[0][1:] else texts[1:])
        below = rest[1] if rest[0] == "{" and rest[2:3] == ["}"] else rest[0][:1]
        return above.isdecimal() and below.isdecimal()

    def power(self) -> Node:
        self.deeper()
        made = self._postfix(self.primary())
        self.shallower()
        return made

    def _postfix(self, base: Node) -> Node:
        """What stands behind a primary: n!, 5%, x', x^2, 60°, 3:4."""
        for _ in range(_MAX_IN_A_ROW):
            if self.next_is("!", "%"):
                base = calculation("fact" if self.take().text == "!" else "percent", base)
            elif self.next_is("circ"):
                self.take()
                base = self._temperature(node("deg", base))
            elif base.op == "deg" and base.args[0].op == "num" and self._minutes_follow():
                base = self._with_minutes(base)
            elif self.next_is("'"):
                self.take()
                base = primed(base)
            elif self.next_is("^"):
                self.take()
                base = self._raise(base)
            elif self._begins_ratio(base):
                self.take()
                right = self.power()
                base = node("ratio", base, *(right.args if right.op == "ratio" else (right,)))
            else:
                return base
        raise ParseError(f"more than {_MAX_IN_A_ROW} signs behind a value")

    def _begins_ratio(self, base: Node) -> bool:
        """The : of 3:4, or the `to` of 3 to 4."""
        following = self.peek(1)
        if following is None or following.kind not in ("num", "letter", "cmd"):
            return False
        named = self.next_is_word("to") and base.op == "num"
        return named or (
            self.next_is(":") and not self.sets and base.op not in ("word", "text", "fn")
        )

    def _raise(self, base: Node) -> Node:
        braced = self.next_is("{")
        if braced:
            self.take()
        if self.next_is("circ") or self.next_is_word(*_ORDINALS):
            raised = node("deg", base) if self.take().text == "circ" else base
        elif self.next_is("'"):
            self.take()
            raised = primed(base)
        else:
            raised = calculation("pow", base, self.sum() if braced else self.exponent())
        if braced:
            self.expect("}")
        return self._temperature(raised)

    def _temperature(self, raised: Node) -> Node:
        """The C of 16 °C is no letter of a product."""
        here = self.peek()
        is_scale = here is not None and here.kind in ("letter", "word") and here.text in ("C", "F")
        if raised.op == "deg" and is_scale:
            name = "celsius" if self.take().text == "C" else "fahrenheit"
            return node("unit", raised.args[0], name)
        return raised

    def _minutes_follow(self) -> bool:
        """The 15' of 30°15'."""
        following = self.peek()
        return following is not None and following.kind == "num" and self.texts(2)[1] == "'"

    def _with_minutes(self, degrees: Node) -> Node:
        """30°15'20\" as degrees."""
        value, scale = degrees.args[0].args[0], 60
        while scale <= 3600 and self._minutes_follow():
            value += (self.take().value or 0) / scale
            while self.next_is("'"):
                self.take()
            scale *= 60
        return node("deg", num(value))

    def exponent(self) -> Node:
        """What follows ^ without braces: a sign and one primary. TeX takes one digit, we all."""
        if self.next_is("-", "+"):
            sign = self.take().text
            inner = self.exponent()
            return negative(inner) if sign == "-" else inner
        self.deeper()
        base = self.primary()
        if self.next_is("^"):
            self.take()
            base = self._raise(base)
        self.shallower()
        return base

    def ordinal_follows(self, following: Token | None) -> bool:
        """The th of `16th`."""
        is_word = following is not None and following.kind == "word" and not following.gap
        return is_word and following is not None and following.text in _ORDINALS


def primed(base: Node) -> Node:
    """A letter with a prime, which is another letter."""
    if base.op != "sym":
        raise ParseError("a prime behind what is no letter")
    return node("sym", base.args[0] + "'")
