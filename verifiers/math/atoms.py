"""What expressions are made of beside numbers: letters, words, brackets, functions, matrices."""

from abc import abstractmethod
from fractions import Fraction

from verifiers.math import units
from verifiers.math.cursor import (
    PRODUCT_LETTERS,
    SEPARATORS,
    VERBS,
    calculation,
    negative,
)
from verifiers.math.expressions import primed
from verifiers.math.notation import GREEK, Token
from verifiers.math.numerals import Numerals
from verifiers.math.quantities import CURRENCY
from verifiers.math.tree import FUNCTIONS, Node, ParseError, node, num

_OPENING = {"(": ")", "[": "]", "langle": "rangle", "]": "["}
_APPLIED = frozenset("fghFGH")
_MATRICES = frozenset(("matrix", "array", "cases"))
_ALIGNED = frozenset(("aligned", "align", "gathered", "split", "equation"))
_ACCENTS = frozenset(("overline", "bar", "vec", "hat", "widehat", "tilde", "overrightarrow"))
_BRACKETED = frozenset(("max", "min", "gcd", "lcm"))


class Atoms(Numerals):
    """The rules for one thing that stands by itself."""

    @abstractmethod
    def sequence(self) -> Node:
        """A list of items, by the rules of the whole answer."""

    def primary(self) -> Node:
        self.deeper()
        here = self.take()
        if here.text == "$" or here.text in CURRENCY:
            made = self.primary()
        elif here.kind == "num":
            made = self.literal(here)
        elif here.kind == "letter":
            made = self._letter(here.text)
        elif here.kind == "word":
            made = self._words(here)
        elif here.kind == "cmd":
            made = self._command(here.text)
        else:
            made = self._bracket(here.text)
        self.shallower()
        return made

    # Letters and words

    def _letter(self, name: str) -> Node:
        if name in ("e", "i") and not self.next_is("_"):
            return node("const", name)
        made = node("sym", name + self._index())
        if self.next_is("(") and (chosen := self._chosen(name)):
            return chosen
        if self.next_is("(") and name.isupper() and self._names_point():
            return self.primary()  # P(3, 4) is the point
        if self.next_is("(", "'") and (name in _APPLIED or self._defines()):
            return self._applied(made)
        return made

    def _defines(self) -> bool:
        """The (x) = of `p(x) = ...`, which makes p a function."""
        texts = self.texts(12)
        end = texts.index(")") if ")" in texts else 0
        return texts[0] == "(" and texts[end + 1 : end + 2] == ["="] and "(" not in texts[1:end]

    def _names_point(self) -> bool:
        """Is there a comma in the brackets that begin next, and no equation behind them?"""
        texts = self.texts(12)
        end = texts.index(")") if ")" in texts else 0
        return "," in texts[1:end] and "(" not in texts[1:end] and not self._defines()

    def _chosen(self, name: str) -> Node | None:
        """C(10, 3) is a binomial."""
        opening, above, comma, below, closing = self.texts(5)
        if (name, opening, comma, closing) != ("C", "(", ",", ")") or not (
            above + below
        ).isdecimal():
            return None
        self.at += 5
        return node("binom", num(int(above)), num(int(below)))

    def _applied(self, name: Node) -> Node:
        while self.next_is("'"):
            self.take()
            name = primed(name)
        if not self.next_is("("):
            return name
        self.take()
        inner = self.sequence()
        self.expect(")")
        return node("fn", name.args[0], *(inner.args if inner.op == "list" else (inner,)))

    def _index(self) -> str:
        """The index of a letter, as text: _1, _{n+1}."""
        if not self.next_is("_"):
            return ""
        self.take()
        if not self.next_is("{"):
            return f"_{self.take().text}"
        self.take()
        text, open_braces = "", 1
        while open_braces:
            part = self.take()
            open_braces += (part.text == "{") - (part.text == "}")
            text += part.text if open_braces else ""
        return f"_{text}"

    def _words(self, first: Token) -> Node:
        """Letters that may be a product (`word`), or a text of several words."""
        if first.text in units.MULTIPLIERS and not first.prose:
            return num(units.MULTIPLIERS[first.text])
        short = not first.prose and len(first.text) <= PRODUCT_LETTERS
        if short and self.next_is("^", "_", "!"):
            self.put_back(*(Token("letter", letter) for letter in first.text[1:]))
            return self._letter(first.text[0])  # mn^2 is m times n^2
        words = [first.text]
        while (here := self.peek()) is not None and here.kind in ("word", "letter"):
            separate = here.gap or here.prose or first.prose
            if not separate or here.text.lower() in (*SEPARATORS, *VERBS):
                break
            words.append(self.take().text)
        if len(words) == 1 and self.next_is("_"):
            return node("text", first.text + self._index())
        return node("word" if short and len(words) == 1 else "text", " ".join(words))

    # Brackets

    def _bracket(self, opening: str) -> Node:
        if opening == "|":
            self.bars += 1
            inner = self.sum()
            self.expect("|")
            self.bars -= 1
            return node("fn", "abs", inner)
        if opening == "{":
            inner = (
                self.measured() if self.next_is_word("st", "nd", "rd", "th") else self.sequence()
            )
            self.expect("}")
            return inner
        if opening == "\\{":
            return self._braced_set()
        if opening not in _OPENING:
            raise ParseError(f"unexpected {opening!r}")
        return self._interval_or_tuple(opening)

    def _interval_or_tuple(self, opening: str) -> Node:
        if self.next_is(_OPENING[opening]):
            self.take()
            return node("tuple", opening, _OPENING[opening])
        bars, self.bars = self.bars, 0
        self.backwards += opening == "]"
        inner = self.sequence()
        self.bars = bars
        self.backwards -= opening == "]"
        closing = self.take().text
        if closing not in (")", "]", "rangle", "["):
            raise ParseError(f"expected a closing bracket, found {closing!r}")
        if inner.op == "matrix":
            return inner
        if inner.op == "list":
            marks = ("<", ">") if opening == "langle" else (opening, closing)
            if len(inner.args) != 2 and marks not in (("(", ")"), ("[", "]"), ("<", ">")):
                raise ParseError("brackets that do not match")
            return node("tuple", *marks, *inner.args)
        if (opening, closing) not in (("(", ")"), ("[", "]")):
            raise ParseError("brackets around one value that do not match")
        if self.next_is("_") and inner.op == "num":
            self.take()
            return node("based", str(inner.args[0]), self.base())
        return inner if opening == "(" else node("tuple", "[", "]", inner)

    def _braced_set(self) -> Node:
        if self.next_is("\\}"):
            self.take()
            return node("set")
        bars, self.bars = self.bars, 1
        self.sets += 1
        inner = self.sequence()
        self.bars = bars
        self.sets -= 1
        if self.next_is("|", ":"):  # {x | x > 3}: the condition says it all
            self.take()
            inner = self.sequence()
            self.expect("\\}")
            return inner
        self.expect("\\}")
        return node("set", *(inner.args if inner.op == "list" else (inner,)))

    # Commands

    def _command(self, name: str) -> Node:
        if name in ("frac", "binom"):
            return calculation(
                "div" if name == "frac" else "binom", self._argument(), self._argument()
            )
        if name in ("sqrt", "cbrt"):
            return self._root(name)
        if name in ("pi", "infty"):
            return node("const", "pi" if name == "pi" else "inf")
        if name in FUNCTIONS:
            return self._function(name)
        if name in ("lfloor", "lceil"):
            inner = self.sum()
            self.expect("rfloor" if name == "lfloor" else "rceil")
            return node("fn", "floor" if name == "lfloor" else "ceil", inner)
        if name == "begin":
            return self._matrix()
        if name == "emptyset":
            return node("set")
        if name == "R":
            return node("const", "reals")
        if name == "ldots":
            return node("text", "...")
        if name in GREEK:
            return node("sym", f"\\{name}{self._index()}")
        if name in _ACCENTS:
            return node("fn", f"\\{name}", self._argument())
        if name in ("angle", "triangle", "measuredangle"):
            alone = self.peek() is None or self.next_is("=")
            return node("sym", f"\\{name}") if alone else node("fn", f"\\{name}", self.power())
        if name in ("|", "langle", "\\{", "(", "["):
            return self._bracket(name)
        raise ParseError(f"the command \\{name} is not known")

    def _argument(self) -> Node:
        """One argument of a command: {...}, or one digit, letter or command as TeX takes it."""
        if self.next_is("{"):
            self.take()
            inner = self.sequence()
            self.expect("}")
            return inner
        token = self.peek()
        if token is not None and token.kind == "num" and token.text.isdecimal() and token.text[1:]:
            self.take()
            rest = token.text[1:]
            self.put_back(Token("num", rest, value=Fraction(int(rest))))
            return num(int(token.text[0]))
        if token is not None and token.kind == "word" and not token.prose:
            self.take()
            self.put_back(*(Token("letter", letter) for letter in token.text[1:]))
            return self._letter(token.text[0])
        return self.primary()

    def _root(self, name: str) -> Node:
        degree = num(3 if name == "cbrt" else 2)
        if self.next_is("["):
            self.take()
            degree = self.sum()
            self.expect("]")
        # √12 of plain text is no √1 times 2, so digits are taken whole here.
        inner = self._argument() if self.next_is("{") else self.primary()
        return node("fn", "sqrt", inner) if degree == num(2) else node("fn", "root", inner, degree)

    def _function(self, name: str) -> Node:
        power = base = None
        while self.next_is("^", "_"):
            if self.take().text == "^":
                power = self._argument() if self.next_is("{") else self.exponent()
            else:
                base = self._argument()
        if self.next_is("(", "{", "["):
            inner = self._bracket(self.take().text)
        elif name in _BRACKETED:
            raise ParseError(f"{name} without brackets")
        else:
            inner = self._function_argument()
        arguments = {"list": inner.args, "tuple": inner.args[2:]}.get(inner.op, (inner,))
        if name in _BRACKETED and inner.op == "set":
            arguments = inner.args
        if not arguments:
            raise ParseError(f"{name} of nothing")
        if power == negative(num(1)) and name in ("sin", "cos", "tan"):
            return node("fn", f"arc{name}", *arguments)
        made = node("fn", name, *arguments, *((base,) if base is not None else ()))
        return made if power is None else calculation("pow", made, power)

    def _function_argument(self) -> Node:
        """sin 2x, log_2 8, sin x cos y: factors without a sign up to the next function."""
        factors = [self.power()]
        while self.begins_factor():
            here = self.peek()
            if here is None or here.text in FUNCTIONS or here.text in ("(", "|"):
                break
            factors.append(self.power())
        return factors[0] if len(factors) == 1 else calculation("mul", *factors)

    def _matrix(self) -> Node:
        kind = self._environment()
        if kind not in _MATRICES | _ALIGNED and not kind.endswith("matrix"):
            raise ParseError(f"the environment {kind} is not known")
        if kind == "array" and self.next_is("{"):
            while self.take().text != "}":
                pass
        rows: list[list[Node]] = [[]]
        while not self.next_is("end"):
            if self.next_is(","):
                self.take()
                rows.append([])
            elif self.next_is("&") and self.texts(2)[1] != "=":
                self.take()
            elif kind in _ALIGNED and not rows[-1] and rows[-2:-1] and self.relation() is not None:
                rows[-2][-1:] = [self.item(rows[-2][-1])]
            else:
                rows[-1].append(self.item())
        self.take()
        self._environment()
        if kind in _ALIGNED or all(_is_equation(cell) for row in rows for cell in row):
            cells = [cell for row in rows for cell in row]
            return cells[0] if len(cells) == 1 else node("list", *cells)
        made = node("matrix", *(node("row", *cells) for cells in rows if cells))
        return node("fn", "det", made) if kind == "vmatrix" else made

    @abstractmethod
    def item(self, before: Node | None = None) -> Node:
        """One entry of a matrix."""

    @abstractmethod
    def relation(self) -> str | None:
        """The relation that stands next."""

    def _environment(self) -> str:
        self.expect("{")
        name = self.take().text
        while not self.next_is("}"):
            name += self.take().text
        self.take()
        return name.rstrip("*")


def _is_equation(cell: Node) -> bool:
    """One line of a system, x = 3, which is no entry of a matrix."""
    return cell.op == "chain" and cell.args[1] == "="
