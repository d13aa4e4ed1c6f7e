"""A place in a list of tokens, which the parts of the parser share."""

from typing import NoReturn

from verifiers.math.notation import Token
from verifiers.math.tree import Node, ParseError, node

MAX_DEPTH = 40
SEPARATORS = frozenset((",", ";", "or", "and"))
VERBS = frozenset(("is", "are", "equals", "equal"))
PRODUCT_LETTERS = 4
"""Letters in a row that may be a product (2abc); more are a word."""
_NO_OPERANDS = frozenset(
    ("text", "tuple", "list", "set", "chain", "union", "unit", "ratio", "residue")
)


class Cursor:
    """Looks at tokens and takes them, and counts how deep the recursion is."""

    def __init__(self, tokens: list[Token], letter_units: bool = True) -> None:
        """letter_units: read the m of `16 m` as a unit, else as a letter of a product."""
        self.tokens = tokens
        self.at = 0
        self.letter_units = letter_units
        self.assumed_unit = False
        """A letter or a short word was taken for a unit."""
        self._depth = 0

    def peek(self, ahead: int = 0) -> Token | None:
        """The token `ahead` of the next one; None behind the end."""
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def texts(self, count: int) -> list[str]:
        """The next tokens' texts, empty behind the end."""
        return [token.text if (token := self.peek(n)) else "" for n in range(count)]

    def next_is(self, *texts: str) -> bool:
        """Is the next token a sign or command of this name?"""
        here = self.peek()
        return here is not None and here.kind in ("op", "cmd") and here.text in texts

    def next_is_word(self, *texts: str) -> bool:
        """Is the next token one of these words, in any case?"""
        here = self.peek()
        return here is not None and here.kind == "word" and here.text.lower() in texts

    def take(self) -> Token:
        """The next token, which is then passed."""
        here = self.peek()
        if here is None:
            raise ParseError("something is missing at the end")
        self.at += 1
        return here

    def expect(self, text: str) -> None:
        """Pass a sign that must stand next."""
        if not self.next_is(text):
            here = self.peek()
            raise ParseError(f"expected {text!r}, found {here.text if here else 'the end'!r}")
        self.at += 1

    def put_back(self, *tokens: Token) -> None:
        """Tokens that stand next from now on, such as the rest of a word that is half taken."""
        self.tokens[self.at : self.at] = tokens

    def deeper(self) -> None:
        """Enter a rule; `shallower` leaves it."""
        self._depth += 1
        if self._depth > MAX_DEPTH * 4:  # four rules between one bracket and the next
            raise ParseError(f"nested more than {MAX_DEPTH} deep")

    def shallower(self) -> None:
        """Leave a rule."""
        self._depth -= 1


def refuse(reason: str) -> NoReturn:
    """Give up on the text, in an expression."""
    raise ParseError(reason)


def calculation(op: str, *parts: Node) -> Node:
    """A sum, product, quotient or power, which no text, list or set takes part in."""
    wrong = next((part for part in parts if part.op in _NO_OPERANDS), None)
    if wrong is not None:
        raise ParseError(f"a {wrong.op} is no part of a calculation")
    return node(op, *parts)


def negative(inner: Node) -> Node:
    """Minus a tree."""
    if inner.op == "num":
        return node("num", -inner.args[0], inner.args[1])
    if inner.op == "based" and not inner.args[0].startswith("-"):
        return node("based", f"-{inner.args[0]}", inner.args[1])
    if inner.op == "unit":  # -7 °C
        return node("unit", negative(inner.args[0]), inner.args[1])
    return calculation("neg", inner)
